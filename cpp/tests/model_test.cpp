// One model: order of operations, warm-up, and streams with a known verdict.
#include "anomalyd/model.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "stream.hpp"

namespace anomalyd {
namespace {

std::vector<Outcome> run(const Settings& settings, std::uint64_t seed,
                         const std::vector<double>& values) {
  Model model(settings, seed);
  Workspace workspace(settings);
  std::vector<Outcome> outcomes;
  for (std::size_t i = 0; i < values.size(); i += static_cast<std::size_t>(settings.features)) {
    outcomes.push_back(model.process(values.data() + i, workspace));
  }
  return outcomes;
}

TEST(Stream, HasThePublishedCheckValues) {
  const auto check = [](std::uint64_t t, double one, double five) {
    EXPECT_NEAR(testing::stream_value(42, t, 0, 1), one, 1e-10);
    EXPECT_NEAR(testing::stream_value(42, t, 3, 5), five, 1e-10);
  };
  check(0, 97.05723707037843, 145.33493893781326);
  check(1, 99.93281911078917, 141.57681964002694);
  check(2, 99.37529537002146, 140.4371912263122);
  check(287, 99.3045778565175, 147.08866353035756);
  check(1497, 81.74471511559342, 103.97465704066585);
  check(1498, 79.77379180165646, 105.25679932544244);
  check(2494, 126.14818363822802, 149.69885881622764);
  check(100000, 121.87644429654914, 108.30492855765294);
}

TEST(Model, ScoresFromTheInputAfterOutputAfterOn) {
  const std::vector<Outcome> outcomes = run({}, 1, testing::stream_rows(42, 60, 1));
  for (std::size_t t = 0; t < 32; ++t) {
    EXPECT_EQ(outcomes[t].score, 0.0) << t;
    EXPECT_EQ(outcomes[t].threshold, 0.0) << t;
    EXPECT_EQ(outcomes[t].confidence, 0.0) << t;
  }
  EXPECT_GT(outcomes[32].score, 0.0);
  EXPECT_EQ(outcomes[32].threshold, 1.5);
  EXPECT_EQ(outcomes[32].confidence, 0.0) << "32 inputs are the warm-up itself";
  const double seen = 33.0 / 2560.0;
  const double warm_up = 32.0 / 2560.0;
  EXPECT_NEAR(outcomes[33].confidence,
              (std::exp(seen) - std::exp(warm_up)) / (std::exp(seen) - 1.0), 1e-12);
}

TEST(Model, AnInputHasNoInfluenceOnItsOwnOutcome) {
  std::vector<double> values = testing::stream_rows(42, 400, 1);
  const std::vector<Outcome> before = run({}, 1, values);
  values.back() += 1.0;
  const std::vector<Outcome> after = run({}, 1, values);
  for (std::size_t t = 0; t + 1 < values.size(); ++t) ASSERT_EQ(before[t].score, after[t].score);
  EXPECT_NE(before.back().score, after.back().score);
  EXPECT_EQ(before.back().confidence, after.back().confidence);
}

TEST(Model, TheSameSeedGivesTheSameOutcomes) {
  const std::vector<double> values = testing::stream_rows(42, 600, 1);
  const std::vector<Outcome> first = run({}, 8, values);
  const std::vector<Outcome> second = run({}, 8, values);
  const std::vector<Outcome> other = run({}, 9, values);
  int different = 0;
  for (std::size_t t = 0; t < first.size(); ++t) {
    ASSERT_EQ(first[t].score, second[t].score);
    different += first[t].score != other[t].score;
  }
  EXPECT_GT(different, 500);
}

TEST(Model, AConstantSeriesScoresOneHalfAndIsCalm) {
  for (const std::int64_t shingle_size : {1, 8}) {
    for (const double level : {0.0, 5.0, 0.1, -1e-9, 1e12}) {
      std::vector<double> values(2000, level);
      // The sum of the same numbers in another order may differ in its last digit.
      for (std::size_t t = 3; t < values.size(); t += 7) {
        values[t] = std::nextafter(level, level * 2);
      }
      Settings settings;
      settings.shingle_size = shingle_size;
      const std::vector<Outcome> outcomes = run(settings, 1, values);
      for (const Outcome& outcome : outcomes) ASSERT_EQ(outcome.grade, 0.0);
      EXPECT_NEAR(outcomes.back().score, 0.5, 1e-12);
    }
  }
}

TEST(Model, AJumpOutOfAConstantSeriesIsAnAnomaly) {
  for (const double level : {0.0, 5.0, 1e-9}) {
    std::vector<double> values(600, level);
    values.back() = level * 2.0 + 1e-9;
    EXPECT_EQ(run({}, 1, values).back().grade, 1.0);
  }
}

TEST(Model, FindsThePlantedAnomaliesOfTheStream) {
  const std::vector<Outcome> outcomes = run({}, 42, testing::stream_rows(42, 10'000, 1));
  int planted = 0;
  int hit = 0;
  int elsewhere = 0;
  for (std::size_t t = 512; t < outcomes.size(); ++t) {
    const bool inside = t % 997 >= 500 && t % 997 <= 502;
    if (inside && t % 997 == 500) {
      ++planted;
      hit += outcomes[t].grade > 0.0 || outcomes[t + 1].grade > 0.0 || outcomes[t + 2].grade > 0.0;
    }
    elsewhere += !inside && outcomes[t].grade > 0.0;
  }
  EXPECT_EQ(planted, 9);
  EXPECT_EQ(hit, planted);
  EXPECT_LE(elsewhere, 30);
}

TEST(Model, ReleasesItsBufferAndReportsWhatItHolds) {
  const Settings settings;
  Model model(settings, 1);
  Workspace workspace(settings);
  const std::size_t empty = model.size_in_bytes();
  std::size_t at_forty = 0;
  const std::vector<double> values = testing::stream_rows(42, 5000, 1);
  for (std::size_t t = 0; t < values.size(); ++t) {
    if (t == 40) at_forty = model.size_in_bytes();
    model.process(&values[t], workspace);
  }
  EXPECT_LT(empty, at_forty);
  EXPECT_LT(at_forty, model.size_in_bytes() / 3) << "memory grows with what was seen";
  EXPECT_EQ(model.updates(), 5000);
}

}  // namespace
}  // namespace anomalyd
