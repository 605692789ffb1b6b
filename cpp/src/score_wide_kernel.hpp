// The way back up over eight floats at a time; included once for each kind of processor.
#pragma once

#include <immintrin.h>

#include "score_kernel.hpp"

namespace anomalyd {
namespace {

// detail::LaneSum of eight floats at a time.
class WideSum {
 public:
  explicit WideSum(__m256 values) noexcept
      : sums_(_mm256_add_pd(_mm256_cvtps_pd(_mm256_castps256_ps128(values)),
                            _mm256_cvtps_pd(_mm256_extractf128_ps(values, 1)))) {}
  void add(__m256 values) noexcept {
    sums_ = _mm256_add_pd(sums_, _mm256_cvtps_pd(_mm256_castps256_ps128(values)));
    sums_ = _mm256_add_pd(sums_, _mm256_cvtps_pd(_mm256_extractf128_ps(values, 1)));
  }
  double total() const noexcept {
    const __m128d pairs =
        _mm_add_pd(_mm256_castpd256_pd128(sums_), _mm256_extractf128_pd(sums_, 1));
    return _mm_cvtsd_f64(_mm_add_sd(pairs, _mm_unpackhi_pd(pairs, pairs)));
  }

 private:
  __m256d sums_;
};

struct WideLanes {
  static constexpr std::size_t count = 8;
  using Floats = __m256;
  using Sums = WideSum;

  static Floats load(const float* from) noexcept { return _mm256_loadu_ps(from); }
  static void store(Floats values, float* to) noexcept { _mm256_storeu_ps(to, values); }
  static Floats least(Floats a, Floats b) noexcept { return _mm256_min_ps(b, a); }
  static Floats most(Floats a, Floats b) noexcept { return _mm256_max_ps(b, a); }
  static Floats beyond(Floats lower, Floats upper, Floats point) noexcept {
    return _mm256_max_ps(_mm256_sub_ps(lower, point), _mm256_sub_ps(point, upper));
  }
  static Floats positive_part(Floats a) noexcept { return _mm256_max_ps(a, _mm256_setzero_ps()); }
  static bool positive(Floats a) noexcept {
    return _mm256_movemask_ps(_mm256_cmp_ps(a, _mm256_setzero_ps(), _CMP_GT_OQ)) != 0;
  }
};

template <std::size_t groups>
using WideBox = RegisterBox<WideLanes, groups>;

// Sum of the scores of trees whose ways are noted, for points of 16, 24, 32 or 40 dimensions.
inline double climb_wide(const Tree* first, std::size_t count, const PointStore& store,
                         const float* query, Trails& trails) noexcept {
  switch (store.dimensions() / WideLanes::count) {
    case 2:
      return climb_all(first, count, store, query, trails, WideBox<2>{});
    case 3:
      return climb_all(first, count, store, query, trails, WideBox<3>{});
    case 4:
      return climb_all(first, count, store, query, trails, WideBox<4>{});
    default:
      return climb_all(first, count, store, query, trails, WideBox<5>{});
  }
}

}  // namespace
}  // namespace anomalyd
