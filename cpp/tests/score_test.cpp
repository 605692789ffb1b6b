// The walk over registers, however wide they are, against the one that visitors make (§5).
#include "anomalyd/score.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "anomalyd/forest.hpp"
#include "anomalyd/visitor.hpp"
#include "anomalyd/workspace.hpp"
#include "score_wide.hpp"

namespace anomalyd {
namespace {

// Dimensions, trees, inputs seen and values that an input can have (few: many equal points).
struct Case {
  std::size_t dimensions;
  std::size_t trees;
  std::size_t inputs;
  int values;
};

class Score : public ::testing::TestWithParam<Case> {};

TEST_P(Score, IsTheSameToTheBitByEveryWalk) {
  const Case test = GetParam();
  Settings settings;
  settings.features = static_cast<std::int64_t>(test.dimensions);
  settings.shingle_size = 1;
  settings.trees = static_cast<std::int64_t>(test.trees);
  settings.sample_size = 200;
  settings.time_decay = 0.001;
  settings.initial_accept_fraction = 1.0;
  Forest forest(settings, 3);
  Workspace workspace(settings);
  std::mt19937 random(test.dimensions);
  std::uniform_int_distribution<int> value(0, test.values - 1);
  const auto draw = [&] {
    AlignedVector<float> point(padded(test.dimensions), 0.0F);
    for (std::size_t i = 0; i < test.dimensions; ++i) {
      point[i] = 0.37F * static_cast<float>(value(random));
    }
    return point;
  };
  for (std::size_t i = 0; i < test.inputs; ++i) forest.update(draw().data(), workspace);

  const std::vector<Tree>& trees = forest.trees();
  ScratchBox& scratch = workspace.paths[0].around;
  for (int query = 0; query < 50; ++query) {
    const AlignedVector<float> point = draw();
    for (std::size_t first = 0; first < trees.size(); first += Trails::abreast) {
      const std::size_t count = std::min(Trails::abreast, trees.size() - first);
      double visited = 0.0;
      for (std::size_t t = first; t < first + count; ++t) {
        ScoreVisitor visitor(trees[t], point.data());
        trees[t].descend(point.data(), workspace.paths[0]);
        trees[t].climb(forest.store(), workspace.paths[0], visitor);
        visited += visitor.result();
      }
      const double portable = portable_sum_of_scores(&trees[first], count, forest.store(),
                                                     point.data(), workspace.trails, scratch);
      const double usual = sum_of_scores(&trees[first], count, forest.store(), point.data(),
                                         workspace.trails, scratch);
      ASSERT_EQ(portable, visited);
      ASSERT_EQ(usual, visited);
#if ANOMALYD_WIDE
      // What a processor with more registers leaves to others.
      if (is_wide()) {
        ASSERT_EQ(wide_sum_of_scores(&trees[first], count, forest.store(), point.data(),
                                     workspace.trails, scratch, false),
                  visited);
      }
#endif
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Forests, Score,
                         ::testing::Values(Case{1, 30, 2'000, 1'000}, Case{3, 5, 2'000, 1'000},
                                           Case{4, 9, 2'000, 1'000}, Case{8, 30, 2'000, 1'000'000},
                                           Case{8, 33, 2'000, 3}, Case{8, 50, 1, 10},
                                           Case{8, 1, 2, 10}, Case{8, 8, 300, 1},
                                           Case{12, 7, 2'000, 100}, Case{16, 30, 2'000, 2},
                                           Case{24, 31, 2'000, 1'000}, Case{32, 64, 500, 1'000},
                                           Case{40, 30, 2'000, 1'000'000}, Case{40, 65, 2'000, 2},
                                           Case{48, 10, 500, 1'000}, Case{57, 10, 500, 2}));

}  // namespace
}  // namespace anomalyd
