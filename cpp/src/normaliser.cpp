#include "anomalyd/normaliser.hpp"

#include <math.h>  // lgamma_r: std::lgamma writes a global

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace anomalyd {
namespace {

constexpr double ln_high = -2.995732273553991;    // ln 0.05
constexpr double ln_middle = -9.210340371976182;  // ln 1e-4
constexpr double ln_low = -115.12925464970229;    // ln 1e-50
constexpr double largest_growth = 1e100;

constexpr int bins = 1200;  // besides the one of 0
constexpr double lowest = 1e-3;
constexpr double highest = 100.0;

constexpr std::array<double, 9> percentiles{0.0, 70.0, 85.0, 90.0, 95.0, 97.0, 99.0, 99.9, 100.0};
constexpr std::array<double, 9> knots{0.0, 1.0, 1.2, 1.5, 3.0, 20.0, 50.0, 90.0, 100.0};
constexpr double theory_samples = 300.0;
constexpr double remembered_periods = 100.0;
constexpr double lower_bound_share = 0.15;
constexpr double upper_bound_share = 0.85;

double bin_step() noexcept {
  static const double step = std::log(highest / lowest) / (bins - 1);
  return step;
}

std::size_t bin_of(double raw) noexcept {
  if (raw < lowest) return 0;
  return static_cast<std::size_t>(
      std::min(static_cast<int>(std::log(raw / lowest) / bin_step()) + 1, bins));
}

double middle_of(std::size_t bin) noexcept {
  return bin == 0 ? 0.0 : lowest * std::exp(bin_step() * (static_cast<double>(bin) - 0.5));
}

double lower_edge_of(std::size_t bin) noexcept {
  return bin == 0 ? 0.0 : lowest * std::exp(bin_step() * (static_cast<double>(bin) - 1.0));
}

double ln_gamma(double a) noexcept {
  int sign = 0;
  return lgamma_r(a, &sign);
}

double not_zero(double value) noexcept { return std::abs(value) > 1e-300 ? value : 1e-300; }

double beta_fraction(double a, double b, double x) noexcept {
  double c = 1.0;
  double d = 1.0 / not_zero(1.0 - (a + b) * x / (a + 1.0));
  double h = d;
  for (int i = 1; i < 500; ++i) {
    const double m = i;
    const double even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
    double last = 1.0;
    for (const double numerator : {even, odd}) {
      d = 1.0 / not_zero(1.0 + numerator * d);
      c = not_zero(1.0 + numerator / c);
      last = d * c;
      h *= last;
    }
    if (std::abs(last - 1.0) < 1e-12) break;
  }
  return h;
}

struct Beta {
  Beta(double first, double second) noexcept
      : a(first), b(second), ln_scale(ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b)) {}

  double below(double x) const noexcept {
    if (x <= 0.0) return 0.0;
    if (x >= 1.0) return 1.0;
    const double front = std::exp(ln_scale + a * std::log(x) + b * std::log1p(-x));
    if (x < (a + 1.0) / (a + b + 2.0)) return front * beta_fraction(a, b, x) / a;
    return 1.0 - front * beta_fraction(b, a, 1.0 - x) / b;
  }

  double density(double x) const noexcept {
    return std::exp(ln_scale + (a - 1.0) * std::log(x) + (b - 1.0) * std::log1p(-x));
  }

  // Newton's steps, kept inside what is known to hold the root.
  double quantile(double share) const noexcept {
    double low = 0.0;
    double high = 1.0;
    double x = a / (a + b);
    for (int i = 0; i < 60; ++i) {
      const double miss = below(x) - share;
      (miss < 0.0 ? low : high) = x;
      const double slope = density(x);
      double next = slope > 0.0 ? x - miss / slope : 0.0;
      if (!(next > low && next < high)) next = 0.5 * (low + high);
      const double moved = std::abs(next - x);
      x = next;
      if (moved <= 1e-12) break;
    }
    return x;
  }

  double a;
  double b;
  double ln_scale;
};

double score_of_percentile(double percentile) noexcept {
  std::size_t i = 1;
  while (i + 1 < percentiles.size() && percentile > percentiles[i]) ++i;
  const double part = (percentile - percentiles[i - 1]) / (percentiles[i] - percentiles[i - 1]);
  return knots[i - 1] + part * (knots[i] - knots[i - 1]);
}

double smallest(double percentile, double raw, double ln_p, const Standing& standing,
                double largest) noexcept {
  if (standing.samples <= 0.0 || ln_p > ln_unusual) return 0.0;
  const double ceiling = std::min({percentile, noise_ceiling(raw, standing.median, standing.quiet),
                                   maximum_ceiling(raw, largest), absolute_ceiling(ln_p)});
  return std::clamp(ceiling, 0.0, 100.0);
}

}  // namespace

