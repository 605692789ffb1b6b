#include "anomalyd/influence_population.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace anomalyd {
namespace {

constexpr double enough = 100.0;  // weight of values from which the limit on what is learned holds
// Values are learned as if they were no further away than so many standard deviations.
constexpr double limit = 5.0;
constexpr double largest_growth = 1e100;
constexpr double largest_distance = 1e6;

}  // namespace

Population::Population(std::size_t features, double decay) : decay_(decay), sums_(features) {}

double Population::Sums::deviation() const noexcept {
  const double mean = total / weight;
  return std::sqrt(std::max(squares / weight - mean * mean, 0.0));
}

double Population::distance(const double* values) const noexcept {
  double largest = 0.0;
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    if (std::isnan(values[i]) || sums_[i].weight <= 0.0) continue;
    const double away = std::abs(values[i] - sums_[i].mean());
    const double deviation = sums_[i].deviation();
    if (away > 0.0) largest = std::max(largest, std::min(away / deviation, largest_distance));
  }
  return largest;
}

void Population::learn(std::int64_t tick, const std::vector<const double*>& rows) {
  if (begun_ == 0) {
    begun_ = 1;
    origin_ = tick;
  }
  // Not 0, however long ago: weights are divided by it.
  double weight =
      std::max(std::exp(decay_ * static_cast<double>(tick - origin_)), 1.0 / largest_growth);
  if (weight > largest_growth) {
    for (Sums& sums : sums_) {
      sums.weight /= weight;
      sums.total /= weight;
      sums.squares /= weight;
    }
    origin_ = tick;
    weight = 1.0;
  }
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    Sums& sums = sums_[i];
    double low = -std::numeric_limits<double>::infinity();
    double high = -low;
    if (sums.weight / weight >= enough) {
      low = sums.mean() - limit * sums.deviation();
      high = sums.mean() + limit * sums.deviation();
    }
    for (const double* row : rows) {
      if (std::isnan(row[i])) continue;
      if (sums.weight <= 0.0) sums.about = row[i];
      const double offset = std::clamp(row[i], low, high) - sums.about;
      sums.weight += weight;
      sums.total += weight * offset;
      sums.squares += weight * offset * offset;
    }
  }
  rows_ += static_cast<std::int64_t>(rows.size());
}

}  // namespace anomalyd
