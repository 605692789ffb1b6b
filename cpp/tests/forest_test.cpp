// The forest against the oracle, and the invariants that hold whatever the stream (§13).
#include "anomalyd/forest.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>

#include "oracle.hpp"
#include "stream.hpp"

namespace anomalyd {
namespace {

using testing::OracleForest;
using testing::OracleNode;
using testing::Point;

struct Case {
  std::string name;
  Settings settings;
  double step;  // inputs are rounded to multiples of it; 0 = not rounded
};

Settings settings_of(std::int64_t features, std::int64_t shingle_size, std::int64_t trees,
                     std::int64_t sample_size, double time_decay, double initial) {
  Settings settings;
  settings.features = features;
  settings.shingle_size = shingle_size;
  settings.trees = trees;
  settings.sample_size = sample_size;
  settings.time_decay = time_decay;
  settings.initial_accept_fraction = initial;
  return settings;
}

std::vector<Case> cases() {
  return {
      {"usual", settings_of(1, 8, 5, 64, 1.0 / 640, 0.125), 0.0},
      {"two_features", settings_of(2, 3, 4, 50, 1.0 / 500, 0.5), 0.0},
      {"no_shingle", settings_of(3, 1, 4, 40, 0.01, 1.0), 0.0},
      {"many_equal_points", settings_of(1, 2, 4, 32, 0.001, 0.125), 20.0},
      {"all_points_equal", settings_of(1, 4, 2, 16, 0.01, 0.0), 1e6},
      {"no_decay_smallest_sample", settings_of(1, 4, 3, 2, 0.0, 1.0), 0.0},
  };
}

// The points that a shingled stream gives a forest.
std::vector<Point> points_of(const Case& test, std::size_t steps) {
  const auto features = static_cast<std::size_t>(test.settings.features);
  const auto dimensions = static_cast<std::size_t>(test.settings.dimensions());
  std::vector<double> rows = testing::stream_rows(7, steps, features);
  std::vector<Point> points;
  for (std::size_t end = dimensions; end <= rows.size(); end += features) {
    Point point;
    for (std::size_t i = end - dimensions; i < end; ++i) {
      const double value = test.step > 0.0 ? std::round(rows[i] / test.step) * test.step : rows[i];
      point.push_back(static_cast<float>(value));
    }
    points.push_back(point);
  }
  return points;
}

Point at(const PointStore& store, PointIndex index) {
  return {store.at(index), store.at(index) + store.dimensions()};
}

AlignedVector<float> padded_query(const Point& point) {
  AlignedVector<float> query(padded(point.size()), 0.0F);
  std::copy(point.begin(), point.end(), query.begin());
  return query;
}

void expect_same_subtree(const Tree& tree, const PointStore& store, Part part,
                         const OracleNode& oracle) {
  ASSERT_EQ(tree.is_leaf(part), oracle.is_leaf());
  EXPECT_EQ(part.size, oracle.mass());
  const std::size_t d = store.dimensions();
  ScratchBox scratch(d);
  const BoxView box = tree.box(part, store, scratch);
  EXPECT_EQ(Point(box.lower, box.lower + d), oracle.box().lower) << "kept box = true box";
  EXPECT_EQ(Point(box.upper, box.upper + d), oracle.box().upper) << "kept box = true box";
  if (tree.is_leaf(part)) return;
  const Tree::Node& node = tree.node(part);
  EXPECT_EQ(node.dimension, oracle.dimension);
  EXPECT_EQ(node.cut, oracle.cut);
  EXPECT_LE(oracle.left->box().upper[node.dimension], node.cut);
  EXPECT_GT(oracle.right->box().lower[node.dimension], node.cut);
  expect_same_subtree(tree, store, tree.child(part, false), *oracle.left);
  expect_same_subtree(tree, store, tree.child(part, true), *oracle.right);
}

void expect_consistent_counts(const Forest& forest) {
  std::map<PointIndex, std::set<const Tree*>> holders;
  for (std::size_t i = 0; i < forest.trees().size(); ++i) {
    const Tree& tree = forest.trees()[i];
    EXPECT_EQ(tree.mass(), forest.samplers()[i].size()) << "mass of the root = sampler size";
    for (std::size_t k = 0; k < tree.mass(); ++k) holders[tree.point(k)].insert(&tree);
  }
  EXPECT_EQ(holders.size(), forest.store().size());
  for (const auto& [point, trees] : holders) {
    EXPECT_EQ(forest.store().references(point), trees.size());
  }
}

class ForestAgainstOracle : public ::testing::TestWithParam<Case> {};

TEST_P(ForestAgainstOracle, GrowsTheSameTreesAndGivesTheSameAnswers) {
  const Case& test = GetParam();
  Forest forest(test.settings, 42);
  OracleForest oracle(test.settings, 42);
  Workspace workspace(test.settings);
  std::mt19937 random(1);
  std::normal_distribution<float> noise(0.0F, 15.0F);

  const std::vector<Point> points = points_of(test, 900);
  for (std::size_t t = 0; t < points.size(); ++t) {
    if (t > 40 && t % 5 == 0) {
      ASSERT_TRUE(forest.ready());
      // A coming point, and the same with one coordinate off, which no leaf equals.
      Point query = points[t];
      EXPECT_NEAR(forest.score(padded_query(query).data(), workspace), oracle.score(query), 1e-12);

      query[t % query.size()] += noise(random);
      const AlignedVector<float> padded = padded_query(query);
      const double score = oracle.score(query);
      EXPECT_NEAR(forest.score(padded.data(), workspace), score, 1e-12);
      EXPECT_NEAR(forest.attribute(padded.data(), workspace), score, 1e-12);

      std::vector<double> parts(2 * query.size(), 0.0);
      for (const auto& tree : oracle.trees) {
        const std::vector<double> more = tree.attribution(query);
        for (std::size_t i = 0; i < parts.size(); ++i) {
          parts[i] += more[i] / static_cast<double>(oracle.trees.size());
        }
      }
      for (std::size_t i = 0; i < query.size(); ++i) {
        EXPECT_NEAR(workspace.attribution.high[i], parts[i], 1e-12);
        EXPECT_NEAR(workspace.attribution.low[i], parts[query.size() + i], 1e-12);
      }

      std::fill(workspace.missing.begin(), workspace.missing.end(), false);
      workspace.missing[t % query.size()] = true;
      workspace.missing[(t / 5) % query.size()] = true;
      AlignedVector<float> imputed = padded;
      forest.impute(imputed.data(), workspace);
      for (std::size_t i = 0; i < query.size(); ++i) {
        std::vector<float> column;
        for (const auto& tree : oracle.trees) {
          column.push_back(tree.likeliest(query, workspace.missing)[i]);
        }
        std::sort(column.begin(), column.end());
        EXPECT_EQ(imputed[i], workspace.missing[i] ? column[(column.size() - 1) / 2] : query[i]);
      }
    }
    forest.update(points[t].data(), workspace);
    oracle.update(points[t]);
    if (t % 60 != 0 && t + 1 != points.size()) continue;
    expect_consistent_counts(forest);
    for (std::size_t i = 0; i < oracle.trees.size(); ++i) {
      const Tree& tree = forest.trees()[i];
      expect_same_subtree(tree, forest.store(), tree.root(), *oracle.trees[i].root());
      std::multiset<std::pair<float, Point>> expected;
      for (const auto& sample : oracle.samples[i]) expected.emplace(sample.weight, sample.point);
      std::multiset<std::pair<float, Point>> kept;
      for (std::size_t k = 0; k < forest.samplers()[i].size(); ++k) {
        kept.emplace(forest.samplers()[i].weight(k),
                     at(forest.store(), forest.trees()[i].point(k)));
      }
      EXPECT_EQ(kept, expected);
    }
    if (HasFailure()) return;  // one failing step says enough
  }
}

INSTANTIATE_TEST_SUITE_P(Streams, ForestAgainstOracle, ::testing::ValuesIn(cases()),
                         [](const auto& test) { return test.param.name; });

TEST(Forest, AttributionOfAKnownPointAddsUpToItsScore) {
  const Case test = cases().front();
  Forest forest(test.settings, 3);
  Workspace workspace(test.settings);
  const std::vector<Point> points = points_of(test, 500);
  for (const Point& point : points) forest.update(point.data(), workspace);
  for (std::size_t t = 0; t < points.size(); ++t) {
    const AlignedVector<float> query = padded_query(points[t]);
    EXPECT_NEAR(forest.attribute(query.data(), workspace), forest.score(query.data(), workspace),
                1e-12);
  }
}

TEST(Forest, ScoringLeavesNoTrace) {
  const Case test = cases().front();
  Forest asked(test.settings, 3);
  Forest unasked(test.settings, 3);
  Workspace workspace(test.settings);
  for (const Point& point : points_of(test, 400)) {
    const AlignedVector<float> query = padded_query(point);
    asked.score(query.data(), workspace);
    if (asked.ready()) asked.attribute(query.data(), workspace);
    asked.update(point.data(), workspace);
    unasked.update(point.data(), workspace);
    ASSERT_EQ(asked.score(query.data(), workspace), unasked.score(query.data(), workspace));
  }
}

TEST(Forest, IsSilentUntilReady) {
  Settings settings = settings_of(1, 1, 3, 16, 0.01, 0.125);
  settings.transform = TransformMethod::none;
  settings.output_after = 5;
  Forest forest(settings, 1);
  Workspace workspace(settings);
  for (int update = 0; update < 5; ++update) {
    const AlignedVector<float> query = padded_query({static_cast<float>(update)});
    EXPECT_EQ(forest.score(query.data(), workspace), 0.0);
    forest.update(query.data(), workspace);
  }
  EXPECT_GT(forest.score(padded_query({100.0F}).data(), workspace), 0.0);
}

TEST(Forest, TellsAnOutlierFromTheMixture) {
  // The functional test of the reference: base N(0, 1), one point far out.
  const Settings settings = settings_of(3, 1, 100, 256, 1.0 / 2560, 1.0);
  Forest forest(settings, 5);
  Workspace workspace(settings);
  std::mt19937_64 random(5);
  std::normal_distribution<float> base(0.0F, 1.0F);
  for (int i = 0; i < 10'000; ++i) {
    const Point point{base(random), base(random), base(random)};
    forest.update(point.data(), workspace);
  }
  EXPECT_LT(forest.score(padded_query({0.0F, 0.0F, 0.0F}).data(), workspace), 1.0);
  EXPECT_GT(forest.score(padded_query({8.0F, 8.0F, 8.0F}).data(), workspace), 1.0);
}

TEST(Forest, OverlappingShinglesShareTheirFloats) {
  const Settings settings = settings_of(1, 8, 30, 256, 1.0 / 2560, 0.125);
  Forest forest(settings, 1);
  Workspace workspace(settings);
  for (const Point& point : points_of({"", settings, 0.0}, 6000)) {
    forest.update(point.data(), workspace);
  }
  EXPECT_GT(forest.store().size(), 2000U);
  EXPECT_LT(forest.store().floats(), 3 * forest.store().size());
}

}  // namespace
}  // namespace anomalyd
