// Bounding boxes over float coordinates, and the few loops over them that the trees spend their
// time in. Everything here is inlined into its caller, does not allocate and does not throw.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace anomalyd {

// Box rows and query points are padded with zeros to a multiple of this many floats, so that the
// hot loop has no remainder.
constexpr std::size_t lanes = 4;

constexpr std::size_t padded(std::size_t dimensions) noexcept {
  return (dimensions + lanes - 1) / lanes * lanes;
}

// No coordinate lies further from 0: differences of larger ones would leave the floats.
constexpr double largest_coordinate = 1e37;

// A box somebody else keeps. A single point is the box whose two corners are that point.
struct BoxView {
  const float* lower;
  const float* upper;
};

// Both numbers that a visitor asks of a box: how far the query lies outside and how wide the box
// is, each summed over the dimensions.
struct Extent {
  double outside;
  double range;

  // The chance that a random cut of box and query together would separate them (§5).
  double separation() const noexcept {
    if (outside <= 0.0) return 0.0;
    return outside / (range + outside);
  }
};

namespace detail {

using FloatLanes = float __attribute__((vector_size(lanes * sizeof(float))));

inline FloatLanes load(const float* from) noexcept {
  FloatLanes values;
  std::memcpy(&values, from, sizeof(values));
  return values;
}

inline void store(FloatLanes values, float* to) noexcept {
  std::memcpy(to, &values, sizeof(values));
}

// One instruction each where there is one; compilers do not find it behind the comparison.
#ifdef __SSE2__
inline FloatLanes least(FloatLanes a, FloatLanes b) noexcept { return _mm_min_ps(b, a); }
inline FloatLanes most(FloatLanes a, FloatLanes b) noexcept { return _mm_max_ps(b, a); }
#else
inline FloatLanes least(FloatLanes a, FloatLanes b) noexcept { return b < a ? b : a; }
inline FloatLanes most(FloatLanes a, FloatLanes b) noexcept { return a < b ? b : a; }
#endif

// What comparing two FloatLanes gives: per lane all bits or none.
using LaneMask = std::int32_t __attribute__((vector_size(lanes * sizeof(std::int32_t))));

inline bool any(LaneMask mask) noexcept {
#ifdef __SSE2__
  return _mm_movemask_epi8(reinterpret_cast<__m128i>(mask)) != 0;
#else
  std::int32_t all = 0;
  for (std::size_t lane = 0; lane < lanes; ++lane) all |= mask[lane];
  return all != 0;
#endif
}

// A sum of floats in double: one sum per lane, put together at the end.
class LaneSum {
 public:
  LaneSum() noexcept = default;
  explicit LaneSum(FloatLanes values) noexcept { add(values); }

#ifdef __SSE2__
  void add(FloatLanes values) noexcept {
    low_ = _mm_add_pd(low_, _mm_cvtps_pd(values));
    high_ = _mm_add_pd(high_, _mm_cvtps_pd(_mm_movehl_ps(values, values)));
  }
  double total() const noexcept {
    const __m128d pairs = _mm_add_pd(low_, high_);
    return _mm_cvtsd_f64(_mm_add_sd(pairs, _mm_unpackhi_pd(pairs, pairs)));
  }

 private:
  __m128d low_ = _mm_setzero_pd();
  __m128d high_ = _mm_setzero_pd();
#else
  void add(FloatLanes values) noexcept {
    for (std::size_t lane = 0; lane < lanes; ++lane)
      sums_[lane] += static_cast<double>(values[lane]);
  }
  double total() const noexcept { return (sums_[0] + sums_[2]) + (sums_[1] + sums_[3]); }

 private:
  double sums_[lanes] = {};
#endif
};

}  // namespace detail

// `query` and the box row hold `width` floats, a multiple of `lanes`. Differences are taken in
// float, which is exact where it matters (neighbouring values), and summed in double.
inline Extent measure(BoxView box, const float* query, std::size_t width) noexcept {
  detail::LaneSum outside;
  detail::LaneSum range;
  for (std::size_t i = 0; i < width; i += lanes) {
    const auto lower = detail::load(box.lower + i);
    const auto upper = detail::load(box.upper + i);
    const auto point = detail::load(query + i);
    const auto beyond = detail::most(lower - point, point - upper);
    outside.add(detail::most(beyond, detail::FloatLanes{}));
    range.add(upper - lower);
  }
  return {outside.total(), range.total()};
}

namespace detail {

// Whether a dimension of the point and the box passes a test, which is asked of lanes and of single
// floats alike: of value, lower and upper.
template <class Test>
inline bool anywhere(BoxView box, const float* point, std::size_t dimensions,
                     Test&& test) noexcept {
  std::size_t i = 0;
  for (; i + lanes <= dimensions; i += lanes) {
    if (any(test(load(point + i), load(box.lower + i), load(box.upper + i)))) return true;
  }
  for (; i < dimensions; ++i) {
    if (test(point[i], box.lower[i], box.upper[i])) return true;
  }
  return false;
}

}  // namespace detail

inline bool contains(BoxView box, const float* point, std::size_t dimensions) noexcept {
  return !detail::anywhere(box, point, dimensions, [](auto value, auto lower, auto upper) {
    return (value < lower) | (value > upper);
  });
}

// Whether the point lies on a face, so that the box may shrink without it.
inline bool touches(BoxView box, const float* point, std::size_t dimensions) noexcept {
  return detail::anywhere(box, point, dimensions, [](auto value, auto lower, auto upper) {
    return (value <= lower) | (value >= upper);
  });
}

// Writes the smallest box around both.
inline void unite(BoxView a, BoxView b, float* lower, float* upper,
                  std::size_t dimensions) noexcept {
  for (std::size_t i = 0; i < dimensions; ++i) {
    lower[i] = std::min(a.lower[i], b.lower[i]);
    upper[i] = std::max(a.upper[i], b.upper[i]);
  }
}

}  // namespace anomalyd
