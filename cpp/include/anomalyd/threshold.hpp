// Turns scores into grades by how rare they are among those of their own series.
//
// The reference's grade (§9) counts deviations, and is 1 from 0.8 of one above the threshold:
// nearly every alarm has the same, and a deviation means something else in each series. A rarity
// puts the alarms of one series and of many in order (docs/decisions/006-grades-are-rarities.md).
#pragma once

#include "anomalyd/deviation.hpp"
#include "anomalyd/excess_tail.hpp"
#include "anomalyd/settings.hpp"

namespace anomalyd {

struct Grading {
  double threshold;
  double grade;   // 0 to 1; 0 = not an anomaly
  double rarity;  // surprisal of the score in nats if the grade is above 0, else 0
};

class Thresholder {
 public:
  explicit Thresholder(const Settings& settings) noexcept;

  // Judges a score by the statistics of the scores before it.
  Grading grade(double score) const noexcept;

  // Takes a score into the statistics.
  void update(double score) noexcept;

  // What a checkpoint holds of it, in both directions (checkpoint_bytes.hpp).
  template <class Self, class Archive>
  static void state(Self& self, Archive& archive) {
    Deviation::state(self.scores_, archive);
    ExcessTail::state(self.tail_, archive);
  }

 private:
  bool ready() const noexcept;
  double usual_excess() const noexcept;
  double level() const noexcept;

  Deviation scores_;  // of scores, capped
  ExcessTail tail_;   // of scores above level()
};

}  // namespace anomalyd
