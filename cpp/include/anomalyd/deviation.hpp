// Mean and standard deviation that forget (§6).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "anomalyd/checkpoint_bytes.hpp"

namespace anomalyd {

// Statistics of a stream in which every step multiplies the weight of the past by 1 - discount.
//
// The textbook form keeps a sum and a sum of squares, whose difference loses every digit of the
// deviation when the mean is large. This one keeps the mean and the weighted squared distance from
// it (West, 1979): the same quantities in exact arithmetic, and a constant stream has deviation 0
// exactly.
class Deviation {
 public:
  explicit Deviation(double discount) noexcept : keep_(1.0 - discount) {}

  void update(double value) noexcept {
    weight_ = weight_ * keep_ + 1.0;
    const double difference = value - mean_;
    mean_ += difference / weight_;
    squares_ = squares_ * keep_ + difference * (value - mean_);
    ++count_;
  }

  double mean() const noexcept { return mean_; }
  double deviation() const noexcept {
    return count_ == 0 ? 0.0 : std::sqrt(std::max(0.0, squares_ / weight_));
  }
  std::int64_t count() const noexcept { return count_; }

  // What a checkpoint holds of it, in both directions (checkpoint_bytes.hpp).
  template <class Self, class Archive>
  static void state(Self& self, Archive& archive) {
    archive.value(self.weight_);
    archive.value(self.mean_);
    archive.value(self.squares_);
    archive.value(self.count_);
    archive.require(self.squares_ >= 0.0 && self.count_ >= 0 && self.count_ <= most_inputs &&
                        (self.count_ == 0 ? self.weight_ == 0.0 : self.weight_ >= 1.0),
                    "impossible statistics");
  }

 private:
  double keep_;
  double weight_ = 0.0;
  double mean_ = 0.0;
  double squares_ = 0.0;
  std::int64_t count_ = 0;
};

}  // namespace anomalyd
