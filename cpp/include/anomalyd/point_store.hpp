// The points that the trees of one forest share (§2).
//
// A point is a shingle. Consecutive shingles overlap in all but one block, so their floats are laid
// down once: a point is the number of its first block, and a new point whose first blocks are what
// the write head ends with costs one block. Points are counted by the trees that hold them. When
// the write head meets the end, live blocks are moved down, and only when that frees too little the
// store grows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "anomalyd/aligned.hpp"

namespace anomalyd {

class Reader;
class Writer;

using PointIndex = std::uint32_t;

// What compact() works with and what it has done.
struct Compaction {
  std::vector<std::uint8_t> live;  // per block: 1 if it was kept
  std::vector<PointIndex> moved;   // per old index the new one; of others it means nothing
};

class PointStore {
 public:
  // Points have features * shingle_size coordinates.
  PointStore(std::size_t features, std::size_t shingle_size);

  // Whether there may be no room for another point before compact().
  bool crowded() const noexcept { return head_ + shingle_size_ > references_.size(); }

  // Moves the points that somebody holds, and the newest one, down over the others, and grows if
  // that gives too little room. Allocates only then, and where `done` never was as large.
  void compact(Compaction& done);

  // Stores a point (dimensions() floats, no NaN) with one reference, the caller's. Requires that
  // the store is not crowded. Does not allocate.
  PointIndex add(const float* point) noexcept;

  void retain(PointIndex index) noexcept { ++references_[index]; }
  // Gives one reference back; the last one frees the point.
  void release(PointIndex index) noexcept {
    if (--references_[index] == 0) --size_;
  }

  // dimensions() floats, valid until the next compact().
  const float* at(PointIndex index) const noexcept {
    return values_.data() + static_cast<std::size_t>(index) * features_;
  }

  // Asks for the points, up to 16 KB of them.
  void prefetch() const noexcept;

  std::size_t features() const noexcept { return features_; }
  std::size_t dimensions() const noexcept { return features_ * shingle_size_; }
  // Points that somebody holds.
  std::size_t size() const noexcept { return size_; }
  // Indices are below it; of those that nobody holds references() is 0.
  PointIndex end() const noexcept { return static_cast<PointIndex>(references_.size()); }
  std::uint32_t references(PointIndex index) const noexcept { return references_[index]; }
  // Floats laid down, live or not; for tests of the sharing.
  std::size_t floats() const noexcept { return head_ * features_; }
  std::size_t size_in_bytes() const noexcept;

  // For checkpoints (checkpoint_forest.cpp); load() requires a new store. Points have numbers in
  // the order of their indices: save() returns the number per index, load() the index per number.
  std::vector<std::uint32_t> save(Writer& writer) const;
  std::vector<PointIndex> load(Reader& reader);

 private:
  bool continues_last(const float* point) const noexcept;
  void mark_live(std::vector<std::uint8_t>& marks) const;

  std::size_t features_;
  std::size_t shingle_size_;
  std::size_t size_ = 0;
  std::size_t head_ = 0;         // in blocks
  AlignedVector<float> values_;  // so that a point of eight floats never lies in two cache lines
  // Per block: trees (at most 1,000, and a caller) that hold the point which starts there.
  std::vector<std::uint16_t> references_;
};

}  // namespace anomalyd
