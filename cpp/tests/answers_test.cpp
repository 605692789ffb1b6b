// What a model makes of missing values, and what it answers without learning.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "anomalyd/checkpoint.hpp"
#include "anomalyd/model.hpp"
#include "stream.hpp"

namespace anomalyd {
namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

Settings settings_of(Imputation imputation) {
  Settings settings;
  settings.features = 2;
  settings.trees = 10;
  settings.sample_size = 64;
  settings.shingle_size = 4;
  settings.imputation = imputation;
  if (imputation == Imputation::fixed) settings.fixed_values = {7.0, -1.0};
  return settings;
}

void feed(Model& model, Workspace& workspace, const std::vector<double>& rows) {
  for (std::size_t at = 0; at < rows.size(); at += 2) model.process(rows.data() + at, workspace);
}

std::vector<double> completed(Imputation imputation, const std::vector<double>& row) {
  const Settings settings = settings_of(imputation);
  Workspace workspace(settings);
  Model model(settings, 1);
  std::vector<double> rows;
  for (int t = 0; t < 20; ++t) rows.insert(rows.end(), {10.0 + t, 5.0 - 2.0 * t});
  feed(model, workspace, rows);
  model.process(row.data(), workspace);
  return workspace.input;
}

TEST(Imputation, FillsInWhatItsNameSays) {
  using Row = std::vector<double>;
  EXPECT_EQ(completed(Imputation::zero, {nothing, 3.0}), (Row{0.0, 3.0}));
  EXPECT_EQ(completed(Imputation::fixed, {3.0, nothing}), (Row{3.0, -1.0}));
  EXPECT_EQ(completed(Imputation::previous, {nothing, nothing}), (Row{29.0, -33.0}));
  EXPECT_EQ(completed(Imputation::linear, {nothing, nothing}), (Row{30.0, -35.0}));
}

TEST(Imputation, TheForestFillsInWhatFollowedSimilarHistories) {
  Settings settings = settings_of(Imputation::forest);
  Workspace workspace(settings);
  Model model(settings, 1);
  std::vector<double> rows;
  for (int t = 0; t < 400; ++t) {
    const double value = t % 2 == 0 ? 10.0 : 20.0;
    rows.insert(rows.end(), {value, -value});
  }
  feed(model, workspace, rows);
  const std::vector<double> row{nothing, nothing};
  model.process(row.data(), workspace);
  EXPECT_NEAR(workspace.input[0], 10.0, 0.1);
  EXPECT_NEAR(workspace.input[1], -10.0, 0.1);
}

TEST(Imputation, AGuessNeedsTheFirstInputs) {
  const Settings settings = settings_of(Imputation::previous);
  Workspace workspace(settings);
  Model model(settings, 1);
  const std::vector<double> row{nothing, 1.0};
  EXPECT_TRUE(std::isnan(model.process(row.data(), workspace).score));
  EXPECT_EQ(model.updates(), 0);
}

TEST(Imputation, AShingleThatIsHalfGuessIsNotLearned) {
  const Settings settings = settings_of(Imputation::previous);
  Workspace workspace(settings);
  Model model(settings, 1);
  feed(model, workspace, testing::stream_rows(1, 100, 2));
  const std::int64_t learned = model.forest().updates();
  const std::vector<double> row{nothing, nothing};
  for (int t = 0; t < 5; ++t) model.process(row.data(), workspace);
  EXPECT_EQ(model.forest().updates(), learned + 1);
  EXPECT_EQ(model.updates(), 105);
}

TEST(Imputation, ZerosAreLearnedLikeAnyValue) {
  const Settings settings = settings_of(Imputation::zero);
  Workspace workspace(settings);
  Model model(settings, 1);
  Model told(settings, 1);
  const std::vector<double> rows = testing::stream_rows(1, 200, 2);
  for (std::size_t at = 0; at < rows.size(); at += 2) {
    const bool gap = at % 14 == 0;
    const std::vector<double> with_gap{gap ? nothing : rows[at], rows[at + 1]};
    const std::vector<double> with_zero{gap ? 0.0 : rows[at], rows[at + 1]};
    ASSERT_EQ(model.process(with_gap.data(), workspace).score,
              told.process(with_zero.data(), workspace).score);
  }
}

TEST(Imputation, CheckpointsHoldWhatGuessesNeed) {
  for (const Imputation imputation :
       {Imputation::previous, Imputation::linear, Imputation::forest}) {
    const Settings settings = settings_of(imputation);
    Workspace workspace(settings);
    Model model(settings, 1);
    std::vector<double> rows = testing::stream_rows(1, 200, 2);
    for (std::size_t at = 42; at < rows.size(); at += 18) rows[at] = nothing;
    rows[rows.size() - 2] = rows.back() = nothing;
    feed(model, workspace, rows);
    const auto bytes = save_checkpoint(model, 5, settings);
    const SavedModel saved = restore_checkpoint({bytes.data(), bytes.size()}, settings);
    for (std::size_t at = 0; at < rows.size(); at += 2) {
      const Outcome expected = model.process(rows.data() + at, workspace);
      const Outcome outcome = saved.model->process(rows.data() + at, workspace);
      if (std::isnan(expected.score)) continue;
      ASSERT_EQ(outcome.score, expected.score);
      ASSERT_EQ(outcome.confidence, expected.confidence);
    }
  }
}

TEST(Rescore, GivesTheScoreOfTheNextRowAndLeavesNoTrace) {
  Settings settings = settings_of(Imputation::none);
  settings.transform = TransformMethod::none;
  Workspace workspace(settings);
  Model model(settings, 1);
  const std::vector<double> rows = testing::stream_rows(1, 300, 2);
  for (std::size_t at = 0; at < rows.size(); at += 2) {
    double rescored = 0.0;
    if (at >= 6) {
      const auto before = save_checkpoint(model, 0, settings);
      rescored = model.rescore(rows.data() + at - 6, workspace).score;
      ASSERT_EQ(save_checkpoint(model, 0, settings), before);
    }
    ASSERT_EQ(model.process(rows.data() + at, workspace).score, rescored);
  }
}

TEST(Forecast, GoesOnWithTheSeries) {
  for (const TransformMethod transform :
       {TransformMethod::none, TransformMethod::normalize, TransformMethod::difference,
        TransformMethod::normalize_difference, TransformMethod::subtract_moving_average}) {
    Settings settings = settings_of(Imputation::none);
    settings.transform = transform;
    Workspace workspace(settings);
    Model model(settings, 1);
    std::vector<double> rows;
    for (int t = 0; t < 400; ++t) {
      const double value = t % 2 == 0 ? 10.0 : 20.0;
      rows.insert(rows.end(), {value, -value});
    }
    feed(model, workspace, rows);
    std::vector<double> values(8), low(8), high(8);
    const auto before = save_checkpoint(model, 0, settings);
    model.forecast(4, {values.data(), low.data(), high.data()}, workspace);
    EXPECT_EQ(save_checkpoint(model, 0, settings), before);
    const std::vector<double> expected{10.0, -10.0, 20.0, -20.0, 10.0, -10.0, 20.0, -20.0};
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(values[i], expected[i], 0.5) << static_cast<int>(transform) << " at " << i;
      EXPECT_LE(low[i], values[i]);
      EXPECT_GE(high[i], values[i]);
    }
  }
}

