// What a model is built from. One bank holds models of one configuration, so the settings are kept
// once per bank and handed to every model by reference.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace anomalyd {

// How an input is brought to the forest's scale (random-cut-forest §8). The numbers are part of
// checkpoints.
enum class TransformMethod : std::uint8_t {
  none = 0,
  normalize = 1,
  difference = 2,
  normalize_difference = 3,
  subtract_moving_average = 4,
};

// What stands in for a value that an input lacks (§8, STREAMING_IMPUTE). `none`: the input is left
// out. `zero` and `fixed` say what an absence means, so the input counts like any other. The rest
// are guesses: the last value, the line through the last two, what the forest expects. The numbers
// are part of checkpoints.
enum class Imputation : std::uint8_t {
  none = 0,
  zero = 1,
  fixed = 2,
  previous = 3,
  linear = 4,
  forest = 5,
};

// How far a value may lie from what was expected for a rule to ignore it (random-cut-forest §10,
// steps 9 and 13): on each side the larger of a difference in the unit of the inputs and a part of
// the actual value's size. 0 allows nothing; infinity anything.
struct Tolerance {
  double over = 0.0;
  double below = 0.0;
  double over_ratio = 0.0;
  double below_ratio = 0.0;

  bool covers(double actual, double expected) const noexcept {
    const double size = std::abs(actual);
    const double difference = actual - expected;
    return difference >= 0.0 ? difference <= std::max(over, over_ratio * size)
                             : -difference <= std::max(below, below_ratio * size);
  }
};

struct Settings {
  std::int64_t features = 1;
  std::int64_t shingle_size = 8;
  std::int64_t trees = 30;
  std::int64_t sample_size = 256;
  double time_decay = 1.0 / 2560.0;
  std::int64_t output_after = 32;
  double initial_accept_fraction = 0.125;
  TransformMethod transform = TransformMethod::normalize;
  bool corrector = true;  // whether grades get a second look (§10); needs a shingle
  Imputation imputation = Imputation::none;
  std::vector<double> fixed_values = {};  // one per feature for Imputation::fixed, else empty
  // Anomalies to ignore: those near enough in every feature, by any of the rules. Each has one
  // element per feature. They are not what a model is, so a checkpoint does not depend on them.
  std::vector<std::vector<Tolerance>> tolerances = {};
  // Whether scores are judged by those before them. Without, an outcome is its score. Not what a
  // model is either.
  bool verdicts = true;

  // Coordinates of one point in the forest.
  std::int64_t dimensions() const noexcept { return features * shingle_size; }

  // Inputs that are buffered and transformed together before the first one reaches the forest (§8).
  std::int64_t start_normalization() const noexcept {
    return transform == TransformMethod::none || transform == TransformMethod::difference ? 0 : 10;
  }

  // Whether missing values are filled with guesses, which are learned with care.
  bool guesses() const noexcept { return imputation >= Imputation::previous; }

  // Forest updates before the forest gives scores (§7): `output_after` counts inputs, and the first
  // shingle_size - 1 of them complete no shingle.
  std::int64_t forest_output_after() const noexcept;

  // Whether any rule ignores an input with these values (features each).
  bool tolerates(const double* actual, const double* expected) const noexcept;

  // Throws std::invalid_argument that names the first field out of bounds, its bounds and its
  // value.
  void validate() const;
};

bool operator==(const Tolerance& a, const Tolerance& b) noexcept;
bool operator==(const Settings& a, const Settings& b) noexcept;

}  // namespace anomalyd
