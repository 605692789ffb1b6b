// The small parts: settings, generator, shingle, point store, sampler, cut, deviation.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "anomalyd/cut.hpp"
#include "anomalyd/deviation.hpp"
#include "anomalyd/point_store.hpp"
#include "anomalyd/random.hpp"
#include "anomalyd/sampler.hpp"
#include "anomalyd/settings.hpp"
#include "anomalyd/shingle.hpp"
#include "anomalyd/tree.hpp"

namespace anomalyd {
namespace {

std::string refusal(const Settings& settings) {
  try {
    settings.validate();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(Settings, NameTheFieldTheBoundsAndTheValue) {
  EXPECT_EQ(refusal({}), "");
  Settings settings;
  settings.trees = 0;
  EXPECT_EQ(refusal(settings), "trees must be from 1 to 1000, got 0");
  settings = {};
  settings.time_decay = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(refusal(settings), "time_decay must be from 0 to below 1, got nan");
  settings = {};
  settings.features = 500;
  settings.shingle_size = 100;
  EXPECT_EQ(refusal(settings), "features must be at most 32768 / shingle_size, got 500");
}

TEST(Settings, ReadinessCountsInputsNotShingles) {
  EXPECT_EQ(Settings{}.forest_output_after(), 25);
  Settings settings;
  settings.shingle_size = 60;
  EXPECT_EQ(settings.forest_output_after(), 1);
  settings.shingle_size = 1;
  settings.output_after = 3;
  EXPECT_EQ(settings.forest_output_after(), 10) << "the buffered start is a lower bound";
  settings.transform = TransformMethod::none;
  EXPECT_EQ(settings.forest_output_after(), 3);
}

TEST(Random, StaysInItsOpenInterval) {
  Random random(0);
  double sum = 0.0;
  for (int i = 0; i < 100'000; ++i) {
    const double value = random.open_uniform();
    ASSERT_GT(value, 0.0);
    ASSERT_LT(value, 1.0);
    sum += value;
  }
  EXPECT_NEAR(sum / 100'000, 0.5, 0.005);
}

TEST(Shingle, KeepsTheLastBlocksOldestFirst) {
  Shingle shingle(2, 3);
  std::array<float, 6> preview{};
  for (float block = 1.0F; block <= 4.0F; block += 1.0F) {
    const std::array<float, 2> values{block, -block};
    EXPECT_EQ(shingle.completes(), block >= 3.0F);
    shingle.preview(values.data(), preview.data());
    shingle.push(values.data());
    EXPECT_EQ(shingle.full(), block >= 3.0F);
    EXPECT_TRUE(std::equal(preview.begin(), preview.end(), shingle.data()));
  }
  EXPECT_EQ(preview, (std::array<float, 6>{2, -2, 3, -3, 4, -4}));
}

TEST(PointStore, KeepsEveryHeldPointThroughCompactionAndGrowth) {
  std::mt19937 random(1);
  constexpr std::size_t features = 2;
  constexpr std::size_t size = 4;
  PointStore store(features, size);
  Compaction done;
  std::vector<float> stream(features * size, 0.0F);
  std::vector<std::pair<PointIndex, std::vector<float>>> held;
  for (int step = 0; step < 5000; ++step) {
    // Now and then the stream jumps, so that a point shares nothing with the one before.
    const std::size_t fresh = random() % 50 == 0 ? stream.size() : features;
    stream.erase(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(fresh));
    for (std::size_t i = 0; i < fresh; ++i) stream.push_back(static_cast<float>(random() % 1000));
    if (store.crowded()) {
      store.compact(done);
      for (auto& [index, point] : held) index = done.moved[index];
    }
    held.emplace_back(store.add(stream.data()), stream);
    const std::size_t wanted = step < 2000 ? 300 : 40;
    while (held.size() > wanted) {
      const std::size_t victim = random() % held.size();
      store.release(held[victim].first);
      held[victim] = held.back();
      held.pop_back();
    }
    ASSERT_EQ(store.size(), held.size());
  }
  for (const auto& [index, point] : held) {
    EXPECT_TRUE(std::equal(point.begin(), point.end(), store.at(index)));
  }
  EXPECT_LE(store.floats(), 1000 * features * size) << "freed blocks are used again";
}

TEST(PointStore, SpendsOneBlockOnAPointThatContinuesTheLast) {
  PointStore store(1, 4);
  Compaction done;
  const std::array<float, 6> stream{1, 2, 3, 4, 5, 6};
  // Room for two shingles, all of it wanted.
  store.compact(done);
  store.add(stream.data());
  EXPECT_EQ(store.floats(), 4U);
  const PointIndex second = store.add(stream.data() + 1);
  EXPECT_EQ(store.floats(), 5U);
  store.release(second);
  store.compact(done);
  store.add(stream.data() + 2);
  EXPECT_EQ(store.floats(), 6U) << "also when nobody kept the last one";
  store.compact(done);
  store.add(stream.data());
  EXPECT_EQ(store.floats(), 10U);
}

TEST(Enclose, GrowsABoxByAsMuchAsThePointsAskFor) {
  for (const std::size_t dimensions : {1, 4, 7, 8, 12, 16, 24, 32, 40, 41, 48}) {
    constexpr PointIndex count = 11;
    PointStore store(dimensions, 1);
    Compaction done;
    std::mt19937 random(static_cast<unsigned>(dimensions));
    std::uniform_real_distribution<float> draw(-1.0F, 1.0F);
    std::vector<PointIndex> points;
    for (PointIndex i = 0; i < count; ++i) {
      std::vector<float> point(dimensions);
      for (float& value : point) value = draw(random);
      if (store.crowded()) store.compact(done);
      points.push_back(store.add(point.data()));
    }
    for (PointIndex used = 1; used <= count; ++used) {
      ScratchBox box(dimensions);
      std::vector<float> lower(dimensions, 0.1F);
      std::vector<float> upper(dimensions, 0.2F);
      std::copy(lower.begin(), lower.end(), box.lower());
      std::copy(upper.begin(), upper.end(), box.upper());
      for (PointIndex i = 0; i < used; ++i) {
        for (std::size_t d = 0; d < dimensions; ++d) {
          lower[d] = std::min(lower[d], store.at(points[i])[d]);
          upper[d] = std::max(upper[d], store.at(points[i])[d]);
        }
      }
      enclose(points.data(), points.data() + used, store, box.lower(), box.upper());
      for (std::size_t d = 0; d < dimensions; ++d) {
        ASSERT_EQ(box.lower()[d], lower[d]) << dimensions << " " << used;
        ASSERT_EQ(box.upper()[d], upper[d]) << dimensions << " " << used;
      }
    }
  }
}

TEST(Sampler, PrefersTheRecent) {
  const SamplerSettings settings{100, 0.01, 1.0};
  Sampler sampler(9);
  std::vector<int> kept;  // when they came, in the order of the sampler
  for (int t = 0; t < 10'000; ++t) {
    const auto admission = sampler.offer(t, settings);
    if (admission.verdict == Sampler::Verdict::refused) continue;
    const bool full = admission.verdict == Sampler::Verdict::taken_for_worst;
    if (full) {
      const std::size_t worst = sampler.worst();
      for (std::size_t i = 0; i < sampler.size(); ++i) {
        ASSERT_LE(sampler.weight(i), sampler.weight(worst));
        ASSERT_TRUE(i >= worst || sampler.weight(i) < sampler.weight(worst));
      }
      kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(worst));
    }
    const std::size_t position = static_cast<std::size_t>(t) * 31 % (kept.size() + 1);
    if (full) {
      sampler.insert_for_worst(position, admission.weight);
    } else {
      sampler.insert(position, admission.weight);
    }
    ASSERT_EQ(sampler.weight(position), admission.weight);
    kept.insert(kept.begin() + static_cast<std::ptrdiff_t>(position), t);
  }
  ASSERT_EQ(sampler.size(), 100U);
  double age = 0.0;
  for (const int t : kept) age += 10'000.0 - t;
  // Ages of a large reservoir are near exponential: with capacity * decay = 1 their mean is near
  // 1 / decay, a little less for the competition.
  EXPECT_GT(age / 100, 50.0);
  EXPECT_LT(age / 100, 200.0);
}

TEST(Sampler, FindsMostRefusalsWithoutItsWeights) {
  const SamplerSettings settings{100, 0.0, 1.0};
  Sampler sampler(9);
  int refused = 0;
  int foreseen = 0;
  for (std::int64_t sequence = 0; sequence < 4'000; ++sequence) {
    const bool sure = sampler.refuses(sequence);
    const Sampler::Admission admission = sampler.offer(sequence, settings);
    if (admission.verdict == Sampler::Verdict::refused) {
      ++refused;
      foreseen += sure ? 1 : 0;
    } else {
      EXPECT_FALSE(sure) << sequence;
      if (admission.verdict == Sampler::Verdict::taken_for_worst) {
        sampler.insert_for_worst(0, admission.weight);
      } else {
        sampler.insert(0, admission.weight);
      }
    }
  }
  EXPECT_GT(refused, 3'000);
  EXPECT_GT(foreseen, refused * 9 / 10);
}

TEST(Sampler, FillsSlowlyBeyondTheInitialFraction) {
  const SamplerSettings settings{256, 0.0, 0.125};
  Sampler sampler(1);
  std::size_t size_at_32 = 0;
  for (PointIndex t = 0; t < 256; ++t) {
    if (t == 32) size_at_32 = sampler.size();
    const auto admission = sampler.offer(t, settings);
    if (admission.verdict == Sampler::Verdict::taken) sampler.insert(0, admission.weight);
  }
  EXPECT_EQ(size_at_32, 32U);
  EXPECT_LT(sampler.size(), 200U);
}

TEST(Cut, PartsEvenNeighbouringFloats) {
  Random random(1);
  for (const float low : {0.0F, 1.0F, -1.0F, 1e-40F, 1e37F, -1e37F}) {
    const float high = std::nextafter(low, std::numeric_limits<float>::infinity());
    const Cut cut = random_cut({&low, &low}, &high, 1, random);
    EXPECT_EQ(cut.value, low);
    EXPECT_TRUE(separates(cut, {&low, &low}, &high));
    EXPECT_TRUE(separates(random_cut({&high, &high}, &low, 1, random), {&high, &high}, &low));
  }
}

TEST(Cut, ChoosesDimensionsByTheirRange) {
  Random random(2);
  const std::array<float, 3> lower{0.0F, 5.0F, 0.0F};
  const std::array<float, 3> upper{1.0F, 5.0F, 2.0F};
  const std::array<float, 3> point{0.5F, 5.0F, 3.0F};
  std::array<int, 3> chosen{};
  for (int i = 0; i < 40'000; ++i) {
    const Cut cut = random_cut({lower.data(), upper.data()}, point.data(), 3, random);
    ++chosen[cut.dimension];
    ASSERT_GE(cut.value, lower[cut.dimension]);
    ASSERT_LT(cut.value, std::max(upper[cut.dimension], point[cut.dimension]));
  }
  EXPECT_NEAR(chosen[0], 10'000, 500);
  EXPECT_EQ(chosen[1], 0);
  EXPECT_NEAR(chosen[2], 30'000, 500);
}

// The rule of §4 as it is written, dimension by dimension.
Cut cut_by_hand(const std::vector<float>& lower, const std::vector<float>& upper, Random& random) {
  const auto range = [&](std::size_t i) { return double{upper[i]} - double{lower[i]}; };
  double total = 0.0;
  for (std::size_t i = 0; i < lower.size(); ++i) total += range(i);
  double rest = random.uniform() * total;
  std::size_t i = 0;
  for (; rest > range(i); ++i) rest -= range(i);
  return {static_cast<std::uint16_t>(i), static_cast<float>(double{lower[i]} + rest)};
}

TEST(Cut, OfAnyNumberOfDimensionsIsTheRuleAsWritten) {
  for (const std::size_t dimensions :
       {1U, 3U, 4U, 6U, 8U, 10U, 12U, 40U, 64U, 65U, 68U, 256U, 260U}) {
    Random random(dimensions);
    std::vector<float> lower(dimensions), upper(dimensions), point(dimensions);
    for (int round = 0; round < 5'000; ++round) {
      for (std::size_t i = 0; i < dimensions; ++i) {
        lower[i] = static_cast<float>(random.uniform());
        // A third of all dimensions have no range.
        upper[i] =
            lower[i] + (random.next() % 3 == 0 ? 0.0F : static_cast<float>(random.uniform()));
        point[i] = lower[i];
      }
      point[random.next() % dimensions] = 3.0F;
      std::vector<float> united(dimensions);
      for (std::size_t i = 0; i < dimensions; ++i) united[i] = std::max(upper[i], point[i]);
      Random same = random;
      const Cut cut = random_cut({lower.data(), upper.data()}, point.data(), dimensions, random);
      const Cut expected = cut_by_hand(lower, united, same);
      ASSERT_EQ(cut.dimension, expected.dimension) << dimensions << " dimensions, " << round;
      ASSERT_NEAR(cut.value, expected.value, 1e-6) << dimensions << " dimensions, " << round;
      ASSERT_EQ(random.next(), same.next());
    }
  }
}

TEST(Deviation, IsTheDiscountedSumsByHand) {
  // Values 2, 4, 9 with a discount of 1/2: weights 1/4, 1/2, 1.
  Deviation deviation(0.5);
  EXPECT_EQ(deviation.deviation(), 0.0);
  for (const double value : {2.0, 4.0, 9.0}) deviation.update(value);
  const double mean = (2.0 / 4 + 4.0 / 2 + 9.0) / 1.75;
  const double square = (4.0 / 4 + 16.0 / 2 + 81.0) / 1.75;
  EXPECT_NEAR(deviation.mean(), mean, 1e-14);
  EXPECT_NEAR(deviation.deviation(), std::sqrt(square - mean * mean), 1e-14);
  EXPECT_EQ(deviation.count(), 3);
}

TEST(Deviation, KeepsItsDigitsFarFromZero) {
  Deviation near(0.01);
  Deviation far(0.01);
  for (int i = 0; i < 1000; ++i) {
    near.update(i % 2);
    far.update(1e9 + i % 2);
  }
  EXPECT_NEAR(far.deviation(), near.deviation(), 1e-6);
}

}  // namespace
}  // namespace anomalyd
