// The score of a query, by the shortest way: what nearly all of a step's time goes into.
//
// The same walk as Tree::climb() with ScoreVisitor, for several trees side by side so that waiting
// for one cache miss pays for the others, and with the boxes of the small parts in registers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "anomalyd/tree.hpp"

namespace anomalyd {

// The way down one tree, as far as the score needs it: the boxes passed, and below them the
// siblings passed. One per tree that is walked at the same time; never allocates after
// construction.
struct Trail {
  struct Entries {
    std::uint32_t first;
    std::uint32_t size;
  };

  explicit Trail(std::size_t capacity) : boxes(capacity) {}

  // Where the walk is.
  const Tree::Node* node = nullptr;
  std::uint32_t first = 0;
  std::uint32_t size = 0;
  std::uint32_t box = 0;
  // What it has passed.
  std::size_t boxed = 0;
  std::size_t unboxed = 0;
  std::vector<std::uint32_t> boxes;
  std::array<Entries, Tree::boxed_from> siblings{};
};

inline void Tree::start(Trail& trail) const noexcept {
  trail.node = nodes_.data();
  trail.first = 0;
  trail.size = static_cast<std::uint32_t>(points_.size());
  trail.box = 0;
  trail.boxed = 0;
  trail.unboxed = 0;
}

inline bool Tree::step_boxed(const float* query, Trail& trail) const noexcept {
  if (trail.size < boxed_from) return false;
  const Node node = *trail.node;
  if (node.dimension == copies) return false;
  __builtin_prefetch(row(trail.box));
  trail.boxes[trail.boxed++] = trail.box;
  const std::uint32_t left = node.left;
  // Computed rather than chosen, because a branch here is a coin toss for the processor.
  const std::uint32_t if_right = 0U - static_cast<std::uint32_t>(query[node.dimension] > node.cut);
  trail.node += 1 + (if_right & (left - 1));
  trail.first += if_right & left;
  trail.size = left + (if_right & (trail.size - 2 * left));
  trail.box += 1 + (if_right & boxes_left_[trail.box]);
  __builtin_prefetch(trail.node);
  return true;
}

inline bool Tree::step_unboxed(const float* query, Trail& trail) const noexcept {
  if (trail.size == 1) return false;
  const Node node = *trail.node;
  if (node.dimension == copies) return false;
  const std::uint32_t left = node.left;
  const std::uint32_t right = trail.size - left;
  const std::uint32_t if_right = 0U - static_cast<std::uint32_t>(query[node.dimension] > node.cut);
  trail.siblings[trail.unboxed++] = {trail.first + (~if_right & left),
                                     right + (if_right & (left - right))};
  trail.node += 1 + (if_right & (left - 1));
  trail.first += if_right & left;
  trail.size = left + (if_right & (right - left));
  return true;
}

// Sum over the trees first to first + count - 1 of the query's score, in their order. `query` is
// padded with zeros. Requires trees that are not empty and a trail for each of them.
double sum_of_scores(const Tree* first, std::size_t count, const PointStore& store,
                     const float* query, Trail* trails, ScratchBox& scratch) noexcept;

}  // namespace anomalyd
