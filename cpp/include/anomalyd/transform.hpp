// Brings inputs to the scale that the forest sees (§8).
#pragma once

#include <cstddef>
#include <vector>

#include "anomalyd/deviation.hpp"
#include "anomalyd/settings.hpp"

namespace anomalyd {

// NORMALIZE subtracts the discounted mean and divides by the smoothed deviation of each feature;
// NONE passes values on. Unlike the reference, whose scale has 1.0 added, the scale here has a
// millionth of the series' own level added, so that the unit of a series does not matter
// (docs/decisions/001-unit-free-scale.md).
class Transform {
 public:
  explicit Transform(const Settings& settings);

  // Transforms one input (a value per feature, finite) by what was learned before it.
  void apply(const double* values, float* block) const noexcept;

  // Takes the input into the statistics.
  void learn(const double* values) noexcept;

  double shift(std::size_t feature) const noexcept;
  double scale(std::size_t feature) const noexcept;
  std::size_t size_in_bytes() const noexcept { return features_.capacity() * sizeof(Feature); }

 private:
  struct Feature {
    Deviation value;   // of the inputs
    Deviation spread;  // of the deviation so far: its mean is the smoothed scale
  };

  TransformMethod method_;
  std::vector<Feature> features_;
};

}  // namespace anomalyd
