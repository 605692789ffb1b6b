// The thresholder against its formulas written out with plain discounted sums.
#include "anomalyd/threshold.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "anomalyd/random.hpp"

namespace anomalyd {
namespace {

struct Sums {
  double discount;
  double sum = 0.0;
  double squares = 0.0;
  double weight = 0.0;
  int count = 0;

  void add(double x) {
    sum = sum * (1.0 - discount) + x;
    squares = squares * (1.0 - discount) + x * x;
    weight = weight * (1.0 - discount) + 1.0;
    ++count;
  }
  double mean() const { return count == 0 ? 0.0 : sum / weight; }
  double deviation() const {
    return count == 0 ? 0.0 : std::sqrt(std::max(0.0, squares / weight - mean() * mean()));
  }
};

TEST(Thresholder, StartsWithAFixedThreshold) {
  const Thresholder fresh(Settings{});
  EXPECT_EQ(fresh.grade(1.49).threshold, 1.5);
  EXPECT_EQ(fresh.grade(1.49).grade, 0.0);
  EXPECT_NEAR(fresh.grade(3.0).rarity, 3.3 * 2.0, 1e-12);
  EXPECT_NEAR(fresh.grade(3.0).grade, 1.0 - std::exp(-3.3 * 2.0 / 5.0), 1e-12);
}

TEST(Thresholder, FollowsItsFormulas) {
  for (const double level : {0.4, 0.7, 1.2}) {
    const Settings settings;
    Thresholder thresholder(settings);
    Sums scores{settings.time_decay};
    double tail = 0.0;
    double high = 0.0;
    double excesses = 0.0;
    Random random(8);
    for (int step = 0; step < 300; ++step) {
      const double score = level + 0.3 * random.uniform() + (step % 40 == 39 ? 2.0 : 0.0);
      const double usual = std::max(scores.deviation(), 0.02);
      const double start = scores.mean() + 1.7 * usual;
      const double excess = (excesses + 5.0 * usual) / (high + 5.0);
      const double rate = (high + 0.5) / (tail + 1.0);
      const bool ready = scores.count >= 20;
      const double threshold = ready ? start + std::max(0.0, excess * (3.3 + std::log(rate))) : 1.5;
      const double rarity =
          ready ? std::max(0.0, (score - start) / excess - std::log(rate)) : 3.3 * score / 1.5;

      const Grading got = thresholder.grade(score);
      ASSERT_NEAR(got.threshold, threshold, 1e-9) << "step " << step;
      ASSERT_NEAR(got.rarity, score < threshold ? 0.0 : rarity, 1e-9) << "step " << step;
      ASSERT_NEAR(got.grade, -std::expm1(-got.rarity / 5.0), 1e-12) << "step " << step;

      if (ready) {
        const double keep = 1.0 - settings.time_decay;
        tail = tail * keep + 1.0;
        high = high * keep + (score > start ? 1.0 : 0.0);
        excesses = excesses * keep + std::max(0.0, score - start);
      }
      scores.add(std::min(score, 2.0));
      thresholder.update(score);
    }
  }
}

TEST(Thresholder, AScoreIsAsRareAsItsShareOfTheHistory) {
  Thresholder thresholder(Settings{});
  Random random(3);
  // An exponential tail behind a calm mass: the share of scores above x is known.
  for (int step = 0; step < 20'000; ++step) {
    thresholder.update(0.5 - 0.1 * std::log(1.0 - random.uniform()));
  }
  for (const double rarity : {4.0, 6.0, 8.0}) {
    EXPECT_NEAR(thresholder.grade(0.5 + 0.1 * rarity).rarity, rarity, 0.1 * rarity);
  }
}

TEST(Thresholder, ScoresThatNeverMovedAreCalmAndAnyOtherIsASurprise) {
  Thresholder thresholder(Settings{});
  for (int i = 0; i < 30; ++i) {
    const double score = i % 3 == 0 ? 0.5 : std::nextafter(0.5, 1.0);
    EXPECT_EQ(thresholder.grade(score).grade, 0.0);
    thresholder.update(score);
  }
  EXPECT_GT(thresholder.grade(3.0).grade, 0.99);
}

}  // namespace
}  // namespace anomalyd
