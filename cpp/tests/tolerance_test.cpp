// What rules ignore, value by value; what that does to a model's judgements is in tests/unit/core.
#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>
#include <vector>

#include "anomalyd/settings.hpp"

namespace anomalyd {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
const Tolerance anything{infinity, infinity, 0.0, 0.0};

bool tolerates(std::vector<std::vector<Tolerance>> rules, const std::vector<double>& actual,
               const std::vector<double>& expected) {
  Settings settings;
  settings.features = static_cast<std::int64_t>(actual.size());
  settings.tolerances = std::move(rules);
  settings.validate();
  return settings.tolerates(actual.data(), expected.data());
}

TEST(Tolerance, AllowsADifferenceOnItsSideAndNothingOnTheOther) {
  struct Case {
    Tolerance tolerance;
    double actual;
    double expected;
    bool ignored;
  };
  const std::vector<Case> cases{
      {{5.0, 0.0, 0.0, 0.0}, 105.0, 100.0, true},
      {{5.0, 0.0, 0.0, 0.0}, 105.1, 100.0, false},
      {{5.0, 0.0, 0.0, 0.0}, 99.0, 100.0, false},
      {{0.0, 5.0, 0.0, 0.0}, 95.0, 100.0, true},
      {{0.0, 5.0, 0.0, 0.0}, 94.9, 100.0, false},
      {{0.0, 5.0, 0.0, 0.0}, 101.0, 100.0, false},
      {{0.0, 0.0, 0.2, 0.0}, 125.0, 100.0, true},  // parts of the actual value
      {{0.0, 0.0, 0.2, 0.0}, 126.0, 100.0, false},
      {{0.0, 0.0, 0.0, 0.2}, -125.0, -100.0, true},
      {{0.0, 0.0, 0.0, 0.2}, 80.0, 100.0, false},
      {{0.0, infinity, 0.0, 0.0}, -1e300, 100.0, true},
      {{0.0, infinity, 0.0, 0.0}, 100.1, 100.0, false},
      {{infinity, 0.0, 0.0, 0.0}, 1e300, 100.0, true},
      {{infinity, 0.0, 0.0, 0.0}, 99.9, 100.0, false},
      {{5.0, 0.0, 0.2, 0.0}, 125.0, 100.0, true},  // the larger of both counts
      {{30.0, 0.0, 0.2, 0.0}, 130.0, 100.0, true},
      {{}, 100.0, 100.0, true},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(tolerates({{each.tolerance}}, {each.actual}, {each.expected}), each.ignored)
        << each.actual;
  }
}

TEST(Tolerance, EveryFeatureOfARuleAndAnyOfTheRules) {
  const std::vector<Tolerance> both{{1.0, 2.0, 0.0, 0.0}, {1.0, 0.0, 0.0, 0.0}};
  const std::vector<Tolerance> first{{infinity, 0.0, 0.0, 0.0}, anything};
  EXPECT_TRUE(tolerates({both}, {11.0, 1.0}, {10.0, 0.0}));
  EXPECT_TRUE(tolerates({both}, {8.0, 1.0}, {10.0, 0.0}));
  EXPECT_FALSE(tolerates({both}, {8.0, 1.1}, {10.0, 0.0}));
  EXPECT_TRUE(tolerates({both, first}, {99.0, 1.1}, {10.0, 0.0}));
  EXPECT_FALSE(tolerates({}, {1.0, 1.0}, {1.0, 1.0}));
}

TEST(Tolerance, MustBePossible) {
  Settings settings;
  for (const double bound : {-1.0, std::numeric_limits<double>::quiet_NaN()}) {
    settings.tolerances = {{{0.0, 0.0, bound, 0.0}}};
    EXPECT_THROW(settings.validate(), std::invalid_argument);
  }
  settings.tolerances = {{{}, {}}};
  EXPECT_THROW(settings.validate(), std::invalid_argument);
}

}  // namespace
}  // namespace anomalyd
