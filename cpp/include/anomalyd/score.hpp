// The score of a query, by the shortest way: what nearly all of a step's time goes into.
//
// The same walk as Tree::climb() with ScoreVisitor, for several trees side by side so that waiting
// for one of them pays for the others, and with the boxes of the small parts in registers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "anomalyd/tree.hpp"

namespace anomalyd {

// The ways of one query down some trees: the entries of the leaf, and those that each step parted
// from. Never allocates after construction.
class Trails {
 public:
  // Trees that are walked side by side: enough cache misses in flight that waiting for one pays for
  // the others.
  static constexpr std::size_t abreast = 32;

  struct Entries {
    std::uint32_t first;
    std::uint32_t size;
  };

  // For trees with at most `sample_size` entries, at most 65,535.
  explicit Trails(std::size_t sample_size)
      : boxes(sample_size), entries_((sample_size + 1) * abreast) {}

  // Where the way down the tree at this place ends.
  Entries leaf(std::size_t place) const noexcept { return entries(place); }
  // The part beside the one that was entered by this step, the first of which is 1.
  Entries sibling(std::size_t step, std::size_t place) const noexcept {
    return entries(step * abreast + place);
  }
  // Per place: the first entry, and their number in the upper half. Row 0 is the leaf.
  std::uint32_t* row(std::size_t step) noexcept { return entries_.data() + step * abreast; }

  std::array<std::uint32_t, abreast> steps{};  // down to the leaf, per place
  std::vector<std::uint32_t> boxes;            // on the way down one tree

 private:
  Entries entries(std::size_t at) const noexcept {
    return {entries_[at] & 0xFFFF, entries_[at] >> 16};
  }

  std::vector<std::uint32_t> entries_;
};

// Sum over the trees first to first + count - 1 of the query's score, in their order. `query` is
// padded with zeros. Requires trees that are not empty, at most Trails::abreast.
double sum_of_scores(const Tree* first, std::size_t count, const PointStore& store,
                     const float* query, Trails& trails, ScratchBox& scratch) noexcept;
// The same by instructions that every processor has; the same bits.
double portable_sum_of_scores(const Tree* first, std::size_t count, const PointStore& store,
                              const float* query, Trails& trails, ScratchBox& scratch) noexcept;

// Asks for the memory that sum_of_scores() will read.
void prefetch_scores(const Tree* first, std::size_t count, const float* query,
                     Trails& trails) noexcept;

}  // namespace anomalyd
