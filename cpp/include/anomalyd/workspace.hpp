// Scratch memory that a thread lends to every model it works on, so that models hold none of their
// own and a step allocates nothing.
#pragma once

#include <cstddef>
#include <vector>

#include "anomalyd/aligned.hpp"
#include "anomalyd/box.hpp"
#include "anomalyd/settings.hpp"
#include "anomalyd/tree.hpp"

namespace anomalyd {

struct Workspace {
  explicit Workspace(const Settings& settings)
      : block(static_cast<std::size_t>(settings.features), 0.0F),
        query(padded(static_cast<std::size_t>(settings.dimensions())), 0.0F) {
    // A path holds at most every internal node of a tree.
    path.reserve(static_cast<std::size_t>(settings.sample_size));
  }

  Path path;
  std::vector<float> block;    // one transformed input
  AlignedVector<float> query;  // one shingle, padded
};

}  // namespace anomalyd
