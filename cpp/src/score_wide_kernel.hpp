// The way back up over eight floats at a time; included once for each kind of processor.
#pragma once

#include <immintrin.h>

#include <optional>

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
  using Sum = WideSum;

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

// Calls use(points, box) with a blank box that is as wide as the points of the store, and the
// points as they are found fastest. False for other dimensions than 8, 16, 24, 32 and 40.
// Inlined always: a call of its own takes 3 % of an update.
template <class Use>
[[gnu::always_inline]] inline bool by_wide_box(const PointStore& store, Use&& use) noexcept {
  switch (store.dimensions()) {
    case 8:
      if (store.features() == 1) {
        use(PointsApart<1>(store), WideBox<1>{});
      } else if (store.features() == 8) {
        use(PointsApart<8>(store), WideBox<1>{});
      } else {
        use(store, WideBox<1>{});
      }
      return true;
    case 16:
      use(store, WideBox<2>{});
      return true;
    case 24:
      use(store, WideBox<3>{});
      return true;
    case 32:
      use(store, WideBox<4>{});
      return true;
    case 40:
      use(store, WideBox<5>{});
      return true;
    default:
      return false;
  }
}

// Sum of the scores of trees whose ways are noted; nothing for other dimensions than by_wide_box()
// has.
inline std::optional<double> climb_wide(const Tree* first, std::size_t count,
                                        const PointStore& store, const float* query,
                                        Trails& trails) noexcept {
  double sum = 0.0;
  const bool wide = by_wide_box(store, [&](const auto& points, const auto& blank) {
    sum = climb_all(first, count, points, query, trails, blank);
  });
  return wide ? std::optional(sum) : std::nullopt;
}

}  // namespace
}  // namespace anomalyd
