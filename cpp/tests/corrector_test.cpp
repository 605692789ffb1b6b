// The second look at high scores: what it lets pass and what it must not.
#include "anomalyd/corrector.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

#include "anomalyd/model.hpp"
#include "anomalyd/random.hpp"

namespace anomalyd {
namespace {

// A wave of 50 steps and a little noise.
std::vector<double> wave(std::size_t steps) {
  Random random(4);
  std::vector<double> values;
  for (std::size_t t = 0; t < steps; ++t) {
    values.push_back(100.0 * std::cos(static_cast<double>(t) * std::acos(-1.0) / 25.0) +
                     5.0 * random.uniform());
  }
  return values;
}

std::vector<Outcome> run(const std::vector<double>& values, bool corrector) {
  Settings settings;
  settings.corrector = corrector;
  Model model(settings, 3);
  Workspace workspace(settings);
  std::vector<Outcome> outcomes;
  for (const double value : values) outcomes.push_back(model.process(&value, workspace));
  return outcomes;
}

std::set<std::size_t> flagged(const std::vector<Outcome>& outcomes, std::size_t from) {
  std::set<std::size_t> steps;
  for (std::size_t t = from; t < outcomes.size(); ++t) {
    if (outcomes[t].grade > 0.0) steps.insert(t);
  }
  return steps;
}

TEST(Corrector, OneSpikeIsOneAnomalyNotAShingleOfThem) {
  std::vector<double> values = wave(2000);
  values[1500] += 80.0;
  EXPECT_GE(flagged(run(values, false), 1400).size(), 7U) << "what it is there for";
  EXPECT_EQ(flagged(run(values, true), 1400), std::set<std::size_t>{1500});
  EXPECT_EQ(run(values, true)[1502].suppression, Suppression::anomaly_in_shingle);
}

TEST(Corrector, ASecondAnomalyInTheWindowOfTheFirstIsFound) {
  for (const std::size_t gap : {2, 3, 5, 7}) {
    std::vector<double> values = wave(2000);
    values[1500] += 80.0;
    values[1500 + gap] -= 80.0;
    EXPECT_EQ(flagged(run(values, true), 1400), (std::set<std::size_t>{1500, 1500 + gap})) << gap;
  }
}

TEST(Corrector, ALastingIncidentAlarmsOnce) {
  std::vector<double> values = wave(2000);
  for (std::size_t t = 1500; t < 1506; ++t) values[t] += 200.0;
  const std::vector<Outcome> outcomes = run(values, true);
  EXPECT_TRUE(outcomes[1500].grade > 0.0);
  EXPECT_LE(flagged(outcomes, 1400).size(), 2U) << "its begin, and at most its end";
}

// The reference means to let noise pass up to a soft cap, which as written never takes effect.
TEST(Corrector, WhatIsWithinTheNoiseOfTheSeriesPasses) {
  std::vector<double> values = wave(3000);
  const std::vector<Outcome> outcomes = run(values, true);
  std::size_t passed = 0;
  for (const Outcome& outcome : outcomes) {
    passed += outcome.suppression == Suppression::near_expected ? 1U : 0U;
  }
  EXPECT_GT(passed, 0U) << "scores above the threshold there are";
  EXPECT_LE(flagged(outcomes, 300).size(), 3U);
}

TEST(Corrector, LeavesScoresAlone) {
  std::vector<double> values = wave(1000);
  values[700] += 80.0;
  const std::vector<Outcome> with = run(values, true);
  const std::vector<Outcome> without = run(values, false);
  for (std::size_t t = 0; t < values.size(); ++t) {
    EXPECT_EQ(with[t].score, without[t].score);
    EXPECT_LE(with[t].grade, 1.0);
    if (with[t].suppression != Suppression::none) {
      EXPECT_EQ(with[t].grade, 0.0);
      EXPECT_GE(with[t].score, with[t].threshold);
    }
  }
}

TEST(Corrector, WithoutAShingleThereIsNothingToCorrect) {
  std::vector<double> values = wave(1000);
  values[700] += 300.0;
  Settings settings;
  settings.shingle_size = 1;
  Model model(settings, 3);
  Workspace workspace(settings);
  for (std::size_t t = 0; t < values.size(); ++t) {
    const Outcome outcome = model.process(&values[t], workspace);
    EXPECT_EQ(outcome.suppression, Suppression::none);
    EXPECT_TRUE(t != 700 || outcome.grade > 0.0);
  }
}

}  // namespace
}  // namespace anomalyd
