// The thresholder against the formulas of §9 written out with plain discounted sums.
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

Settings settings_of(std::int64_t shingle_size, TransformMethod transform) {
  Settings settings;
  settings.shingle_size = shingle_size;
  settings.transform = transform;
  return settings;
}

TEST(Thresholder, StartsWithAFixedThreshold) {
  const Thresholder fresh(Settings{});
  EXPECT_EQ(fresh.grade(1.49).threshold, 1.5);
  EXPECT_EQ(fresh.grade(1.49).grade, 0.0);
  // Surprise over the absolute threshold 0.8: (1.5 - 0.8) / 0.8 = 0.875, 17 twentieths, capped.
  EXPECT_EQ(fresh.grade(1.5).grade, 1.0);
}

TEST(Thresholder, FollowsItsFormulasThroughBlendAndSteadyState) {
  for (const std::int64_t shingle_size : {1, 8}) {
    for (const TransformMethod transform : {TransformMethod::none, TransformMethod::normalize}) {
      for (const double level : {0.4, 0.7, 1.2}) {
        const Settings settings = settings_of(shingle_size, transform);
        Thresholder thresholder(settings);
        Sums primary{settings.time_decay};
        Sums secondary{settings.anomaly_rate};
        Sums falls{settings.time_decay / 2.0};
        double last = 0.0;
        Random random(static_cast<std::uint64_t>(shingle_size));
        for (int step = 0; step < 300; ++step) {
          const double score = level + 0.3 * random.uniform() + (step % 40 == 39 ? 2.0 : 0.0);

          const double f = std::clamp((primary.count - 10) / 10.0, 0.0, 1.0);
          const bool ready = primary.count >= 10;
          const double mean = primary.mean();
          double z = 3.0;
          if (mean < 0.9 && transform != TransformMethod::none) z = 3.0 * mean / 0.9;
          z = std::max(z, 2.0);
          double long_term = std::min(std::sqrt(2.0) * falls.deviation(), primary.deviation());
          if (shingle_size > 1) {
            const double first =
                std::min(primary.deviation(),
                         std::max(secondary.deviation(), std::sqrt(2.0) * falls.deviation()));
            long_term = 0.5 * first + 0.5 * secondary.deviation();
          }
          const double scaled = (z - 1.0) * long_term + primary.deviation();
          const double absolute = f >= 1.0 && mean < 0.9 ? 0.8 * mean / 0.9 : 0.8;
          double threshold = std::max(1.5, absolute);
          if (ready) threshold = std::max(absolute, f * (mean + scaled) + (1.0 - f) * 1.5);
          double grade = 0.0;
          if (score >= threshold) {
            const double surprise = ready ? std::min(1.0, (score - threshold) / scaled)
                                          : std::clamp((score - absolute) / absolute, 0.0, 1.0);
            grade = std::min(std::floor(20.0 * surprise) / 16.0, 1.0);
            if (grade == 0.0) threshold = score;
          }

          const Grading got = thresholder.grade(score);
          ASSERT_NEAR(got.threshold, threshold, 1e-9) << "step " << step;
          ASSERT_EQ(got.grade, grade) << "step " << step;
          ASSERT_EQ(got.grade * 16.0, std::floor(got.grade * 16.0));

          const double capped = std::min(score, 2.0);
          if (mean - capped > 0.0) falls.add(mean - capped);
          primary.add(capped);
          secondary.add(score - last);
          if (shingle_size > 1) last = score;
          thresholder.update(score, score);
        }
      }
    }
  }
}

TEST(Thresholder, ScoresThatNeverMovedAreCalmAndAnyOtherIsASurprise) {
  for (const std::int64_t shingle_size : {1, 8}) {
    Thresholder thresholder(settings_of(shingle_size, TransformMethod::normalize));
    for (int i = 0; i < 30; ++i) {
      const double score = i % 3 == 0 ? 0.5 : std::nextafter(0.5, 1.0);
      EXPECT_EQ(thresholder.grade(score).grade, 0.0);
      thresholder.update(score, score);
    }
    EXPECT_EQ(thresholder.grade(3.0).grade, 1.0);
  }
}

}  // namespace
}  // namespace anomalyd
