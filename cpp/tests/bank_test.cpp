// The bank: the same answers as its models alone, whatever the batches and threads.
#include "anomalyd/bank.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>

#include "stream.hpp"

namespace anomalyd {
namespace {

struct Table {
  std::vector<std::int64_t> models;
  std::vector<std::int64_t> timestamps;
  std::vector<double> values;
};

// A NaN equals a NaN.
bool same(const std::vector<double>& a, const std::vector<double>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](double one, double two) {
    return one == two || (std::isnan(one) && std::isnan(two));
  });
}

struct Answers {
  explicit Answers(const Table& table)
      : score(table.models.size()),
        grade(score),
        confidence(score),
        threshold(score),
        suppression(score.size()),
        relative_index(score.size()),
        attribution(table.values.size()),
        expected(attribution),
        past_values(attribution),
        imputed(table.values.size()) {}
  bool operator==(const Answers& other) const {
    return score == other.score && grade == other.grade && confidence == other.confidence &&
           threshold == other.threshold && suppression == other.suppression &&
           relative_index == other.relative_index && same(attribution, other.attribution) &&
           same(expected, other.expected) && same(past_values, other.past_values) &&
           imputed == other.imputed;
  }
  std::vector<double> score, grade, confidence, threshold;
  std::vector<std::int8_t> suppression;
  std::vector<std::int64_t> relative_index;
  std::vector<double> attribution, expected, past_values;
  std::vector<std::uint8_t> imputed;
};

Answers process(ModelBank& bank, const Table& table) {
  Answers answers(table);
  bank.process(
      {table.models.size(), table.models.data(), table.timestamps.data(), table.values.data()},
      {answers.score.data(), answers.grade.data(), answers.confidence.data(),
       answers.threshold.data(), answers.suppression.data(), answers.relative_index.data(),
       answers.attribution.data(), answers.expected.data(), answers.past_values.data(),
       answers.imputed.data()});
  return answers;
}

std::string refusal(ModelBank& bank, const Table& table) {
  try {
    process(bank, table);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

// `steps` rounds over all models, interleaved.
Table rounds(std::int64_t models, std::int64_t steps) {
  Table table;
  for (std::int64_t t = 0; t < steps; ++t) {
    for (std::int64_t model = 0; model < models; ++model) {
      table.models.push_back((model * 7 + t) % models);
      table.timestamps.push_back(t * 60'000);
      table.values.push_back(testing::stream_value(static_cast<std::uint64_t>(table.models.back()),
                                                   static_cast<std::uint64_t>(t), 0, 1));
    }
  }
  return table;
}

std::vector<std::uint64_t> seeds(std::size_t count) {
  std::vector<std::uint64_t> all(count);
  std::iota(all.begin(), all.end(), 100U);
  return all;
}

TEST(ModelBank, AnswersAreTheSameForAnyNumberOfThreads) {
  const Table table = rounds(11, 150);
  ModelBank one({}, 1);
  one.add(seeds(11));
  const Answers expected = process(one, table);
  for (const std::int64_t threads : {2, 3, 16}) {
    ModelBank many({}, threads);
    many.add(seeds(11));
    EXPECT_TRUE(process(many, table) == expected) << threads;
  }
  EXPECT_GT(*std::max_element(expected.score.begin(), expected.score.end()), 0.0);
}

// While it works on one model, the bank already looks at those behind it.
TEST(ModelBank, AnswersAreTheSameWhateverStandsBehindAModel) {
  for (const Imputation imputation : {Imputation::none, Imputation::forest}) {
    Settings settings;
    settings.imputation = imputation;
    Table table = rounds(9, 300);
    for (std::size_t row = 40; row < table.values.size(); row += 41) {
      table.values[row] = std::numeric_limits<double>::quiet_NaN();
    }
    ModelBank by_model(settings, 1);
    by_model.add(seeds(9));
    const Answers expected = process(by_model, table);

    ModelBank by_round(settings, 1);
    by_round.add(seeds(9));
    for (std::size_t first = 0; first < table.models.size(); first += 9) {
      const auto round = [first](const auto& column) {
        const auto begin = column.begin() + static_cast<std::ptrdiff_t>(first);
        return std::decay_t<decltype(column)>(begin, begin + 9);
      };
      const Answers found =
          process(by_round, {round(table.models), round(table.timestamps), round(table.values)});
      EXPECT_TRUE(same(found.score, round(expected.score))) << first;
    }
    EXPECT_GT(expected.score.back(), 0.0);
  }
}

TEST(ModelBank, CallsFromSeveralThreadsTakeTurns) {
  ModelBank shared({}, 2);
  shared.add(seeds(4));
  const auto work = [&shared](std::int64_t first) {
    for (std::int64_t t = 0; t < 60; ++t) {
      const auto value = static_cast<double>(t % 7);
      process(shared, {{first, first + 1}, {t, t}, {value, value + 1.0}});
      if (t % 10 == 0) shared.remove(shared.add({1}));
    }
  };
  std::thread other(work, 2);
  work(0);
  other.join();
  EXPECT_EQ(shared.updates({0, 1, 2, 3}), (std::vector<std::int64_t>{60, 60, 60, 60}));
  EXPECT_EQ(shared.size(), 4U);
}

TEST(ModelBank, ARefusedBatchChangesNothing) {
  ModelBank bank({}, 2);
  bank.add(seeds(2));
  ModelBank untouched({}, 2);
  untouched.add(seeds(2));
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(refusal(bank, {{0, 2}, {1, 1}, {1.0, 1.0}}), "there is no model 2");
  EXPECT_EQ(refusal(bank, {{0, -1}, {1, 1}, {1.0, 1.0}}), "there is no model -1");
  EXPECT_EQ(refusal(bank, {{0, 1}, {1, 1}, {1.0, -infinity}}),
            "values must be finite or NaN, row 1 is not");
  EXPECT_EQ(refusal(bank, {{0, 1, 0}, {5, 1, 5}, {1.0, 1.0, 1.0}}),
            "timestamps must increase within a model: model 0, row 2 has 5 after 5");
  EXPECT_EQ(bank.updates({0, 1}), (std::vector<std::int64_t>{0, 0}));
  const Table table = rounds(2, 100);
  EXPECT_TRUE(process(bank, table) == process(untouched, table));
}

TEST(ModelBank, RemembersTheLastTimestampBetweenBatches) {
  ModelBank bank({}, 1);
  bank.add(seeds(1));
  process(bank, {{0}, {10}, {1.0}});
  EXPECT_NE(refusal(bank, {{0}, {10}, {1.0}}), "");
  EXPECT_EQ(refusal(bank, {{0}, {11}, {1.0}}), "");
}

TEST(ModelBank, GivesNumbersOutAgainToEmptyModels) {
  ModelBank bank({}, 1);
  EXPECT_EQ(bank.add(seeds(3)), (std::vector<std::int64_t>{0, 1, 2}));
  process(bank, {{1}, {10}, {1.0}});
  EXPECT_THROW(bank.remove({1, 1}), std::invalid_argument);
  bank.remove({1});
  EXPECT_EQ(bank.size(), 2U);
  EXPECT_EQ(refusal(bank, {{1}, {20}, {1.0}}), "there is no model 1");
  EXPECT_EQ(bank.add({7}), std::vector<std::int64_t>{1});
  EXPECT_EQ(bank.updates({1}), std::vector<std::int64_t>{0});
  EXPECT_EQ(refusal(bank, {{1}, {5}, {1.0}}), "") << "a new model has no past";
}

}  // namespace
}  // namespace anomalyd
