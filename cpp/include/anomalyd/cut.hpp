// Random cuts: where a new point parts from a box (§4).
#pragma once

#include <cstddef>
#include <cstdint>

#include "anomalyd/box.hpp"
#include "anomalyd/random.hpp"

namespace anomalyd {

struct Cut {
  std::uint16_t dimension;
  float value;

  // The rule of every node: left iff not above the cut.
  bool left(const float* point) const noexcept { return point[dimension] <= value; }
};

// A cut of the smallest box around `box` and `point`: the dimension by its share of the total
// range, the place uniform along it. Requires point outside box. Afterwards lower <= value < upper
// on that dimension, so both sides of a separating cut are non-empty.
Cut random_cut(BoxView box, const float* point, std::size_t dimensions, Random& random) noexcept;

// Whether the cut leaves all of the box on one side and the point on the other.
inline bool separates(Cut cut, BoxView box, const float* point) noexcept {
  const std::size_t i = cut.dimension;
  const bool below = point[i] <= cut.value;
  return (below & (cut.value < box.lower[i])) | (!below & (cut.value >= box.upper[i]));
}

}  // namespace anomalyd
