// Turns scores into grades by what scores have been like so far (§9).
#pragma once

#include "anomalyd/deviation.hpp"
#include "anomalyd/settings.hpp"

namespace anomalyd {

struct Grading {
  double threshold;
  double grade;  // 0 to 1, a multiple of 1/16; 0 = not an anomaly
};

class Thresholder {
 public:
  explicit Thresholder(const Settings& settings) noexcept;

  // Judges a score by the statistics of the scores before it.
  Grading grade(double score) const noexcept;

  // Takes a score into the statistics. `corrected` is the score without what an earlier anomaly in
  // the same shingle contributes; the same number where nothing was corrected.
  void update(double score, double corrected) noexcept;

  // What a checkpoint holds of it, in both directions (checkpoint_bytes.hpp).
  template <class Self, class Archive>
  static void state(Self& self, Archive& archive) {
    Deviation::state(self.scores_, archive);
    Deviation::state(self.differences_, archive);
    Deviation::state(self.falls_, archive);
    archive.value(self.last_score_);
  }

 private:
  bool ready() const noexcept;
  double long_term_deviation() const noexcept;

  bool shingled_;
  bool normalized_;
  Deviation scores_;       // of scores, capped
  Deviation differences_;  // of steps from one score to the next
  Deviation falls_;        // of distances below the mean: scores are heavy-tailed upward only
  double last_score_ = 0.0;
};

}  // namespace anomalyd
