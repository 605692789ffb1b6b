// The points that the trees of one forest share (§2).
//
// A point is a shingle. Consecutive shingles overlap in all but one block, so their floats are laid
// down once: a point is the number of its first block, and a new point whose first blocks are what
// the write head ends with costs one block. Points are counted by the samplers that hold them and
// freed when nobody does. When the write head meets the end, live blocks are moved down, and only
// when that frees too little the store grows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace anomalyd {

class Reader;
class Writer;

using PointIndex = std::uint32_t;

class PointStore {
 public:
  // Points have features * shingle_size coordinates.
  PointStore(std::size_t features, std::size_t shingle_size);

  // Stores a point (dimensions() floats, no NaN) with one reference, the caller's. Amortised over
  // the calls it does not allocate once the store has its final size. Invalidates at().
  PointIndex add(const float* point);

  void retain(PointIndex index) noexcept { ++references_[index]; }
  // Gives one reference back; the last one frees the index.
  void release(PointIndex index) noexcept;

  // dimensions() floats, valid until the next add().
  const float* at(PointIndex index) const noexcept {
    return values_.data() + static_cast<std::size_t>(blocks_[index]) * features_;
  }

  std::size_t dimensions() const noexcept { return features_ * shingle_size_; }
  // Points that somebody holds.
  std::size_t size() const noexcept { return size_; }
  std::uint32_t references(PointIndex index) const noexcept { return references_[index]; }
  // One past the largest index ever given out.
  std::size_t index_limit() const noexcept { return blocks_.size(); }
  // Floats laid down, live or not; for tests of the sharing.
  std::size_t floats() const noexcept { return head_ * features_; }
  std::size_t size_in_bytes() const noexcept;

  // For checkpoints (checkpoint_forest.cpp); load() requires a new store.
  std::vector<std::uint32_t> save(Writer& writer) const;
  void load(Reader& reader);

 private:
  static constexpr std::uint32_t no_index = 0xFFFFFFFFU;

  bool continues_last(const float* point) const noexcept;
  void make_room(std::size_t blocks);
  void compact();
  PointIndex take_index();

  std::size_t features_;
  std::size_t shingle_size_;
  std::size_t size_ = 0;
  std::size_t head_ = 0;           // in blocks
  std::uint32_t free_ = no_index;  // first of the free indices, linked through blocks_
  std::vector<float> values_;
  std::vector<std::uint32_t> blocks_;      // per index: first block
  std::vector<std::uint32_t> references_;  // per index: holders; 0 = free
};

}  // namespace anomalyd
