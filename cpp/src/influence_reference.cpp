#include "anomalyd/influence_reference.hpp"

#include <math.h>  // lgamma_r: std::lgamma writes a global

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "anomalyd/influence_combine.hpp"
#include "anomalyd/normaliser.hpp"

namespace anomalyd {
namespace {

constexpr double never = -std::numeric_limits<double>::infinity();
constexpr double deflation = 0.8;
constexpr double calibration = 2.1;
// Where the deflation has grown back to 1, beyond the smallest double.
constexpr double undeflated_joint = -100000.0;
constexpr double undeflated_extreme = -1500.0;

double ln_sum(double a, double b) noexcept {
  const double high = std::max(a, b);
  return high == never ? never : high + std::log1p(std::exp(std::min(a, b) - high));
}

double ln_gamma(double a) noexcept {
  int sign = 0;
  return lgamma_r(a, &sign);
}

// z²/2 of the two-sided normal deviate with this probability: Q(1/2, z²/2) = p.
double half_square(double ln_p) noexcept {
  double low = 0.0;
  double high = -ln_p;  // Q(1/2, s) <= exp(-s)
  for (int i = 0; i < 200; ++i) {
    const double middle = 0.5 * (low + high);
    (ln_upper_gamma(0.5, middle) > ln_p ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

double ln_joint(const std::vector<double>& ln_p) noexcept {
  if (ln_p.size() == 1) return ln_p[0];
  double total = 0.0;
  for (const double each : ln_p) total += half_square(each);
  return ln_upper_gamma(0.5 * static_cast<double>(ln_p.size()), total);
}

// ln of the binomial probability of k among n with ln q and ln(1 - q).
double ln_binomial(double n, double k, double ln_q, double ln_rest) noexcept {
  const double ways = ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0);
  return ways + (k > 0.0 ? k * ln_q : 0.0) + (n > k ? (n - k) * ln_rest : 0.0);
}

// ln of the probability that for each i the i-th smallest of n uniform numbers is at most the i-th
// of the `m` smallest here: a walk over the numbers of them that lie below each bound, at least i
// below the i-th; m stands for "m or more".
double ln_order_statistics(const std::vector<double>& sorted, std::size_t m) {
  const std::size_t n = sorted.size();
  std::vector<double> state(m + 1, never);
  state[0] = 0.0;
  double below = 0.0;  // the bound before
  for (std::size_t i = 0; i < m; ++i) {
    const double bound = std::exp(sorted[i]);
    // Logarithms of (bound - below) / (1 - below), where the bound may be less than any double.
    const double ratio = i == 0 ? 0.0 : std::exp(sorted[i - 1] - sorted[i]);
    const double ln_q = ratio < 1.0 ? sorted[i] + std::log1p(-ratio) - std::log1p(-below) : never;
    const double ln_rest = std::log1p(-bound) - std::log1p(-below);
    std::vector<double> next(m + 1, never);
    for (std::size_t from = i; from <= m; ++from) {
      if (state[from] == never) continue;
      const std::size_t free = n - from;
      for (std::size_t more = 0; more <= free; ++more) {
        const std::size_t to = std::min(from + more, m);
        if (to < i + 1) continue;
        const double step = from == m ? 0.0
                                      : ln_binomial(static_cast<double>(free),
                                                    static_cast<double>(more), ln_q, ln_rest);
        next[to] = ln_sum(next[to], state[from] + step);
        if (from == m) break;
      }
    }
    state = std::move(next);
    below = bound;
  }
  return state[m];
}

double ln_extreme_of(const std::vector<double>& sorted, int most) {
  double smallest = 0.0;
  const std::size_t last = std::min(sorted.size(), static_cast<std::size_t>(most));
  for (std::size_t m = 1; m <= last; ++m) {
    const double divisor = 1.0 + std::log(static_cast<double>(m)) / calibration;
    smallest = std::min(smallest, ln_order_statistics(sorted, m) / divisor);
  }
  return smallest;
}

double undeflated(double ln_p, double whole) noexcept {
  const double part = std::clamp((ln_p - ln_least) / (whole - ln_least), 0.0, 1.0);
  return deflation + (1.0 - deflation) * part;
}

}  // namespace

ReferenceAnswer reference_aggregate(std::vector<double> ln_p, const ReferenceStyle& style,
                                    double ln_cutoff) {
  std::sort(ln_p.begin(), ln_p.end());
  const double joint = ln_joint(ln_p);
  const double extreme = ln_extreme_of(ln_p, style.most);
  if (joint > ln_cutoff && extreme > ln_cutoff) {
    return {0.0, style.joint_weight * joint + style.extreme_weight * extreme};
  }
  const double raw =
      style.joint_weight * undeflated(joint, undeflated_joint) * raw_score(joint) +
      style.extreme_weight * undeflated(extreme, undeflated_extreme) * raw_score(extreme);
  return {raw, ln_of_raw_score(std::min(raw / deflation, 100.0))};
}

}  // namespace anomalyd
