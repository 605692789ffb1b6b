// What a tree expects at the missing coordinates of a point (§5).
#pragma once

#include <cstddef>
#include <vector>

#include "anomalyd/tree.hpp"

namespace anomalyd {

// The leaf of `tree` that the query would most likely have met: at cuts on a missing dimension both
// sides are tried, and the side on which the query is less surprising wins. `missing[i]` says
// whether coordinate i is unknown, and `unknown` which are: those of `query` (padded to width()
// floats) are written to. Requires a non-empty tree. Recursive: as deep as the tree.
PointIndex likeliest_leaf(const Tree& tree, const PointStore& store, float* query,
                          const std::vector<bool>& missing, const std::vector<std::size_t>& unknown,
                          ScratchBox& scratch) noexcept;

}  // namespace anomalyd
