// The formulas against closed forms, and what must not matter: orders, shards, batches, restarts.
#include "anomalyd/influence.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "anomalyd/influence_combine.hpp"
#include "anomalyd/influence_reference.hpp"
#include "anomalyd/normaliser.hpp"
#include "anomalyd/random.hpp"
#include "anomalyd/tail.hpp"

namespace anomalyd {
namespace {

constexpr std::int64_t half_hour = 1800000;

TEST(Combine, GammaFunctionWhereItHasAClosedForm) {
  EXPECT_NEAR(ln_upper_gamma(1.0, 0.1), -0.1, 1e-14);
  EXPECT_NEAR(ln_upper_gamma(1.0, 700.0), -700.0, 1e-10);
  EXPECT_NEAR(ln_upper_gamma(0.5, 2.25), std::log(std::erfc(1.5)), 1e-13);
  EXPECT_NEAR(ln_upper_gamma(2.0, 40.0), std::log(41.0) - 40.0, 1e-12);
  EXPECT_NEAR(ln_upper_gamma(2.0, 1.0), std::log(2.0) - 1.0, 1e-14);
  EXPECT_NEAR(ln_upper_gamma(1.0, 1e6), -1e6, 1e-6);
  EXPECT_EQ(ln_upper_gamma(3.0, 0.0), 0.0);
}

TEST(Combine, ExtremeOfMany) {
  EXPECT_NEAR(ln_extreme(std::log(0.5), 2.0), std::log(0.75), 1e-14);
  EXPECT_NEAR(ln_extreme(-900.0, 100.0), std::log(100.0) - 900.0, 1e-12);
  // The two ways of computing meet.
  EXPECT_NEAR(ln_extreme(std::log(0.99e-10), 1.0), std::log(0.99e-10), 1e-9);
  EXPECT_NEAR(ln_extreme(std::log(1.01e-10), 1.0), std::log(1.01e-10), 1e-9);
}

TEST(Combine, CauchyOfTwoEqualOnesIsTheSame) {
  for (const double ln_p : {-0.5, -3.0, -34.0, -36.0, -900.0}) {
    EXPECT_NEAR(ln_cauchy(ln_p, ln_p), ln_p, 1e-9 * -ln_p) << ln_p;
  }
  EXPECT_LE(ln_cauchy(0.0, 0.0), 0.0);
}

TEST(Combine, OneKeepsItsProbability) {
  Accumulator one;
  one.add(-900.0);
  EXPECT_EQ(ln_combined(one, 0.3), -900.0);
}

TEST(Combine, OrdersAndShardsMeanNothing) {
  Random random(3);
  std::vector<double> ln_p;
  for (int i = 0; i < 500; ++i) ln_p.push_back(100.0 * std::log(random.uniform() + 1e-9));
  Accumulator whole;
  for (const double each : ln_p) whole.add(each);
  std::reverse(ln_p.begin(), ln_p.end());
  for (const std::size_t shards : {1U, 2U, 7U}) {
    std::vector<Accumulator> parts(shards);
    for (std::size_t i = 0; i < ln_p.size(); ++i) parts[i % shards].add(ln_p[i]);
    Accumulator merged;
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) merged.merge(*part);
    EXPECT_EQ(merged.count(), whole.count());
    EXPECT_EQ(merged.statistic(), whole.statistic());
    EXPECT_EQ(merged.correlation(), whole.correlation());
    EXPECT_EQ(ln_combined(merged, 0.2), ln_combined(whole, 0.2));
  }
}

TEST(Normaliser, RawScoresAtTheirKnotsAndBack) {
  EXPECT_EQ(raw_score(0.0), 0.0);
  EXPECT_EQ(raw_score(std::log(0.06)), 0.0);
  EXPECT_NEAR(raw_score(std::log(1e-4)), 1.0, 1e-12);
  EXPECT_NEAR(raw_score(std::log(1e-50)), 50.0, 1e-12);
  EXPECT_EQ(raw_score(-1e9), 100.0);
  for (const double raw : {0.001, 0.5, 1.0, 7.0, 50.0, 77.0, 100.0}) {
    EXPECT_NEAR(raw_score(ln_of_raw_score(raw)), raw, 1e-9);
  }
}

TEST(Normaliser, ScoresStayWithinBoundsAndRiseWithRawScores) {
  QuantileSketch sketch(0.001);
  EXPECT_EQ(QuantileSketch::Ceilings(sketch).of(50.0, -100.0, 0.0), 0.0);
  Random random(5);
  for (std::int64_t period = 0; period < 3000; ++period) {
    sketch.see(period, random.uniform() < 0.9 ? 0.0 : random.uniform(), 10.0);
  }
  QuantileSketch::Ceilings ceilings(sketch);
  double last = 0.0;
  for (double ln_p = ln_unusual; ln_p > -800.0; ln_p -= 0.25) {
    const double score = ceilings.of(raw_score(ln_p), ln_p, 0.0);
    EXPECT_GE(score, last - 1e-6);
    EXPECT_LE(score, 100.0);
    last = score;
  }
  EXPECT_GT(last, 95.0);  // as far as so many samples can tell
}

// ln p of a score that is expected once in 20,000, by so many windows of one exponential score.
double judged_after(std::int64_t windows, double run) {
  Tails tails(0.0, run);
  for (std::int64_t at = 0; at < windows; ++at) {
    const double rank =
        (static_cast<double>(at * 7919 % windows) + 0.5) / static_cast<double>(windows);
    tails.learn(at, {0}, {-std::log(rank)});
  }
  double ln_p = 0.0;
  tails.judge(windows, {0}, {std::log(20000.0)}, &ln_p);
  return ln_p;
}

TEST(Tails, ATailIsWiderTheFewerIndependentScoresItIsOf) {
  const double exact = judged_after(4000, 0.0);
  EXPECT_NEAR(exact, -std::log(20000.0), 0.7);
  // Eighty scores lie in the tail: ten events of eight windows, whose shape is in doubt by 0.1.
  const double in_doubt = judged_after(4000, 8.0);
  EXPECT_GT(in_doubt, exact + 0.5);
  EXPECT_GT(judged_after(4000, 16.0), in_doubt + 0.2);
  EXPECT_LT(judged_after(40000, 8.0), judged_after(40000, 0.0) + 0.4);
  // One more exponential excess over the mean of m others: (1 + x / m)^-m. Of 80,000 scores 1,440
  // lie in the part of the tail that is used; a run of 160 windows makes nine events of them.
  const double excess = std::log(20000.0 * 0.02);
  EXPECT_NEAR(judged_after(80000, 160.0), std::log(0.02) - 9.0 * std::log1p(excess / 9.0), 0.15);
  // Doubt has a bound: what is far out is improbable soon after the start.
  EXPECT_EQ(judged_after(4000, 100.0), judged_after(4000, 1000.0));
}

// Rows of windows first to last - 1, in which every fourth model starts cold.
struct Stream {
  Stream(std::int64_t first, std::int64_t last, bool reversed) {
    constexpr std::int64_t entities = 24;
    for (std::int64_t at = first; at < last; ++at) {
      for (std::int64_t i = 0; i < entities; ++i) {
        const std::int64_t each = reversed ? entities - 1 - i : i;
        Random random(static_cast<std::uint64_t>(at * entities + each));
        window.push_back(at * half_hour);
        entity.push_back(each);
        values.push_back(each % 5 - 1);
        values.push_back(0);
        const double usual = 0.6 - 0.2 * std::log(random.uniform() + 1e-12);
        score.push_back(at < 60 && each % 4 == 0 ? std::numeric_limits<double>::quiet_NaN()
                                                 : usual);
        features.push_back(random.uniform());
      }
    }
  }
  InfluenceRows rows() const {
    return {window.size(), window.data(), entity.data(),
            values.data(), score.data(),  features.data()};
  }

