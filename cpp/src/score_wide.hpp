// The walk of score.hpp eight trees and eight floats at a time, where there are instructions for
// it.
#pragma once

#include "anomalyd/score.hpp"

// Clang has no pragma that compiles a part of a file for another processor.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define ANOMALYD_WIDE 1
#else
#define ANOMALYD_WIDE 0
#endif

namespace anomalyd {

#if ANOMALYD_WIDE
// Whether this processor has AVX2.
bool is_wide() noexcept;
// sum_of_scores() by AVX2.
double wide_sum_of_scores(const Tree* first, std::size_t count, const PointStore& store,
                          const float* query, Trails& trails, ScratchBox& scratch) noexcept;
#endif

}  // namespace anomalyd
