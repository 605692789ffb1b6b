// The walk of score.hpp eight trees and eight floats at a time, where there are instructions for
// it.
#pragma once

#include <optional>

#include "anomalyd/score.hpp"
#include "wide.hpp"

namespace anomalyd {

#if ANOMALYD_WIDE
// sum_of_scores() by AVX2, and where it is worth it by the registers of AVX-512, if they are there.
double wide_sum_of_scores(const Tree* first, std::size_t count, const PointStore& store,
                          const float* query, Trails& trails, ScratchBox& scratch,
                          bool many_registers) noexcept;

// The way back up once the trails are noted; nothing for dimensions that it is not made for.
std::optional<double> climb_many_registers(const Tree* first, std::size_t count,
                                           const PointStore& store, const float* query,
                                           Trails& trails) noexcept;

// enclose() of at least one point by AVX2; false for other dimensions than it is made for.
bool wide_enclose(const PointIndex* first, const PointIndex* last, const PointStore& store,
                  float* lower, float* upper) noexcept;
#endif

}  // namespace anomalyd
