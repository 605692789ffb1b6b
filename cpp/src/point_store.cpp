#include "anomalyd/point_store.hpp"

#include <algorithm>
#include <cstring>

#include "anomalyd/aligned.hpp"

namespace anomalyd {

PointStore::PointStore(std::size_t features, std::size_t shingle_size)
    : features_(features), shingle_size_(shingle_size) {}

void PointStore::prefetch() const noexcept {
  anomalyd::prefetch(values_.data(),
                     std::min<std::size_t>(head_ * features_ * sizeof(float), 16384));
}

PointIndex PointStore::add(const float* point) noexcept {
  const std::size_t fresh = continues_last(point) ? 1 : shingle_size_;
  std::memcpy(values_.data() + head_ * features_, point + (shingle_size_ - fresh) * features_,
              fresh * features_ * sizeof(float));
  std::fill_n(references_.begin() + static_cast<std::ptrdiff_t>(head_), fresh, std::uint16_t{0});
  head_ += fresh;
  const auto index = static_cast<PointIndex>(head_ - shingle_size_);
  references_[index] = 1;
  ++size_;
  return index;
}

// Compared bit by bit rather than remembered: a skipped or replaced input cannot corrupt the store.
bool PointStore::continues_last(const float* point) const noexcept {
  if (shingle_size_ == 1 || head_ < shingle_size_) return false;
  const std::size_t shared = (shingle_size_ - 1) * features_;
  return std::memcmp(values_.data() + head_ * features_ - shared, point, shared * sizeof(float)) ==
         0;
}

// 1 for every block of a point that somebody holds, and of the newest one: the next point continues
// it.
void PointStore::mark_live(std::vector<std::uint8_t>& marks) const {
  marks.assign(head_, 0);
  std::size_t end = 0;  // of the marked ones
  for (std::size_t first = 0; first + shingle_size_ <= head_; ++first) {
    if (references_[first] == 0 && first + shingle_size_ != head_) continue;
    for (end = std::max(end, first); end < first + shingle_size_; ++end) marks[end] = 1;
  }
}

void PointStore::compact(Compaction& done) {
  mark_live(done.live);
  done.moved.resize(head_);
  std::size_t next = 0;
  for (std::size_t block = 0; block < head_; ++block) {
    if (done.live[block] == 0) continue;
    if (next != block) {
      std::memcpy(values_.data() + next * features_, values_.data() + block * features_,
                  features_ * sizeof(float));
      references_[next] = references_[block];
    }
    done.moved[block] = static_cast<PointIndex>(next++);
  }
  head_ = next;
  // A sixteenth kept free makes compaction rare: its cost is spread over that many points.
  const std::size_t capacity = references_.size();
  if (head_ + shingle_size_ <= capacity - capacity / 16) return;
  const std::size_t wanted = std::max(head_ + head_ / 12, head_ + 2 * shingle_size_);
  // Reserved first, because resize() alone would double what there is.
  values_.reserve(wanted * features_);
  values_.resize(wanted * features_);
  references_.reserve(wanted);
  references_.resize(wanted);
}

std::size_t PointStore::size_in_bytes() const noexcept {
  return values_.capacity() * sizeof(float) + references_.capacity() * sizeof(std::uint16_t);
}

}  // namespace anomalyd
