// The last inputs of one model, oldest first: what turns a stream of inputs into points (§2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace anomalyd {

// A sliding window of `size` blocks of `features` floats. Does not allocate after construction.
class Shingle {
 public:
  Shingle(std::size_t features, std::size_t size);

  // Whether one more block completes a shingle.
  bool completes() const noexcept { return blocks_ + 1 >= size_; }
  bool full() const noexcept { return blocks_ == size_; }

  // Drops the oldest block and appends this one (`features` floats).
  void push(const float* block) noexcept;

  // Writes the shingle that `push(block)` would give, and changes nothing. Requires completes().
  void preview(const float* block, float* shingle) const noexcept;

  // features * size floats, oldest block first; meaningful once full().
  const float* data() const noexcept { return values_.data(); }

  // What a checkpoint holds of it, in both directions (checkpoint_bytes.hpp).
  template <class Self, class Archive>
  static void state(Self& self, Archive& archive) {
    auto blocks = static_cast<std::uint32_t>(self.blocks_);
    archive.value(blocks);
    archive.require(blocks <= self.size_, "more blocks than a shingle has");
    if constexpr (!std::is_const_v<Self>) self.blocks_ = blocks;
    archive.values(self.values_);
  }

  std::size_t size_in_bytes() const noexcept { return values_.capacity() * sizeof(float); }

 private:
  std::size_t features_;
  std::size_t size_;
  std::size_t blocks_ = 0;
  std::vector<float> values_;
};

}  // namespace anomalyd
