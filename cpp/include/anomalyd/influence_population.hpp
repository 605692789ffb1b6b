// How far an entity is from what all entities of its detector usually are.
//
// An entity whose model is still warming up has no score. Its feature values are compared with
// those of the others instead: the largest distance from the mean over the features, in standard
// deviations. What that is worth as a probability is for the history of such distances to say
// (tail.hpp), so the measure needs to be right in its order only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "anomalyd/checkpoint_bytes.hpp"

namespace anomalyd {

// Forward-decayed mean and spread of the values of all entities, per feature. NaN is no value.
class Population {
 public:
  // `decay`: by how much weights grow per window.
  Population(std::size_t features, double decay);

  // Whether enough rows were seen for distances to mean something.
  bool known() const noexcept { return rows_ >= 32; }

  // The distance of one row of `features` values; 0 or more, at most a million.
  double distance(const double* values) const noexcept;

  // Adds rows of one window [count, features]. Their order is part of the answer's last bits.
  void learn(std::int64_t tick, const std::vector<const double*>& rows);

  template <class Self, class Archive>
  static void state(Self& self, Archive& archive) {
    archive.value(self.begun_);
    archive.value(self.origin_);
    archive.value(self.rows_);
    for (auto& sums : self.sums_) {
      archive.value(sums.about);
      archive.value(sums.weight);
      archive.value(sums.total);
      archive.value(sums.squares);
      archive.require(sums.weight >= 0.0 && sums.squares >= 0.0, "a weight is negative");
    }
    archive.require(self.begun_ <= 1 && self.rows_ >= 0 && self.rows_ <= most_inputs,
                    "a count is wrong");
    archive.require(possible_time(self.origin_), "a window out of time");
  }

 private:
  struct Sums {
    double about = 0.0;   // the first value, which sums are about
    double weight = 0.0;  // 0 = no value yet
    double total = 0.0;
    double squares = 0.0;

    double mean() const noexcept { return about + total / weight; }
    double deviation() const noexcept;
  };

  double decay_;
  std::uint32_t begun_ = 0;  // 1 = the origin means something
  std::int64_t origin_ = 0;  // the window whose rows weigh 1
  std::int64_t rows_ = 0;
  std::vector<Sums> sums_;
};

}  // namespace anomalyd
