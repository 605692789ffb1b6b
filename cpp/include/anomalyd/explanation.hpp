// What an outcome says besides numbers of its own: why, and what was expected instead (§11).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace anomalyd {

// Why a score above its threshold has no grade. The numbers are part of the Python face.
enum class Suppression : std::uint8_t {
  none = 0,
  anomaly_in_shingle = 1,    // an earlier anomaly in the window explains it
  near_expected = 2,         // about what was expected
  conditional_forecast = 3,  // about what followed similar histories
  alarmed = 4,               // an anomaly of an episode that has alarmed already
  tolerated = 5,             // near enough to what was expected for a rule to ignore it
  drift = 6,                 // what is usual on another level, soon after an alarm
};

// A number per feature, each in the unit of the inputs; see Outcome for which of them hold.
struct Explanation {
  explicit Explanation(std::size_t features)
      : attribution(features, 0.0), expected(features, 0.0), past_values(features, 0.0) {}

  std::vector<double> attribution;  // the features' parts in the score, sum 1
  std::vector<double> expected;     // what the forest would have expected
  std::vector<double> past_values;  // the inputs that the score comes from, if they are older
};

}  // namespace anomalyd
