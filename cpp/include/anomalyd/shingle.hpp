// The last inputs of one model, oldest first: what turns a stream of inputs into points (§2).
#pragma once

#include <cstddef>
#include <cstdint>
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

  std::size_t size_in_bytes() const noexcept { return values_.capacity() * sizeof(float); }

 private:
  std::size_t features_;
  std::size_t size_;
  std::size_t blocks_ = 0;
  std::vector<float> values_;
};

}  // namespace anomalyd
