#include "anomalyd/transform.hpp"

#include <algorithm>
#include <cmath>

#include "anomalyd/box.hpp"

namespace anomalyd {
namespace {

constexpr double clip = 100.0;
// What a scale never falls below, relative to the level of the series.
constexpr double relative_floor = 1e-6;
// A difference this small beside the level is the rounding of a sum, not a change.
constexpr double relative_rounding = 1e-12;
// Beyond it, squares would leave the doubles.
constexpr double largest_input = 1e150;

// Also turns -0.0 into 0.0, so that equal points are equal bytes. Written so that a NaN, which only
// forged statistics could give, does not get into a tree.
float coordinate(double value) noexcept {
  return static_cast<float>(std::max(-largest_coordinate, std::min(largest_coordinate, value))) +
         0.0F;
}

double bounded(double value) noexcept { return std::clamp(value, -largest_input, largest_input); }

bool normalizes(TransformMethod method) noexcept {
  return method == TransformMethod::normalize || method == TransformMethod::normalize_difference;
}

double normalized(double value, double shift, double scale) noexcept {
  const double difference = value - shift;
  if (std::abs(difference) <= relative_rounding * std::abs(shift)) return 0.0;
  // Anything at all is far out on a series that has been zero throughout.
  if (scale <= 0.0) return std::copysign(clip, difference);
  return std::clamp(difference / scale, -clip, clip);
}

}  // namespace

Transform::Transform(const Settings& settings)
    : method_(settings.transform),
      described_(settings.transform != TransformMethod::none || settings.corrector),
      features_(static_cast<std::size_t>(settings.features), Feature(settings.time_decay)) {}

void Transform::apply(const double* values, float* block) const noexcept {
  for (std::size_t i = 0; i < features_.size(); ++i) {
    const bool no_step = differences() && features_[i].value.count() == 0;
    block[i] = no_step ? 0.0F : apply(i, values[i], features_[i].last);
  }
}

void Transform::apply(const double* values, const double* previous, float* block) const noexcept {
  for (std::size_t i = 0; i < features_.size(); ++i) {
    const bool no_step = differences() && previous == nullptr;
    block[i] = no_step ? 0.0F : apply(i, values[i], previous == nullptr ? 0.0 : previous[i]);
  }
}

float Transform::apply(std::size_t feature, double input, double previous) const noexcept {
  const double value = bounded(input);
  const double from = shift(feature, bounded(previous));
  return coordinate(normalizes(method_) ? normalized(value, from, scale(feature)) : value - from);
}

void Transform::learn(const double* values) noexcept {
  for (std::size_t i = 0; i < features_.size(); ++i) learn(features_[i], bounded(values[i]));
}

void Transform::learn(const double* values, const std::uint8_t* guessed) noexcept {
  for (std::size_t i = 0; i < features_.size(); ++i) {
    if (guessed[i] == 0) {
      learn(features_[i], bounded(values[i]));
    } else {
      features_[i].last = bounded(values[i]);
    }
  }
}

void Transform::learn(Feature& feature, double input) const noexcept {
  if (described_) {
    const double difference = feature.value.count() == 0 ? 0.0 : input - feature.last;
    feature.value.update(input);
    feature.spread.update(feature.value.deviation());
    feature.step.update(difference);
    feature.noise.update(feature.step.deviation());
  }
  feature.last = input;
}

double Transform::shift(std::size_t feature, double previous) const noexcept {
  switch (method_) {
    case TransformMethod::none:
      return 0.0;
    case TransformMethod::difference:
      return previous;
    case TransformMethod::normalize_difference:
      return previous + features_[feature].step.mean();
    case TransformMethod::normalize:
    case TransformMethod::subtract_moving_average:
      break;
  }
  return features_[feature].value.mean();
}

double Transform::scale(std::size_t feature) const noexcept {
  if (!normalizes(method_)) return 1.0;
  const Feature& state = features_[feature];
  const Deviation& spread = differences() ? state.noise : state.spread;
  return spread.mean() + relative_floor * std::abs(state.value.mean());
}

double Transform::scaled_noise(std::size_t feature) const noexcept {
  const double divisor = scale(feature);
  return divisor > 0.0 ? features_[feature].noise.mean() / divisor : 0.0;
}

}  // namespace anomalyd
