// The way back up by AVX-512, for its 32 registers: a box of 40 dimensions takes ten, and the
// query's distance from it five more.
#include "score_wide.hpp"

#if ANOMALYD_WIDE
#include <immintrin.h>

#include <algorithm>
#include <optional>

#include "anomalyd/visitor.hpp"

#pragma GCC push_options
#pragma GCC target("avx2,avx512f,avx512vl")
#include "score_wide_kernel.hpp"

namespace anomalyd {

std::optional<double> climb_many_registers(const Tree* first, std::size_t count,
                                           const PointStore& store, const float* query,
                                           Trails& trails) noexcept {
  return climb_wide(first, count, store, query, trails);
}

}  // namespace anomalyd
#pragma GCC pop_options
#endif
