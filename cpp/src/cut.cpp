#include "anomalyd/cut.hpp"

#include <algorithm>
#include <cmath>

namespace anomalyd {
namespace {

double range_with(BoxView box, const float* point, std::size_t i) noexcept {
  return static_cast<double>(std::max(box.upper[i], point[i])) -
         static_cast<double>(std::min(box.lower[i], point[i]));
}

Cut cut_at(BoxView box, const float* point, std::size_t i, double offset) noexcept {
  const float lower = std::min(box.lower[i], point[i]);
  const float upper = std::max(box.upper[i], point[i]);
  const auto value = static_cast<float>(static_cast<double>(lower) + offset);
  return {static_cast<std::uint16_t>(i), value < upper ? value : std::nextafter(upper, lower)};
}

}  // namespace

Cut random_cut(BoxView box, const float* point, std::size_t dimensions, Random& random) noexcept {
  double total = 0.0;
  for (std::size_t i = 0; i < dimensions; ++i) total += range_with(box, point, i);

  double rest = random.uniform() * total;
  std::size_t first = dimensions;
  std::size_t last = 0;
  for (std::size_t i = 0; i < dimensions; ++i) {
    const double range = range_with(box, point, i);
    if (range <= 0.0) continue;
    if (rest <= range) return cut_at(box, point, i, rest);
    rest -= range;
    if (first == dimensions) first = i;
    last = i;
  }
  // Rounding of the running difference left nothing: either end of the walk is as good.
  const std::size_t i = random.uniform() < 0.5 ? first : last;
  return cut_at(box, point, i, range_with(box, point, i));
}

}  // namespace anomalyd
