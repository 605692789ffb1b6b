// Scores of 0 to 100 from probabilities, in relation to what was seen before (influencers
// reference, §3 and P3): the smallest of four ceilings.
#pragma once

#include <cstdint>
#include <vector>

#include "anomalyd/checkpoint_bytes.hpp"

namespace anomalyd {

// Probabilities above 0.035 have the score 0 and are not reported.
constexpr double ln_unusual = -3.3524072174927233;
// The smallest normal double, below which no probability is told apart.
constexpr double ln_least = -708.3964185322641;

// 0 for p of 0.05 or more, 1 at 1e-4, 50 at 1e-50, 100 at the smallest normal double.
double raw_score(double ln_p) noexcept;
// ln p of a raw score of 0 to 100; that of 0 is ln 0.05.
double ln_of_raw_score(double raw) noexcept;

// What past raw scores say of one: all that a sketch knows that bounds a score.
struct Standing {
  double below;    // samples below it
  double samples;  // all samples; 0 = nothing was seen yet
  double median;   // of all samples
  double quiet;    // share of samples that are 0
};

// Ceiling of the share of the past that was lower, about 100 times above the 99.9 % point.
double percentile_ceiling(double below, double samples) noexcept;
// Ceiling of what usually happens: 1 at the median, unless most samples are 0.
double noise_ceiling(double raw, double median, double quiet) noexcept;
// Ceiling of a value's own largest raw score; none where it has none (0).
double maximum_ceiling(double raw, double largest) noexcept;
// Ceiling of the probability itself: 5 at 0.05, 75 at 5.13e-4, 100 at 1e-4.
double absolute_ceiling(double ln_p) noexcept;

// The smallest of the four, 0 to 100; 0 where nothing was seen yet or p is usual.
double normalised(double raw, double ln_p, const Standing& standing, double largest) noexcept;

// The raw scores of the past, one sample per sampling period (the largest raw score in it), in
// logarithmic bins. Weights decay forward: new samples count more instead of old ones less.
//
// A short past cannot show how rare the rarest is: the highest of 90 samples may be one in 90 or
// one in a million. But each raw score is that of a probability, and so many were looked at in a
// period: the chance of a higher one is at most that number times the probability. What that says
// joins in as 300 further samples.
class QuantileSketch {
 public:
  // `decay`: by how much weights grow per sampling period.
  explicit QuantileSketch(double decay);

  // Takes the largest raw score of a window, of `tests` values that it is the largest of, into the
  // window's sampling period. Periods do not go back: a window of an earlier one is left out.
  void see(std::int64_t period, double raw, double tests) noexcept;

  // The sampling periods so far, as they weigh now. The current one is among them.
  double samples() const noexcept;

  // The smaller of the noise and the percentile ceiling of any raw score, as of now. The current
  // period is among the samples. It serves many look-ups; see() makes it stale.
  class Ceilings {
   public:
    explicit Ceilings(const QuantileSketch& sketch);
    double of(double raw, double ln_p, double largest) noexcept;

   private:
    std::vector<double> below_;       // samples below each bin
    std::vector<double> percentile_;  // ceiling of each bin, where known; else negative
    double samples_ = 0.0;
    double median_ = 0.0;
    double quiet_ = 0.0;
    double tests_ = 0.0;
  };

  template <class Self, class Archive>
  static void state(Self& self, Archive& archive) {
    archive.value(self.begun_);
    archive.value(self.origin_);
    archive.value(self.period_);
    archive.value(self.largest_);
    archive.value(self.tests_);
    archive.value(self.periods_);
    archive.value(self.usual_tests_);
    archive.values(self.weights_);
    archive.require(self.begun_ <= 1 && self.origin_ <= self.period_, "periods in the wrong order");
    archive.require(possible_time(self.origin_) && possible_time(self.period_),
                    "a period out of time");
    archive.require(self.largest_ >= 0.0 && self.largest_ <= 100.0, "a raw score is out of bounds");
    archive.require(self.tests_ >= 0.0 && self.periods_ >= 0.0 && self.usual_tests_ >= 0.0,
                    "a count is negative");
    for (const double weight : self.weights_)
      archive.require(weight >= 0.0, "a weight is negative");
  }

 private:
  void add() noexcept;

  double decay_;
  std::uint32_t begun_ = 0;   // 1 = the two periods mean something
  std::int64_t origin_ = 0;   // the period whose samples weigh 1
  std::int64_t period_ = 0;   // the current one
  double largest_ = 0.0;      // raw score of the current period
  double tests_ = 0.0;        // of the current period
  double periods_ = 0.0;      // before the current one, at most 100
  double usual_tests_ = 0.0;  // mean of about so many periods
  std::vector<double> weights_;
};

}  // namespace anomalyd
