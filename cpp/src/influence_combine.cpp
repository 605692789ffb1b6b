#include "anomalyd/influence_combine.hpp"

#include <math.h>  // lgamma_r: std::lgamma writes a global

#include <algorithm>
#include <cmath>
#include <limits>

namespace anomalyd {
namespace {

constexpr double pi = 3.14159265358979323846;
constexpr double unit = 1099511627776.0;  // 2^40
constexpr double least_ln_p = -4.0e6;     // so that a number of units fits 64 bits
constexpr double largest_quiet = 14.0;
constexpr double largest_input = 0.99;  // tan() goes to minus infinity above
constexpr double small_p = 1e-15;
constexpr double least_divisor = 1e-300;

double ln_gamma(double a) noexcept {
  int sign = 0;
  return lgamma_r(a, &sign);
}

double not_zero(double value) noexcept {
  return std::abs(value) < least_divisor ? least_divisor : value;
}

// ln(exp(a) + exp(b))
double ln_sum(double a, double b) noexcept {
  const double high = std::max(a, b);
  return high + std::log1p(std::exp(std::min(a, b) - high));
}

double ln_by_series(double a, double x, double ln_front) noexcept {
  double term = 1.0 / a;
  double total = term;
  double k = a;
  for (int i = 0; i < 100000 && term > total * 1e-17; ++i) {
    k += 1.0;
    term *= x / k;
    total += term;
  }
  return std::log1p(-std::min(std::exp(ln_front) * total, 1.0 - 1e-16));
}

// Lentz's evaluation of the continued fraction.
double ln_by_fraction(double a, double x, double ln_front) noexcept {
  double b = x + 1.0 - a;
  double c = 1e300;
  double d = 1.0 / b;
  double h = d;
  for (int i = 1; i < 100000; ++i) {
    const double factor = -i * (i - a);
    b += 2.0;
    d = 1.0 / not_zero(factor * d + b);
    c = not_zero(b + factor / c);
    h *= d * c;
    if (std::abs(d * c - 1.0) < 1e-15) break;
  }
  return ln_front + std::log(h);
}

}  // namespace

double ln_upper_gamma(double a, double x) noexcept {
  if (x <= 0.0) return 0.0;
  const double ln_front = a * std::log(x) - x - ln_gamma(a);
  return std::min(x < a + 1.0 ? ln_by_series(a, x, ln_front) : ln_by_fraction(a, x, ln_front), 0.0);
}

double ln_extreme(double ln_p, double n) noexcept {
  const double p = std::exp(ln_p);
  if (n * p < 1e-10) return std::min(std::log(n) + ln_p, 0.0);
  return std::log(-std::expm1(n * std::log1p(-std::min(p, 1.0 - 1e-16))));
}

double ln_cauchy(double one, double other) noexcept {
  if (std::min(one, other) < std::log(small_p)) {
    // The harmonic mean, which the combination tends to.
    return std::min(std::log(2.0) - ln_sum(-one, -other), 0.0);
  }
  // 1/tan(pi p) rather than tan(pi/2 - pi p), which loses the digits of a small p.
  const auto cotangent = [](double ln_p) {
    return 1.0 / std::tan(std::min(std::exp(ln_p), largest_input) * pi);
  };
  const double mean = 0.5 * (cotangent(one) + cotangent(other));
  // 1/2 - atan(mean)/pi without the loss of digits where the mean is large.
  const double p = mean > 1.0 ? std::atan(1.0 / mean) / pi : 0.5 - std::atan(mean) / pi;
  return std::min(std::log(p), 0.0);
}

void Accumulator::add(double ln_p) noexcept {
  const double surprise = -2.0 * std::max(ln_p, least_ln_p);
  const double x = std::min(surprise, largest_quiet) - 2.0;
  ++count_;
  total_ += std::llround(surprise * unit);
  sum_ += std::llround(x * unit);
  squares_ += std::llround(x * x * unit);
  ln_first_ = std::min(ln_first_, ln_p);
}

void Accumulator::merge(const Accumulator& other) noexcept {
  count_ += other.count_;
  total_ += other.total_;
  sum_ += other.sum_;
  squares_ += other.squares_;
  ln_first_ = std::min(ln_first_, other.ln_first_);
}

double Accumulator::statistic() const noexcept { return static_cast<double>(total_) / unit; }

double Accumulator::correlation() const noexcept {
  const auto n = static_cast<double>(count_);
  const double sum = static_cast<double>(sum_) / unit;
  return (sum * sum - static_cast<double>(squares_) / unit) / (n * (n - 1.0));
}

double ln_combined(const Accumulator& group, double correlation) noexcept {
  if (group.count() == 1) return group.ln_first();
  const auto n = static_cast<double>(group.count());
  const double variance = 4.0 * n + n * (n - 1.0) * correlation;
  const double scale = variance / (4.0 * n);
  const double ln_joint = ln_upper_gamma(4.0 * n * n / variance, group.statistic() / (2.0 * scale));
  return ln_cauchy(ln_extreme(group.ln_first(), n), ln_joint);
}

}  // namespace anomalyd
