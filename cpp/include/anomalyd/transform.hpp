// Brings inputs to the scale that the forest sees (§8).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "anomalyd/deviation.hpp"
#include "anomalyd/settings.hpp"

namespace anomalyd {

// NONE passes values on; SUBTRACT_MOVING_AVERAGE subtracts the discounted mean of each feature, and
// NORMALIZE divides by its smoothed deviation as well. DIFFERENCE gives the step from the input
// before, and NORMALIZE_DIFFERENCE that step less the usual one, divided by the smoothed deviation
// of steps. Unlike the reference, whose scale has 1.0 added, the scale here has a millionth of the
// series' own level added, so that the unit of a series does not matter
// (docs/decisions/001-unit-free-scale.md).
class Transform {
 public:
  explicit Transform(const Settings& settings);

  // Whether coordinates are steps from the input before.
  bool differences() const noexcept {
    return method_ == TransformMethod::difference ||
           method_ == TransformMethod::normalize_difference;
  }

  // Transforms the input (a value per feature, finite) that follows the last one learned, by what
  // was learned before it.
  void apply(const double* values, float* block) const noexcept;

  // The same for an input that follows `previous`; null if none is known, and every step is taken
  // for the usual one.
  void apply(const double* values, const double* previous, float* block) const noexcept;

  // The input that apply() turns into this coordinate, but for clipping and float rounding.
  double undo(std::size_t feature, float coordinate) const noexcept {
    return undo(feature, coordinate, features_[feature].last);
  }
  double undo(std::size_t feature, float coordinate, double previous) const noexcept {
    return static_cast<double>(coordinate) * scale(feature) + shift(feature, previous);
  }

  // Takes the input into the statistics.
  void learn(const double* values) noexcept;

  // The same for an input of which only the values not marked in `guessed` (one per feature) are
  // known: the others are what the next step is counted from, but no statistics.
  void learn(const double* values, const std::uint8_t* guessed) noexcept;

  // What apply() subtracts, and what it divides by.
  double shift(std::size_t feature) const noexcept { return shift(feature, last(feature)); }
  double scale(std::size_t feature) const noexcept;

  // The last input learned; 0 before any.
  double last(std::size_t feature) const noexcept { return features_[feature].last; }

  // Smoothed deviation of the differences between consecutive inputs, in the forest's scale: how
  // much of a step is noise.
  double scaled_noise(std::size_t feature) const noexcept;

  // What a checkpoint holds of it, in both directions (checkpoint_bytes.hpp).
  template <class Self, class Archive>
  static void state(Self& self, Archive& archive) {
    for (auto& feature : self.features_) {
      Deviation::state(feature.value, archive);
      Deviation::state(feature.spread, archive);
      Deviation::state(feature.step, archive);
      Deviation::state(feature.noise, archive);
      archive.value(feature.last);
    }
  }

  std::size_t size_in_bytes() const noexcept { return features_.capacity() * sizeof(Feature); }

 private:
  struct Feature {
    explicit Feature(double discount) noexcept
        : value(discount), spread(discount), step(discount), noise(0.1 * discount) {}

    Deviation value;   // of the inputs
    Deviation spread;  // of the deviation so far: its mean is the smoothed scale
    Deviation step;    // of the differences between consecutive inputs
    Deviation noise;   // of the deviation of those
    double last = 0.0;
  };

  void learn(Feature& feature, double input) const noexcept;
  float apply(std::size_t feature, double input, double previous) const noexcept;
  double shift(std::size_t feature, double previous) const noexcept;

  TransformMethod method_;
  bool described_;  // whether anybody asks for the statistics: a plain forest does not
  std::vector<Feature> features_;
};

}  // namespace anomalyd
