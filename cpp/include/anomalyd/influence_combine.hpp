// From the probabilities of entities to that of what they share (influencers reference, P2).
//
// All entities that reported count, not only the flagged ones. Everything is in logarithms: a
// probability far below the smallest double keeps its rank. Nothing here allocates.
#pragma once

#include <cstdint>

namespace anomalyd {

// ln Q(a, x), the regularised upper incomplete gamma function; a > 0, x >= 0. At most 0.
double ln_upper_gamma(double a, double x) noexcept;

// ln(1 - (1 - p)^n): how probable it is that the smallest of n is no larger than p.
double ln_extreme(double ln_p, double n) noexcept;

// The Cauchy combination of two probabilities that may depend on each other in any way.
double ln_cauchy(double one, double other) noexcept;

// What is known of the probabilities of a group. Adding and merging commute and associate to the
// last bit, because the sums are of fixed-point numbers: shards and orders mean nothing.
class Accumulator {
 public:
  // Takes one entity's ln p (at most 0) in.
  void add(double ln_p) noexcept;
  void merge(const Accumulator& other) noexcept;

  std::int64_t count() const noexcept { return count_; }
  // The smallest ln p; 0 before any.
  double ln_first() const noexcept { return ln_first_; }
  // -2 times the sum of ln p: Fisher's statistic.
  double statistic() const noexcept;
  // An unbiased estimate of how much two entities depend on each other: the mean product of
  // x = min(-2 ln p, 14) - 2 over all pairs. Only of two or more.
  double correlation() const noexcept;

 private:
  __extension__ typedef __int128 Sum;  // in units of 2^-40; never overflows below 2^80 entities

  std::int64_t count_ = 0;
  Sum total_ = 0;    // of -2 ln p
  Sum sum_ = 0;      // of x
  Sum squares_ = 0;  // of x²
  double ln_first_ = 0.0;
};

// ln p of a group of one or more: its smallest probability and its joint one (Fisher's, with
// Brown's correction for `correlation` of 0 or more), combined after Cauchy.
double ln_combined(const Accumulator& group, double correlation) noexcept;

}  // namespace anomalyd
