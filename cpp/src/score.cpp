#include "anomalyd/score.hpp"

#include "score_kernel.hpp"
#include "score_wide.hpp"

namespace anomalyd {
namespace {

// Where the walk down one tree is.
struct Walker {
  const Tree::Node* node;
  std::uint32_t first;
  std::uint32_t size;

  // One step down, noting the sibling; false at the leaf.
  bool step(const float* query, std::uint32_t& sibling) noexcept {
    if (size == 1) return false;
    const Tree::Node at = *node;
    if (at.dimension == Tree::copies) return false;
    const std::uint32_t left = at.left;
    // Computed rather than chosen, because a branch here is a coin toss for the processor.
    const std::uint32_t if_right = 0U - static_cast<std::uint32_t>(query[at.dimension] > at.cut);
    node += 1 + (if_right & (left - 1));
    const std::uint32_t entered = left + (if_right & (size - 2 * left));
    sibling = (first + (~if_right & left)) | (size - entered) << 16;
    first += if_right & left;
    size = entered;
    __builtin_prefetch(node);
    return true;
  }
  std::uint32_t entries() const noexcept { return first | size << 16; }
};

void descend_all(const Tree* first, std::size_t count, const float* query,
                 Trails& trails) noexcept {
  std::array<Walker, Trails::abreast> walkers;
  for (std::size_t t = 0; t < count; ++t) {
    walkers[t] = {first[t].nodes(), 0, static_cast<std::uint32_t>(first[t].mass())};
    trails.steps[t] = 0;
  }
  bool walking = true;
  for (std::size_t step = 1; walking; ++step) {
    walking = false;
    for (std::size_t t = 0; t < count; ++t) {
      if (!walkers[t].step(query, trails.row(step)[t])) continue;
      ++trails.steps[t];
      walking = true;
    }
  }
  for (std::size_t t = 0; t < count; ++t) trails.row(0)[t] = walkers[t].entries();
}

// Asks for what the way back up the tree at this place may read.
void prefetch_climb(const Tree& tree, Trails& trails, std::size_t place) noexcept {
  // The parts that keep no box lie together around the leaf.
  auto [first, size] = trails.leaf(place);
  std::size_t depth = trails.steps[place];
  for (; depth > 0; --depth) {
    const Trails::Entries sibling = trails.sibling(depth, place);
    if (size + sibling.size >= tree.boxed_from()) break;
    first = std::min(first, sibling.first);
    size += sibling.size;
  }
  prefetch(tree.points() + first, size * sizeof(PointIndex));
  note_boxes(tree, depth, trails, place);
  for (std::size_t step = 0; step < depth; ++step) tree.prefetch_box(trails.boxes[step]);
}

}  // namespace

void prefetch_scores(const Tree* first, std::size_t count, const float* query,
                     Trails& trails) noexcept {
  // Not eight trees to a register: where memory is waited for, that is slower.
  descend_all(first, count, query, trails);
  for (std::size_t place = 0; place < count; ++place) prefetch_climb(first[place], trails, place);
}

double sum_of_scores(const Tree* first, std::size_t count, const PointStore& store,
                     const float* query, Trails& trails, ScratchBox& scratch) noexcept {
#if ANOMALYD_WIDE
  if (is_wide()) {
    return wide_sum_of_scores(first, count, store, query, trails, scratch, has_many_registers());
  }
#endif
  return portable_sum_of_scores(first, count, store, query, trails, scratch);
}

double portable_sum_of_scores(const Tree* first, std::size_t count, const PointStore& store,
                              const float* query, Trails& trails, ScratchBox& scratch) noexcept {
  descend_all(first, count, query, trails);
  switch (store.dimensions()) {
    case lanes:
      return climb_all(first, count, store, query, trails, RegisterBox<PortableLanes, 1>{});
    case 2 * lanes:
      return climb_all(first, count, store, query, trails, RegisterBox<PortableLanes, 2>{});
    default:
      return climb_all(first, count, store, query, trails, MemoryBox(scratch, store.dimensions()));
  }
}

}  // namespace anomalyd