double raw_score(double ln_p) noexcept {
  const double x = std::max(ln_p, ln_least);
  if (x >= ln_high) return 0.0;
  if (x >= ln_middle) return (std::exp(-x) - 20.0) / (10000.0 - 20.0);
  if (x >= ln_low) return 1.0 + 49.0 * (ln_middle - x) / (ln_middle - ln_low);
  return 50.0 + 50.0 * (ln_low - x) / (ln_low - ln_least);
}

double ln_of_raw_score(double raw) noexcept {
  if (raw <= 0.0) return ln_high;
  if (raw <= 1.0) return -std::log(20.0 + raw * (10000.0 - 20.0));
  if (raw <= 50.0) return ln_middle - (raw - 1.0) / 49.0 * (ln_middle - ln_low);
  return ln_low - (std::min(raw, 100.0) - 50.0) / 50.0 * (ln_low - ln_least);
}

double percentile_ceiling(double below, double samples) noexcept {
  const Beta beta(std::max(below, 0.0) + 1.0 / 3.0, std::max(samples - below, 0.0) + 1.0 / 3.0);
  return 0.5 * (score_of_percentile(100.0 * beta.quantile(lower_bound_share)) +
                score_of_percentile(100.0 * beta.quantile(upper_bound_share)));
}

double noise_ceiling(double raw, double median, double quiet) noexcept {
  return std::max(1.0 + 10.0 * (raw - median), 0.0) +
         100.0 * std::max(2.0 * std::min(2.0 * quiet, 1.0) - 1.0, 0.0);
}

double maximum_ceiling(double raw, double largest) noexcept {
  if (largest <= 0.0) return 100.0;
  const double ratio = raw / largest;
  return 100.0 * std::min(1.5 * ratio, 0.5 + 0.5 * ratio);
}

double absolute_ceiling(double ln_p) noexcept {
  static const double ln_500 = std::log(500.0);
  return 100.0 * (0.05 + 0.95 * (ln_high - ln_p) / ln_500);
}

double normalised(double raw, double ln_p, const Standing& standing, double largest) noexcept {
  if (standing.samples <= 0.0 || ln_p > ln_unusual) return 0.0;
  return smallest(percentile_ceiling(standing.below, standing.samples), raw, ln_p, standing,
                  largest);
}

QuantileSketch::QuantileSketch(double decay) : decay_(decay), weights_(bins + 1, 0.0) {}

void QuantileSketch::see(std::int64_t period, double raw, double tests) noexcept {
  if (begun_ == 0) {
    begun_ = 1;
    origin_ = period_ = period;
  } else if (period > period_) {
    add();
    largest_ = 0.0;
    tests_ = 0.0;
    period_ = period;
  }
  if (period != period_) return;
  largest_ = std::max(largest_, raw);
  tests_ += tests;
}

void QuantileSketch::add() noexcept {
  double weight = std::exp(decay_ * static_cast<double>(period_ - origin_));
  if (weight > largest_growth) {
    for (double& each : weights_) each /= weight;
    origin_ = period_;
    weight = 1.0;
  }
  weights_[bin_of(largest_)] += weight;
  periods_ = std::min(periods_ + 1.0, remembered_periods);
  usual_tests_ += (tests_ - usual_tests_) / periods_;
}

double QuantileSketch::samples() const noexcept {
  if (begun_ == 0) return 0.0;
  const double total = std::accumulate(weights_.begin(), weights_.end(), 0.0);
  return total / std::exp(decay_ * static_cast<double>(period_ - origin_)) + 1.0;
}

QuantileSketch::Ceilings::Ceilings(const QuantileSketch& sketch)
    : below_(bins + 1, 0.0), percentile_(bins + 1, -1.0) {
  if (sketch.begun_ == 0) return;
  const double now = std::exp(sketch.decay_ * static_cast<double>(sketch.period_ - sketch.origin_));
  const std::size_t current = bin_of(sketch.largest_);
  for (std::size_t bin = 0; bin <= bins; ++bin) {
    below_[bin] = samples_;
    samples_ += sketch.weights_[bin] / now + (bin == current ? 1.0 : 0.0);
  }
  std::size_t middle = bins;
  while (middle > 0 && below_[middle] >= 0.5 * samples_) --middle;
  median_ = middle_of(middle);
  quiet_ = below_[1] / samples_;
  tests_ = std::max(sketch.tests_, sketch.usual_tests_);
}

double QuantileSketch::Ceilings::of(double raw, double ln_p, double largest) noexcept {
  if (samples_ <= 0.0 || ln_p > ln_unusual) return 0.0;
  const std::size_t bin = bin_of(raw);
  double& percentile = percentile_[bin];
  if (percentile < 0.0) {
    const double expected = tests_ * std::exp(ln_of_raw_score(lower_edge_of(bin)));
    percentile = percentile_ceiling(below_[bin] + theory_samples * std::exp(-expected),
                                    samples_ + theory_samples);
  }
  return smallest(percentile, raw, ln_p, {below_[bin], samples_, median_, quiet_}, largest);
}

}  // namespace anomalyd
