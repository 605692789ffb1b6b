#include "anomalyd/shingle.hpp"

#include <algorithm>

namespace anomalyd {

Shingle::Shingle(std::size_t features, std::size_t size)
    : features_(features), size_(size), values_(features * size, 0.0F) {}

void Shingle::push(const float* block) noexcept {
  std::copy(values_.begin() + static_cast<std::ptrdiff_t>(features_), values_.end(),
            values_.begin());
  std::copy_n(block, features_, values_.end() - static_cast<std::ptrdiff_t>(features_));
  blocks_ = std::min(blocks_ + 1, size_);
}

void Shingle::preview(const float* block, float* shingle) const noexcept {
  float* newest =
      std::copy(values_.begin() + static_cast<std::ptrdiff_t>(features_), values_.end(), shingle);
  std::copy_n(block, features_, newest);
}

}  // namespace anomalyd
