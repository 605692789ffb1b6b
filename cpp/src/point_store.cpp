#include "anomalyd/point_store.hpp"

#include <algorithm>
#include <cstring>

namespace anomalyd {

PointStore::PointStore(std::size_t features, std::size_t shingle_size)
    : features_(features), shingle_size_(shingle_size) {}

PointIndex PointStore::add(const float* point) {
  const std::size_t fresh = continues_last(point) ? 1 : shingle_size_;
  make_room(fresh);
  std::memcpy(values_.data() + head_ * features_, point + (shingle_size_ - fresh) * features_,
              fresh * features_ * sizeof(float));
  head_ += fresh;
  const PointIndex index = take_index();
  blocks_[index] = static_cast<std::uint32_t>(head_ - shingle_size_);
  references_[index] = 1;
  ++size_;
  return index;
}

void PointStore::release(PointIndex index) noexcept {
  if (--references_[index] > 0) return;
  blocks_[index] = free_;
  free_ = index;
  --size_;
}

// Compared bit by bit rather than remembered: a skipped or replaced input cannot corrupt the store.
bool PointStore::continues_last(const float* point) const noexcept {
  if (shingle_size_ == 1 || head_ < shingle_size_) return false;
  const std::size_t shared = (shingle_size_ - 1) * features_;
  return std::memcmp(values_.data() + head_ * features_ - shared, point, shared * sizeof(float)) ==
         0;
}

void PointStore::make_room(std::size_t blocks) {
  const auto capacity = [this] { return values_.size() / features_; };
  if (head_ + blocks <= capacity()) return;
  compact();
  // A quarter kept free makes compaction rare: its cost is spread over that many points.
  if (head_ + blocks <= capacity() - capacity() / 4) return;
  // Reserved first, because resize() alone would double what there is.
  const std::size_t wanted = std::max(head_ + blocks, 2 * shingle_size_) * features_;
  values_.reserve(wanted + wanted / 2);
  values_.resize(wanted + wanted / 2);
}

// Moves live blocks down over dead ones, in order, so that overlapping points keep overlapping. The
// newest shingle stays as well: the next point continues it.
void PointStore::compact() {
  std::vector<std::uint32_t> moved(head_, 0);  // first 1 for a live block, then its new number
  const auto mark = [&](std::size_t first) {
    std::fill_n(moved.begin() + static_cast<std::ptrdiff_t>(first), shingle_size_, 1U);
  };
  for (std::size_t index = 0; index < blocks_.size(); ++index) {
    if (references_[index] > 0) mark(blocks_[index]);
  }
  if (head_ >= shingle_size_) mark(head_ - shingle_size_);

  std::uint32_t next = 0;
  for (std::size_t block = 0; block < head_; ++block) {
    if (moved[block] == 0) continue;
    if (next != block) {
      std::memcpy(values_.data() + next * features_, values_.data() + block * features_,
                  features_ * sizeof(float));
    }
    moved[block] = next++;
  }
  for (std::size_t index = 0; index < blocks_.size(); ++index) {
    if (references_[index] > 0) blocks_[index] = moved[blocks_[index]];
  }
  head_ = next;
}

PointIndex PointStore::take_index() {
  if (free_ == no_index) {
    if (blocks_.size() == blocks_.capacity()) {
      const std::size_t wanted = 16 + blocks_.size() + blocks_.size() / 4;
      blocks_.reserve(wanted);
      references_.reserve(wanted);
    }
    blocks_.push_back(0);
    references_.push_back(0);
    return static_cast<PointIndex>(blocks_.size() - 1);
  }
  const PointIndex index = free_;
  free_ = blocks_[index];
  return index;
}

std::size_t PointStore::size_in_bytes() const noexcept {
  return values_.capacity() * sizeof(float) + blocks_.capacity() * sizeof(std::uint32_t) +
         references_.capacity() * sizeof(std::uint32_t);
}

}  // namespace anomalyd
