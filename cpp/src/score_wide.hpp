// The walk of score.hpp eight trees and eight floats at a time, where there are instructions for
// it.
#pragma once

#include "anomalyd/score.hpp"
#include "wide.hpp"

namespace anomalyd {

#if ANOMALYD_WIDE
// sum_of_scores() by AVX2.
double wide_sum_of_scores(const Tree* first, std::size_t count, const PointStore& store,
                          const float* query, Trails& trails, ScratchBox& scratch) noexcept;
#endif

}  // namespace anomalyd
