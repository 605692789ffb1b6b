// SampleSplit eight entries at a time, where there are instructions for it.
#pragma once

#include "sample_split.hpp"
#include "wide.hpp"

namespace anomalyd {

#if ANOMALYD_WIDE
// Floats of a store are counted in 31 bits.
constexpr std::size_t most_wide_floats = std::size_t{1} << 31;
// read_cuts() by AVX2, for stores with fewer floats than that.
void wide_read_cuts(Reader& reader, const PointStore& store, SampleSplit& split, Tree::Node* nodes);
#endif

}  // namespace anomalyd
