// Why an input is anomalous and what was expected instead.
#include "anomalyd/explanation.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "anomalyd/bank.hpp"
#include "anomalyd/model.hpp"

namespace anomalyd {
namespace {

struct Explained {
  Outcome outcome;
  Explanation explanation;
};

// Rows of settings.features values each; the explanation as it was after each of them.
std::vector<Explained> run(const Settings& settings, const std::vector<double>& values) {
  Model model(settings, 3);
  Workspace workspace(settings);
  std::vector<Explained> all;
  for (std::size_t i = 0; i < values.size(); i += static_cast<std::size_t>(settings.features)) {
    const Outcome outcome = model.process(values.data() + i, workspace);
    all.push_back({outcome, workspace.explanation});
  }
  return all;
}

TEST(Explanation, OfAConstantSeriesIsTheConstant) {
  // The forest holds nothing but the mean, whose coordinate is 0: undone, that is the mean.
  std::vector<double> values(600, 5.0);
  values.back() = 9.0;
  const Explained last = run({}, values).back();
  EXPECT_EQ(last.outcome.grade, 1.0);
  EXPECT_EQ(last.outcome.relative_index, 0);
  ASSERT_TRUE(last.outcome.has_expected);
  EXPECT_EQ(last.explanation.expected, std::vector<double>{5.0});
  EXPECT_EQ(last.explanation.attribution, std::vector<double>{1.0});
}

TEST(Explanation, SharesTheBlameByTheDistances) {
  // Two constants leave by 2 and by 6. Their scale is a millionth of their level, so both are at
  // the clip and each has half; without a transform it is 1 to 3.
  std::vector<double> values;
  for (int t = 0; t < 600; ++t) values.insert(values.end(), {10.0, 10.0});
  values[values.size() - 2] += 2.0;
  values[values.size() - 1] -= 6.0;
  Settings settings;
  settings.features = 2;
  EXPECT_EQ(run(settings, values).back().explanation.attribution, (std::vector<double>{0.5, 0.5}));
  settings.transform = TransformMethod::none;
  const Explained last = run(settings, values).back();
  EXPECT_NEAR(last.explanation.attribution[0], 0.25, 1e-12);
  EXPECT_NEAR(last.explanation.attribution[1], 0.75, 1e-12);
  EXPECT_EQ(last.explanation.expected, (std::vector<double>{10.0, 10.0}));
}

// Quiet with noise too small to matter, up and down in turn.
std::vector<double> quiet(std::size_t steps) {
  std::vector<double> values(steps, 100.0);
  for (std::size_t t = 0; t < steps; ++t) values[t] += t % 2 == 0 ? 1.0 : -1.0;
  return values;
}

TEST(Explanation, ALateFindSpeaksOfTheEarlierInputAsItCame) {
  // Seen through a corrector that is off, each input behind a spike scores because of the spike.
  std::vector<double> values = quiet(600);
  values[550] = 123.456789;
  Settings settings;
  settings.corrector = false;
  const std::vector<Explained> all = run(settings, values);
  for (std::int32_t behind = 0; behind < 8; ++behind) {
    const Explained& one = all[550 + static_cast<std::size_t>(behind)];
    ASSERT_GT(one.outcome.grade, 0.0) << behind;
    EXPECT_EQ(one.outcome.relative_index, -behind);
    if (behind > 0) {
      EXPECT_EQ(one.explanation.past_values, std::vector<double>{123.456789});
    }
    EXPECT_NEAR(one.explanation.expected[0], 100.0, 1.5) << behind;
  }
}

TEST(Explanation, WhatASecondLookLetsPassHasAReason) {
  std::vector<double> values = quiet(600);
  values[550] = 150.0;
  const std::vector<Explained> all = run({}, values);
  EXPECT_GT(all[550].outcome.grade, 0.0);
  for (std::size_t t = 551; t < 558; ++t) {
    const auto& [outcome, explanation] = all[t];
    EXPECT_EQ(outcome.grade, 0.0) << t;
    EXPECT_NE(outcome.suppression, Suppression::none) << t;
    // Where the earlier anomaly is reason enough, nothing is asked for.
    EXPECT_EQ(outcome.has_expected, outcome.suppression != Suppression::anomaly_in_shingle) << t;
    if (outcome.has_expected) {
      // What was about as expected is one of the inputs behind the anomaly.
      const auto looked_at = static_cast<std::int64_t>(t) + outcome.relative_index;
      EXPECT_GT(looked_at, 550) << t;
      EXPECT_NEAR(explanation.expected[0], values[static_cast<std::size_t>(looked_at)], 1.0) << t;
    }
  }
}

TEST(Explanation, OfASingleBlockExpectsNothing) {
  std::vector<double> values = quiet(600);
  values.back() = 150.0;
  Settings settings;
  settings.shingle_size = 1;
  const Explained last = run(settings, values).back();
  ASSERT_GT(last.outcome.grade, 0.0);
  EXPECT_FALSE(last.outcome.has_expected);
  EXPECT_EQ(last.outcome.relative_index, 0);
  EXPECT_EQ(last.explanation.attribution, std::vector<double>{1.0});
}

TEST(Explanation, RowsOfABankWithoutOneHaveNaN) {
  std::vector<double> values = quiet(600);
  values[590] = std::numeric_limits<double>::quiet_NaN();
  values.back() = 150.0;
  const std::size_t rows = values.size();
  ModelBank bank({}, 1);
  const std::vector<std::int64_t> models(rows, bank.add({3}).front());
  std::vector<std::int64_t> times(rows);
  for (std::size_t t = 0; t < rows; ++t) times[t] = static_cast<std::int64_t>(t);
  std::vector<double> score(rows), grade(rows), confidence(rows), threshold(rows);
  std::vector<std::int8_t> suppression(rows);
  std::vector<std::int64_t> relative_index(rows);
  std::vector<double> attribution(rows), expected(rows), past(rows);
  std::vector<std::uint8_t> imputed(past.size());
  bank.process(
      {rows, models.data(), times.data(), values.data()},
      {score.data(), grade.data(), confidence.data(), threshold.data(), suppression.data(),
       relative_index.data(), attribution.data(), expected.data(), past.data(), imputed.data()});
  ASSERT_GT(grade.back(), 0.0);
  EXPECT_EQ(attribution.back(), 1.0);
  EXPECT_NEAR(expected.back(), 100.0, 1.5);
  for (std::size_t t = 0; t < rows; ++t) {
    EXPECT_EQ(std::isnan(attribution[t]), !(grade[t] > 0.0)) << t;
    EXPECT_EQ(std::isnan(past[t]), !(grade[t] > 0.0 && relative_index[t] < 0)) << t;
    if (suppression[t] == 0 && !(grade[t] > 0.0)) {
      EXPECT_TRUE(std::isnan(expected[t])) << t;
    }
  }
}

}  // namespace
}  // namespace anomalyd
