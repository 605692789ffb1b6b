// How rare a score is among those of its own series.
#pragma once

#include <algorithm>
#include <cmath>

namespace anomalyd {

// The upper tail of a stream, as peaks over a threshold see it (Siffer et al., KDD 2017, with an
// exponential tail): how often values exceed a level that the caller keeps, and by how much on
// average. Both forget. Scores are heavy-tailed in one series and not in another; a number of
// deviations means something else in each, the rarity in this tail the same in both.
class ExcessTail {
 public:
  explicit ExcessTail(double discount) noexcept : keep_(1.0 - discount) {}

  // Surprisal of a value `excess` above the level, in nats: -ln P(a value is at least that far
  // out). `usual`, above 0, is the excess that is assumed while few were seen.
  double surprisal(double excess, double usual) const noexcept {
    return std::max(0.0, excess / mean(usual) - std::log(rate()));
  }

  // The excess that has this surprisal; 0 if every value above the level has more.
  double excess(double surprisal, double usual) const noexcept {
    return std::max(0.0, mean(usual) * (surprisal + std::log(rate())));
  }

  // Takes a value into the statistics; an excess of 0 is one that is not above the level.
  void update(double excess) noexcept {
    weight_ = weight_ * keep_ + 1.0;
    count_ *= keep_;
    sum_ *= keep_;
    if (excess <= 0.0) return;
    count_ += 1.0;
    sum_ += excess;
  }

  // What a checkpoint holds of it, in both directions (checkpoint_bytes.hpp).
  template <class Self, class Archive>
  static void state(Self& self, Archive& archive) {
    archive.value(self.weight_);
    archive.value(self.count_);
    archive.value(self.sum_);
    archive.require(self.weight_ >= 0.0 && self.count_ >= 0.0 && self.count_ <= self.weight_ &&
                        self.sum_ >= 0.0,
                    "impossible statistics");
  }

 private:
  static constexpr double prior = 5.0;  // how many excesses the assumed one counts for

  double mean(double usual) const noexcept { return (sum_ + prior * usual) / (count_ + prior); }
  double rate() const noexcept { return (count_ + 0.5) / (weight_ + 1.0); }

  double keep_;
  double weight_ = 0.0;  // of the values
  double count_ = 0.0;   // of those above the level
  double sum_ = 0.0;     // of their excesses
};

}  // namespace anomalyd
