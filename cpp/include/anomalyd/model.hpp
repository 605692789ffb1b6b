// One model: inputs in, graded scores out. Transform, shingle, forest and thresholder in the order
// that keeps a point out of its own score: judge first, learn afterwards (§7, §14).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "anomalyd/corrector.hpp"
#include "anomalyd/forest.hpp"
#include "anomalyd/settings.hpp"
#include "anomalyd/shingle.hpp"
#include "anomalyd/threshold.hpp"
#include "anomalyd/transform.hpp"
#include "anomalyd/workspace.hpp"

namespace anomalyd {

// What a model says of one input. All zero while the model is still learning what is usual.
struct Outcome {
  double score = 0.0;
  double grade = 0.0;
  double confidence = 0.0;
  double threshold = 0.0;
  Suppression suppression = Suppression::none;
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

 private:
  bool buffer_initial(const double* values, Workspace& workspace);
  void learn_point(Workspace& workspace);
  double confidence() const noexcept;

  const Settings& settings_;
  std::int64_t inputs_ = 0;
  std::vector<double> initial_;  // the first inputs, until their statistics are known
  Transform transform_;
  Shingle shingle_;
  Forest forest_;
  Thresholder thresholder_;
  Corrector corrector_;
};

}  // namespace anomalyd
