// The loop of SampleSplit, for one kind of register; included once for each.
//
// A kernel is made of the store and the split, and offers
//   Bounds along(Range part, std::uint32_t dimension)
//     the least and the largest coordinate of the part, all of which it notes
//   std::size_t cut(Range part, float cut)
//     puts those of them that are not above the cut first, each side in its order, and counts them
#pragma once

#include <algorithm>

#include "sample_split.hpp"

namespace anomalyd {
namespace {

struct Bounds {
  float least;
  float most;
};

// One number, so that what was written can be read back before it has reached the cache.
std::uint64_t packed(std::uint32_t first, std::uint32_t size) noexcept {
  return first | std::uint64_t{size} << 32;
}

// Reads a cut of points between these bounds. By force, since a call from code for wider registers
// has to put them away.
[[gnu::always_inline]] inline float read_cut(Reader& reader, Bounds bounds) {
  reader.require(bounds.least < bounds.most, "a cut splits nothing");
  const std::uint32_t lowest = ordered_bits(bounds.least);
  const std::uint32_t floats = ordered_bits(bounds.most) - lowest;
  const std::uint32_t offset = reader.bits(bits_for(floats));
  reader.require(offset < floats, "a cut lies outside its points");
  const float cut = from_ordered_bits(lowest + offset);
  // Of the two zeros, equal as coordinates, only one lies below a cut between them.
  reader.require(cut < bounds.most, "a cut splits nothing");
  return cut;
}

// Writes as many nodes as there are entries, less one.
template <class Kernel>
void read_cuts(Reader& from, const PointStore& store, SampleSplit& split, Tree::Node* nodes) {
  Reader reader = from;  // nothing that is written below can be a part of it
  Kernel kernel(store, split);
  const PointIndex* const sample = split.sample.data();
  std::uint32_t* const order = split.order.data();
  const auto dimensions = static_cast<std::uint32_t>(store.dimensions());
  const unsigned dimension_bits = bits_for(dimensions);
  // Each part on its way waits with at most one other.
  std::uint64_t* const waiting = split.waiting.data();
  std::size_t waits = 0;
  const auto everything = static_cast<std::uint32_t>(split.sample.size());
  if (everything > 1) waiting[waits++] = packed(0, everything);
  while (waits > 0) {
    const std::uint64_t next = waiting[--waits];
    const SampleSplit::Range part{static_cast<std::uint32_t>(next),
                                  static_cast<std::uint32_t>(next >> 32)};
    // Splitting keeps the order, so that copies stay together.
    if (sample[order[part.first]] == sample[order[part.first + part.size - 1]]) {
      nodes = std::fill_n(nodes, part.size - 1, Tree::Node{0.0F, Tree::copies, 1});
      continue;
    }
    const std::uint32_t dimension = reader.bits(dimension_bits);
    reader.require(dimension < dimensions, "a cut has an unknown dimension");
    std::uint32_t left = 1;
    float cut = 0.0F;
    if (part.size == 2) {
      // A third of all parts, and no register is worth filling for them.
      std::uint32_t& one = order[part.first];
      std::uint32_t& other = order[part.first + 1];
      const float first = store.at(sample[one])[dimension];
      const float second = store.at(sample[other])[dimension];
      cut = read_cut(reader, {std::min(first, second), std::max(first, second)});
      const std::uint32_t lower = first > second ? other : one;
      other = first > second ? one : other;
      one = lower;
    } else {
      cut = read_cut(reader, kernel.along(part, dimension));
      left = static_cast<std::uint32_t>(kernel.cut(part, cut));
    }
    nodes->cut = cut;
    nodes->dimension = static_cast<std::uint16_t>(dimension);
    nodes->left = static_cast<std::uint16_t>(left);
    ++nodes;
    const std::uint32_t right = part.size - left;
    // Noted anyway, because a branch here is a coin toss for the processor.
    waiting[waits] = packed(part.first + left, right);
    waits += right > 1 ? 1 : 0;
    waiting[waits] = packed(part.first, left);
    waits += left > 1 ? 1 : 0;
  }
  from = reader;
}

}  // namespace
}  // namespace anomalyd
