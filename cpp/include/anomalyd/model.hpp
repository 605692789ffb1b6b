// One model: inputs in, graded scores out. Transform, shingle, forest and thresholder in the order
// that keeps a point out of its own score: judge first, learn afterwards (§7, §14).
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "anomalyd/checkpoint_bytes.hpp"
#include "anomalyd/corrector.hpp"
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
};

class Model {
 public:
  // `settings` must outlive the model and be valid.
  Model(const Settings& settings, std::uint64_t seed);

  // Judges one input (a finite value per feature) by all inputs before it, then learns it.
  Outcome process(const double* values, Workspace& workspace);

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
  }

  bool buffer_initial(const double* values, Workspace& workspace);
  void explain(std::size_t block, Outcome& outcome, Workspace& workspace) const noexcept;
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
};

}  // namespace anomalyd
