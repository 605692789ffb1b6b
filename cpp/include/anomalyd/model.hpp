// One model: inputs in, graded scores out. Transform, shingle, forest and thresholder in the order
// that keeps a point out of its own score: judge first, learn afterwards (§7, §14).
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include "anomalyd/checkpoint_bytes.hpp"
#include "anomalyd/corrector.hpp"
#include "anomalyd/deviation.hpp"
#include "anomalyd/explanation.hpp"
#include "anomalyd/forest.hpp"
#include "anomalyd/settings.hpp"
#include "anomalyd/shingle.hpp"
#include "anomalyd/threshold.hpp"
#include "anomalyd/transform.hpp"
#include "anomalyd/workspace.hpp"

namespace anomalyd {

// What a model says of one input. All zero while the model is still learning what is usual.
//
// The explanation beside it lies in the workspace: attribution if the grade is above 0, past_values
// if relative_index is below 0 then too, expected if has_expected.
struct Outcome {
  double score = 0.0;
  double grade = 0.0;
  double confidence = 0.0;
  double threshold = 0.0;
  Suppression suppression = Suppression::none;
  std::int32_t relative_index = 0;  // the input that is explained: 0 = this one, -1 = the last ...
  bool has_expected = false;

  void tolerate() noexcept {
    grade = 0.0;
    suppression = Suppression::tolerated;
  }
};

// Of an input that was left out.
constexpr Outcome left_out() noexcept {
  constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
  Outcome outcome;
  outcome.score = outcome.grade = outcome.confidence = outcome.threshold = nothing;
  return outcome;
}

// Where a forecast goes: horizon * features values each, oldest first, in the unit of the inputs.
struct ForecastColumns {
  double* values;
  double* low;   // a tenth of the trees expect less
  double* high;  // a tenth expect more
};

// Where neighbours go, `count` of each.
struct NeighbourColumns {
  double* points;       // dimensions() values each, in the unit of the inputs
  double* distance;     // Euclidean, in the forest's scale
  std::int64_t* trees;  // that arrive there; 0 where there are no more neighbours
};

class Model {
 public:
  // `settings` must outlive the model and be valid.
  Model(const Settings& settings, std::uint64_t seed);

  // Judges one input (per feature a finite value, or NaN where there is none) by all inputs before
  // it, then learns it. Missing values are filled in as the settings say; workspace.lacking marks
  // them. An input that cannot be completed leaves no trace, and its outcome is NaN: any missing
  // value without imputation, and one to be guessed before the model knows the scale of its inputs.
  Outcome process(const double* values, Workspace& workspace);

  // Asks for the memory that process() will read for this input; see Forest::prefetch_step().
  void prefetch_step(const double* values, Workspace& workspace) const noexcept;

  // Judges the newest input of a shingle (dimensions() values, oldest input first) by what the
  // model knows now: as process() would if those were its last inputs, but with all of them brought
  // to the scale of today and no earlier anomaly remembered. NaN where a value is. Leaves no trace.
  Outcome rescore(const double* shingle, Workspace& workspace) const;

  // What the model expects next: `horizon` inputs (features values each) behind the last one, and
  // the bounds between which it saw four of five such values. NaN before the model gives scores and
  // for a shingle_size of 1. Leaves no trace.
  void forecast(std::int64_t horizon, const ForecastColumns& to, Workspace& workspace) const;

  // How much of the shingle's score (as for rescore()) comes from each of its values being higher
  // or lower than usual: dimensions() each; all of them together are the score. NaN where a value
  // is, and before the model gives scores. Leaves no trace.
  void attribute(const double* shingle, double* high, double* low, Workspace& workspace) const;

  // Copies the shingle with what the forest expects in place of NaN: dimensions() values. NaN stay
  // before the model gives scores, and where all are. Leaves no trace.
  void impute(const double* shingle, double* to, Workspace& workspace) const;

  // The stored points at which the trees arrive with this shingle (as for rescore()), nearest
  // first: up to `count`, the rest NaN. Leaves no trace.
  void neighbours(const double* shingle, std::int64_t count, const NeighbourColumns& to,
                  Workspace& workspace) const;

  // Inputs processed so far.
  std::int64_t updates() const noexcept { return inputs_; }
  const Forest& forest() const noexcept { return forest_; }
  std::size_t size_in_bytes() const noexcept;

  // For checkpoints (checkpoint.hpp); load() requires a new model.
  void save(Writer& writer) const;
  void load(Reader& reader);

 private:
  // What a checkpoint holds of it but for the forest, in both directions.
  template <class Self, class Archive>
  static void state(Self& self, Archive& archive) {
    archive.value(self.inputs_);
    archive.require(0 <= self.inputs_ && self.inputs_ <= most_inputs,
                    "an impossible number of inputs");
    if constexpr (!std::is_const_v<Self>) {
      const bool waiting = self.inputs_ < self.settings_.start_normalization();
      self.initial_.resize(
          waiting ? static_cast<std::size_t>(self.inputs_ * self.settings_.features) : 0);
    }
    archive.values(self.initial_);
    archive.values(self.recent_);
    Transform::state(self.transform_, archive);
    Shingle::state(self.shingle_, archive);
    Thresholder::state(self.thresholder_, archive);
    Corrector::state(self.corrector_, self.inputs_, archive);
    // Only models that guess have the rest.
    if (!self.settings_.guesses()) return;
    Deviation::state(self.quality_, archive);
    archive.values(self.guessed_);
    archive.values(self.slopes_);
  }

  bool buffer_initial(const double* values, Workspace& workspace);
  bool complete(const double* values, Workspace& workspace) const noexcept;
  double stand_in(std::size_t feature) const noexcept;
  void ask_forest(Workspace& workspace) const noexcept;
  Outcome judge(Corrector& corrector, const double* before, const double* newest,
                Workspace& workspace) const;
  bool is_tolerated(const double* newest, const Outcome& outcome,
                    const Workspace& workspace) const noexcept;
  void explain(std::size_t block, const double* before, const double* newest, Outcome& outcome,
               Workspace& workspace) const noexcept;
  void transform_shingle(const double* shingle, float* point) const noexcept;
  bool is_guess(const Workspace& workspace) const noexcept;
  void learn_statistics(const double* values, const Workspace& workspace) noexcept;
  void remember(const double* values) noexcept;
  void learn_point(Workspace& workspace);
  double confidence() const noexcept;

  const Settings& settings_;
  std::int64_t inputs_ = 0;
  std::vector<double> initial_;  // the first inputs, until their statistics are known
  std::vector<double> recent_;   // the inputs of the shingle but the next one, oldest first
  Transform transform_;
  Shingle shingle_;
  Forest forest_;
  Thresholder thresholder_;
  Corrector corrector_;
  Deviation quality_;                   // of the share of values that were there; if guessing
  std::vector<std::uint32_t> guessed_;  // per block of the shingle: whether it is nothing but guess
  std::vector<double> slopes_;          // the last step of each feature; for Imputation::linear
};

}  // namespace anomalyd