  std::vector<std::int64_t> window;
  std::vector<std::int64_t> entity;
  std::vector<std::int64_t> values;
  std::vector<double> score;
  std::vector<double> features;
};

Influence new_state() { return Influence({2, 1, half_hour, 2 * half_hour}); }

TEST(Influence, OrdersBatchesAndRestartsMeanNothing) {
  Influence whole = new_state();
  const Influences found = whole.process(Stream(0, 700, false).rows(), true);
  ASSERT_GT(found.score.size(), 10U);

  Influence pieces = new_state();
  std::vector<double> scores;
  for (std::int64_t first = 0; first < 700; first += 35) {
    const Influences part = pieces.process(Stream(first, first + 35, true).rows(), true);
    scores.insert(scores.end(), part.score.begin(), part.score.end());
    const std::vector<std::uint8_t> bytes = pieces.to_bytes();
    pieces = Influence::from_bytes({bytes.data(), bytes.size()});
  }
  EXPECT_EQ(scores, found.score);
  EXPECT_EQ(pieces.to_bytes(), whole.to_bytes());
}

TEST(Influence, JudgingLeavesNoTrace) {
  Influence state = new_state();
  state.process(Stream(0, 100, false).rows(), true);
  const std::vector<std::uint8_t> before = state.to_bytes();
  const Influences once = state.process(Stream(100, 120, false).rows(), false);
  EXPECT_EQ(state.to_bytes(), before);
  EXPECT_EQ(state.process(Stream(100, 120, false).rows(), false).score, once.score);
}

TEST(Influence, BytesThatAreCutOrChangedAreRefused) {
  Influence state = new_state();
  state.process(Stream(0, 90, false).rows(), true);
  std::vector<std::uint8_t> bytes = state.to_bytes();
  for (std::size_t size = 0; size < bytes.size(); size += 97) {
    EXPECT_THROW(Influence::from_bytes({bytes.data(), size}), CheckpointError);
  }
  for (std::size_t at = 0; at < bytes.size(); at += 61) {
    bytes[at] ^= 0x10U;
    EXPECT_THROW(Influence::from_bytes({bytes.data(), bytes.size()}), CheckpointError);
    bytes[at] ^= 0x10U;
  }
}

// Damage that a checksum does not tell of must not be followed either.
TEST(Influence, ABodyThatCannotBeIsRefusedOrReadSafely) {
  Influence state = new_state();
  state.process(Stream(0, 90, false).rows(), true);
  const std::vector<std::uint8_t> good = state.to_bytes();
  Random random(11);
  for (int i = 0; i < 400; ++i) {
    std::vector<std::uint8_t> bytes = good;
    const auto at =
        16 + static_cast<std::size_t>(random.uniform() * static_cast<double>(bytes.size() - 20));
    bytes[at] = static_cast<std::uint8_t>(256.0 * random.uniform());
    const std::uint32_t sum = crc32c({bytes.data(), bytes.size() - 4});
    for (unsigned byte = 0; byte < 4; ++byte) {
      bytes[bytes.size() - 4 + byte] = static_cast<std::uint8_t>(sum >> (8 * byte));
    }
    try {
      Influence read = Influence::from_bytes({bytes.data(), bytes.size()});
      if (read.shape().fields == 2 && read.shape().features == 1) {
        read.process(Stream(90, 92, false).rows(), true);
      }
    } catch (const CheckpointError&) {
      // As it should be; many changes of a number cannot be told from another number.
    }
  }
}

// Found by influence_fuzz.
TEST(Influence, TimesThatCannotBeAreRefused) {
  Influence state = new_state();
  state.process(Stream(0, 3, false).rows(), true);
  std::vector<std::uint8_t> bytes = state.to_bytes();
  for (std::size_t i = 0; i < 8; ++i) bytes[16 + 4 * 8 + i] = i == 7 ? 0x80 : 0;  // the last tick
  const std::uint32_t sum = crc32c({bytes.data(), bytes.size() - 4});
  for (unsigned byte = 0; byte < 4; ++byte) {
    bytes[bytes.size() - 4 + byte] = static_cast<std::uint8_t>(sum >> (8 * byte));
  }
  EXPECT_THROW(Influence::from_bytes({bytes.data(), bytes.size()}), CheckpointError);
  for (const std::int64_t time : {most_inputs + 1, std::numeric_limits<std::int64_t>::min()}) {
    Stream stream(3, 4, false);
    std::fill(stream.window.begin(), stream.window.end(), time);
    EXPECT_THROW(state.process(stream.rows(), true), std::invalid_argument);
  }
}

TEST(Influence, AWindowOfLongAgoHasFiniteScores) {
  Influence state = new_state();
  state.process(Stream(0, 200, false).rows(), true);
  Stream late(200, 201, false);
  std::fill(late.window.begin(), late.window.end(), -most_inputs);
  for (const double score : state.process(late.rows(), true).level_score) {
    EXPECT_TRUE(score >= 0.0 && score <= 100.0);
  }
}

TEST(Maxima, FadeAreForgottenAndAreLimited) {
  Maxima maxima(0.01);
  EXPECT_FALSE(maxima.raise(0, 7, 100, 2.0));
  EXPECT_EQ(maxima.largest(0, 7, 100), 2.0);
  EXPECT_NEAR(maxima.largest(0, 7, 110), 2.0 * std::exp(-0.1), 1e-12);
  EXPECT_EQ(maxima.largest(0, 7, 151), 0.0);
  EXPECT_FALSE(maxima.raise(0, 7, 101, 2.1));
  EXPECT_TRUE(maxima.raise(0, 7, 101, 2.4));
  for (std::int64_t value = 0; value < 120000; ++value) maxima.raise(1, value, 102, 1.0);
  maxima.trim(102);
  EXPECT_LE(maxima.size(), 100000U);
  EXPECT_EQ(maxima.largest(0, 7, 102), 0.0);
}

TEST(Reference, ManyRecordsStayFinite) {
  const std::vector<double> ln_p(2000, -1.0);
  const ReferenceAnswer answer = reference_aggregate(ln_p, attributes_style, std::log(0.05));
  EXPECT_TRUE(std::isfinite(answer.raw));
  EXPECT_LE(answer.ln_p, 0.0);
}

}  // namespace
}  // namespace anomalyd
