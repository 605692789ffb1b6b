// NORMALIZE by hand, and its independence of the unit.
#include "anomalyd/transform.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace anomalyd {
namespace {

Settings settings_of(TransformMethod transform, double time_decay) {
  Settings settings;
  settings.transform = transform;
  settings.time_decay = time_decay;
  return settings;
}

float transformed(const Transform& transform, double value) {
  float block = 0.0F;
  transform.apply(&value, &block);
  return block;
}

void learn(Transform& transform, std::initializer_list<double> values) {
  for (const double value : values) transform.learn(&value);
}

TEST(Transform, SubtractsTheMeanAndDividesByTheSmoothedDeviation) {
  Transform transform(settings_of(TransformMethod::normalize, 0.0));
  learn(transform, {10.0, 14.0, 12.0});
  // Without decay: mean 12; deviations after each input 0, 2 and sqrt(8/3), whose mean is the
  // scale.
  const double scale = (0.0 + 2.0 + std::sqrt(8.0 / 3.0)) / 3.0 + 12e-6;
  EXPECT_NEAR(transform.shift(0), 12.0, 1e-12);
  EXPECT_NEAR(transform.scale(0), scale, 1e-12);
  EXPECT_FLOAT_EQ(transformed(transform, 15.0), static_cast<float>(3.0 / scale));
  // Differences 0, 4, -2: deviations after each 0, 2 and sqrt(56)/3.
  EXPECT_NEAR(transform.scaled_noise(0), (2.0 + std::sqrt(56.0) / 3.0) / 3.0 / scale, 1e-12);
}

TEST(Transform, ClipsAtAHundred) {
  Transform transform(settings_of(TransformMethod::normalize, 0.0));
  learn(transform, {1.0, 2.0});
  EXPECT_EQ(transformed(transform, 1e30), 100.0F);
  EXPECT_EQ(transformed(transform, -1e300), -100.0F);
}

TEST(Transform, TakesAConstantForZeroAndItsRoundingToo) {
  for (const double level : {0.0, 1e-9, 3.0, -7e12}) {
    Transform transform(settings_of(TransformMethod::normalize, 0.01));
    for (int i = 0; i < 50; ++i) learn(transform, {level});
    EXPECT_EQ(transformed(transform, level), 0.0F);
    EXPECT_EQ(transformed(transform, std::nextafter(level, 1e300) - 0.0),
              level == 0.0 ? 100.0F : 0.0F);
    EXPECT_EQ(transformed(transform, level + std::abs(level) + 1.0), 100.0F);
  }
}

TEST(Transform, DoesNotDependOnTheUnit) {
  const Settings settings = settings_of(TransformMethod::normalize, 1.0 / 2560);
  Transform plain(settings);
  Transform tiny(settings);
  Transform large(settings);
  for (int t = 0; t < 500; ++t) {
    const double value = 5.0 + std::sin(t * 0.7) + 0.3 * std::cos(t * t);
    if (t > 10) {
      ASSERT_FLOAT_EQ(transformed(plain, value), transformed(tiny, value * 1e-6));
      ASSERT_FLOAT_EQ(transformed(plain, value), transformed(large, value * 1e9));
    }
    learn(plain, {value});
    learn(tiny, {value * 1e-6});
    learn(large, {value * 1e9});
  }
}

TEST(Transform, NonePassesValuesOnWithinTheFloats) {
  Transform transform(settings_of(TransformMethod::none, 0.01));
  learn(transform, {3.0, 5.0});
  EXPECT_EQ(transformed(transform, 7.25), 7.25F);
  EXPECT_EQ(transformed(transform, 1e300), 1e37F);
  EXPECT_FALSE(std::signbit(transformed(transform, -0.0)));
}

TEST(Transform, DifferenceGivesTheStepFromTheLastInput) {
  Transform transform(settings_of(TransformMethod::difference, 0.0));
  EXPECT_EQ(transformed(transform, 41.0), 0.0F);  // no step is known yet
  learn(transform, {3.0, 5.0});
  EXPECT_EQ(transformed(transform, 7.25), 2.25F);
  EXPECT_EQ(transform.undo(0, 2.25F), 7.25);
  EXPECT_EQ(transform.undo(0, 2.25F, 100.0), 102.25);
}

TEST(Transform, NormalizeDifferenceMeasuresTheStepByTheUsualOnes) {
  Transform transform(settings_of(TransformMethod::normalize_difference, 0.0));
  learn(transform, {10.0, 14.0, 12.0});
  // Steps 0, 4, -2: their mean is 2/3, the deviations after each 0, 2 and sqrt(56)/3.
  const double scale = (2.0 + std::sqrt(56.0) / 3.0) / 3.0 + 12e-6;
  EXPECT_NEAR(transform.scale(0), scale, 1e-12);
  EXPECT_NEAR(transform.shift(0), 12.0 + 2.0 / 3.0, 1e-12);
  EXPECT_FLOAT_EQ(transformed(transform, 15.0), static_cast<float>((3.0 - 2.0 / 3.0) / scale));
  EXPECT_NEAR(transform.undo(0, transformed(transform, 15.0)), 15.0, 1e-5);
}

TEST(Transform, SubtractMovingAverageLeavesTheUnit) {
  Transform transform(settings_of(TransformMethod::subtract_moving_average, 0.0));
  learn(transform, {10.0, 14.0, 12.0});
  EXPECT_EQ(transformed(transform, 1012.0), 1000.0F);
  EXPECT_EQ(transform.undo(0, 1000.0F), 1012.0);
}

TEST(Transform, GuessesAreCountedFromButEnterNoStatistics) {
  Transform guessing(settings_of(TransformMethod::normalize_difference, 0.0));
  Transform knowing(settings_of(TransformMethod::normalize_difference, 0.0));
  learn(guessing, {10.0, 14.0});
  learn(knowing, {10.0, 14.0});
  const double guess = 20.0;
  const std::uint8_t guessed = 1;
  guessing.learn(&guess, &guessed);
  EXPECT_EQ(guessing.last(0), 20.0);
  EXPECT_EQ(guessing.scale(0), knowing.scale(0));
  EXPECT_EQ(guessing.shift(0), knowing.shift(0) + 6.0);
}

}  // namespace
}  // namespace anomalyd