TEST(Attribution, SplitsTheScoreAndNamesTheValue) {
  const Settings settings = settings_of(Imputation::none);
  Workspace workspace(settings);
  Model model(settings, 1);
  const std::vector<double> rows = testing::stream_rows(1, 300, 2);
  feed(model, workspace, rows);
  std::vector<double> shingle(rows.end() - 8, rows.end());
  shingle[6] += 60.0;
  std::vector<double> high(8), low(8);
  model.attribute(shingle.data(), high.data(), low.data(), workspace);
  double total = 0.0;
  for (std::size_t i = 0; i < 8; ++i) total += high[i] + low[i];
  EXPECT_NEAR(total, model.rescore(shingle.data(), workspace).score, 1e-9);
  EXPECT_GT(high[6], 0.5 * total);
}

TEST(Impute, FillsGapsOfAShingleByWhatWasSeen) {
  for (const TransformMethod transform :
       {TransformMethod::none, TransformMethod::normalize, TransformMethod::difference}) {
    Settings settings = settings_of(Imputation::none);
    settings.transform = transform;
    Workspace workspace(settings);
    Model model(settings, 1);
    std::vector<double> rows;
    for (int t = 0; t < 400; ++t) {
      const double value = t % 2 == 0 ? 10.0 : 20.0;
      rows.insert(rows.end(), {value, -value});
    }
    feed(model, workspace, rows);
    std::vector<double> shingle(rows.end() - 8, rows.end());
    shingle[5] = shingle[6] = nothing;
    std::vector<double> completed(8);
    model.impute(shingle.data(), completed.data(), workspace);
    for (std::size_t i = 0; i < 8; ++i) {
      EXPECT_NEAR(completed[i], (rows.end() - 8)[static_cast<std::ptrdiff_t>(i)], 0.5);
    }
  }
}

TEST(Neighbours, FindTheHistoryThatComesAgain) {
  const Settings settings = settings_of(Imputation::none);
  Workspace workspace(settings);
  Model model(settings, 1);
  feed(model, workspace, std::vector<double>(100, 3.0));
  const std::vector<double> shingle(8, 3.0);
  std::vector<double> points(16), distance(2);
  std::vector<std::int64_t> trees(2);
  model.neighbours(shingle.data(), 2, {points.data(), distance.data(), trees.data()}, workspace);
  EXPECT_EQ(distance[0], 0.0);
  EXPECT_EQ(trees[0], settings.trees);
  EXPECT_NEAR(points[0], 3.0, 1e-9);
  EXPECT_EQ(trees[1], 0);
  EXPECT_TRUE(std::isnan(distance[1]) && std::isnan(points[8]));
}

}  // namespace
}  // namespace anomalyd
