// The places of a sample's points, found again from the cuts of a checkpoint.
#include "sample_split.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "anomalyd/forest.hpp"
#include "anomalyd/workspace.hpp"

namespace anomalyd {
namespace {

// Dimensions, entries of a sample, and values that a coordinate can have (few: many copies).
struct Case {
  std::size_t dimensions;
  std::size_t entries;
  int values;
};

class SampleSplitOf : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const Case test = GetParam();
    settings_.features = static_cast<std::int64_t>(test.dimensions);
    settings_.shingle_size = 1;
    settings_.trees = 5;
    settings_.sample_size = static_cast<std::int64_t>(test.entries);
    settings_.initial_accept_fraction = 1.0;
    forest_ = std::make_unique<Forest>(settings_, 3);
    Workspace workspace(settings_);
    std::mt19937 random(test.dimensions);
    std::uniform_int_distribution<int> value(-test.values / 2, test.values / 2);
    AlignedVector<float> point(padded(test.dimensions), 0.0F);
    for (std::size_t i = 0; i < 3 * test.entries; ++i) {
      for (std::size_t d = 0; d < test.dimensions; ++d) {
        point[d] = 0.37F * static_cast<float>(value(random));
      }
      forest_->update(point.data(), workspace);
    }
  }

  static std::vector<PointIndex> sample_of(const Tree& tree) {
    std::vector<PointIndex> sample(tree.points(), tree.points() + tree.mass());
    std::sort(sample.begin(), sample.end());
    return sample;
  }
  // The cuts of a tree as bytes, without what stands before them.
  std::vector<std::uint8_t> cuts_of(const Tree& tree) const {
    Writer writer;
    tree.save(writer, forest_->store());
    const std::vector<std::uint8_t> bytes = writer.take();
    Reader reader({bytes.data(), bytes.size()});
    Random random(0);
    Random::state(random, reader);
    return {bytes.end() - static_cast<std::ptrdiff_t>(reader.left()), bytes.end()};
  }

  Settings settings_;
  std::unique_ptr<Forest> forest_;
};

TEST_P(SampleSplitOf, FindsTheTreeAgainByEveryWay) {
  SampleSplit split;
  for (const Tree& tree : forest_->trees()) {
    ASSERT_GT(tree.mass(), 0U);
    const std::vector<std::uint8_t> bytes = cuts_of(tree);
    for (const bool portably : {false, true}) {
      split.sample = sample_of(tree);
      Reader reader({bytes.data(), bytes.size()});
      const std::vector<Tree::Node> nodes = portably ? split.read_portably(reader, forest_->store())
                                                     : split.read(reader, forest_->store());
      reader.align();
      EXPECT_EQ(reader.left(), 0U);
      ASSERT_EQ(nodes.size() + 1, tree.mass());
      for (std::size_t i = 0; i < nodes.size(); ++i) {
        ASSERT_EQ(nodes[i].cut, tree.nodes()[i].cut) << i;
        ASSERT_EQ(nodes[i].dimension, tree.nodes()[i].dimension) << i;
        ASSERT_EQ(nodes[i].left, tree.nodes()[i].left) << i;
      }
      ASSERT_EQ(split.order.size(), tree.mass());
      std::vector<bool> seen(tree.mass(), false);
      for (std::size_t at = 0; at < tree.mass(); ++at) {
        ASSERT_EQ(split.sample[split.order[at]], tree.point(at)) << at;
        ASSERT_FALSE(seen[split.order[at]]) << at;
        seen[split.order[at]] = true;
      }
    }
  }
}

TEST_P(SampleSplitOf, RefusesFlippedAndMissingBytesAlikeByEveryWay) {
  const Tree& tree = forest_->trees()[0];
  const std::vector<std::uint8_t> bytes = cuts_of(tree);
  const auto outcome = [&](const std::vector<std::uint8_t>& given, bool portably) {
    SampleSplit split;
    split.sample = sample_of(tree);
    Reader reader({given.data(), given.size()});
    try {
      const auto nodes = portably ? split.read_portably(reader, forest_->store())
                                  : split.read(reader, forest_->store());
      return std::string("read ") + std::to_string(nodes.size()) + ", left " +
             std::to_string(reader.left());
    } catch (const CheckpointError& error) {
      return std::string(error.what());
    }
  };
  std::size_t refused = 0;
  for (std::size_t at = 0; at < bytes.size(); at += 1 + bytes.size() / 100) {
    const std::vector<std::uint8_t> cut(bytes.begin(), bytes.begin() + static_cast<long>(at));
    EXPECT_EQ(outcome(cut, false), outcome(cut, true)) << at;
    std::vector<std::uint8_t> flipped = bytes;
    flipped[at] ^= 0x10U;
    EXPECT_EQ(outcome(flipped, false), outcome(flipped, true)) << at;
    refused += outcome(cut, false).rfind("damaged", 0) == 0 ? 1 : 0;
  }
  EXPECT_GT(refused + (bytes.empty() ? 1 : 0), 0U);
}

INSTANTIATE_TEST_SUITE_P(Samples, SampleSplitOf,
                         ::testing::Values(Case{1, 2, 1000}, Case{1, 7, 3}, Case{8, 8, 1000},
                                           Case{8, 9, 4}, Case{3, 17, 2}, Case{8, 256, 1000},
                                           Case{8, 255, 3}, Case{40, 100, 1000}, Case{2, 1000, 5}));

}  // namespace
}  // namespace anomalyd
