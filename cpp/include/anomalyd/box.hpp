// Bounding boxes over float coordinates, and the few loops over them that the trees spend their
// time in. Everything here is inlined into its caller, does not allocate and does not throw.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#ifdef __SSE__
#include <xmmintrin.h>
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
using DoubleLanes = double __attribute__((vector_size(lanes * sizeof(double))));

inline FloatLanes load(const float* from) noexcept {
  FloatLanes values;
  std::memcpy(&values, from, sizeof(values));
  return values;
}

inline void store(FloatLanes values, float* to) noexcept {
  std::memcpy(to, &values, sizeof(values));
}

// One instruction each where there is one; compilers do not find it behind the comparison.
#ifdef __SSE__
inline FloatLanes least(FloatLanes a, FloatLanes b) noexcept { return _mm_min_ps(b, a); }
inline FloatLanes most(FloatLanes a, FloatLanes b) noexcept { return _mm_max_ps(b, a); }
#else
inline FloatLanes least(FloatLanes a, FloatLanes b) noexcept { return b < a ? b : a; }
inline FloatLanes most(FloatLanes a, FloatLanes b) noexcept { return a < b ? b : a; }
#endif

}  // namespace detail

// `query` and the box row hold `width` floats, a multiple of `lanes`. Differences are taken in
// float, which is exact where it matters (neighbouring values), and summed in double.
inline Extent measure(BoxView box, const float* query, std::size_t width) noexcept {
  using detail::DoubleLanes;
  using detail::FloatLanes;
  const FloatLanes zero{};
  DoubleLanes outside{};
  DoubleLanes range{};
  for (std::size_t i = 0; i < width; i += lanes) {
    const FloatLanes lower = detail::load(box.lower + i);
    const FloatLanes upper = detail::load(box.upper + i);
    const FloatLanes point = detail::load(query + i);
    const FloatLanes below = lower - point;
    const FloatLanes above = point - upper;
    outside += __builtin_convertvector(detail::most(detail::most(below, above), zero), DoubleLanes);
    range += __builtin_convertvector(upper - lower, DoubleLanes);
  }
  return {(outside[0] + outside[2]) + (outside[1] + outside[3]),
          (range[0] + range[2]) + (range[1] + range[3])};
}

inline bool contains(BoxView box, const float* point, std::size_t dimensions) noexcept {
  for (std::size_t i = 0; i < dimensions; ++i) {
    if (point[i] < box.lower[i] || point[i] > box.upper[i]) return false;
  }
  return true;
}

// Whether the point lies on a face, so that the box may shrink without it.
inline bool touches(BoxView box, const float* point, std::size_t dimensions) noexcept {
  for (std::size_t i = 0; i < dimensions; ++i) {
    if (point[i] <= box.lower[i] || point[i] >= box.upper[i]) return true;
  }
  return false;
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
