#include "anomalyd/cut.hpp"

#include <algorithm>
#include <cmath>

namespace anomalyd {
namespace {

// Along one dimension, the smallest box around a box and a point.
struct Side {
  float lower;
  float upper;

  double range() const noexcept { return static_cast<double>(upper) - static_cast<double>(lower); }
};

Side side(BoxView box, const float* point, std::size_t i) noexcept {
  return {std::min(box.lower[i], point[i]), std::max(box.upper[i], point[i])};
}

// The ranges of that box along some dimensions at a time.
constexpr std::size_t together = 2 * lanes;
struct Ranges {
  double of[together];

  Ranges(BoxView box, const float* point, std::size_t from) noexcept {
    for (std::size_t at = 0; at < together; at += lanes) {
      const auto values = detail::load(point + from + at);
      const auto upper = detail::most(detail::load(box.upper + from + at), values);
      const auto lower = detail::least(detail::load(box.lower + from + at), values);
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        of[at + lane] = static_cast<double>(upper[lane]) - static_cast<double>(lower[lane]);
      }
    }
  }
};

Cut cut_at(BoxView box, const float* point, std::size_t i, double offset) noexcept {
  const auto [lower, upper] = side(box, point, i);
  const auto value = static_cast<float>(static_cast<double>(lower) + offset);
  return {static_cast<std::uint16_t>(i), value < upper ? value : std::nextafter(upper, lower)};
}

double total_range(BoxView box, const float* point, std::size_t dimensions) noexcept {
  double total = 0.0;
  std::size_t i = 0;
  for (; i + together <= dimensions; i += together) {
    for (const double range : Ranges(box, point, i).of) total += range;
  }
  for (; i < dimensions; ++i) total += side(box, point, i).range();
  return total;
}

// The first, or the last, dimension along which there is a range.
std::size_t with_range(BoxView box, const float* point, std::size_t dimensions,
                       bool last) noexcept {
  std::size_t i = last ? dimensions - 1 : 0;
  while (side(box, point, i).range() <= 0.0) last ? --i : ++i;
  return i;
}

}  // namespace

Cut random_cut(BoxView box, const float* point, std::size_t dimensions, Random& random) noexcept {
  double rest = random.uniform() * total_range(box, point, dimensions);
  if (rest <= 0.0) return cut_at(box, point, with_range(box, point, dimensions, false), 0.0);
  std::size_t i = 0;
  for (; i + together <= dimensions; i += together) {
    // The cut is where less is left than the range, and no dimension after it has more. Counting
    // those before it does not make the processor guess where that is.
    const Ranges ranges(box, point, i);
    double rests[together];
    std::size_t before = 0;
    for (std::size_t k = 0; k < together; ++k) {
      rests[k] = rest;
      before += static_cast<std::size_t>(rest > ranges.of[k]);
      rest -= ranges.of[k];
    }
    if (before < together) return cut_at(box, point, i + before, rests[before]);
  }
  for (; i < dimensions; ++i) {
    const double range = side(box, point, i).range();
    if (rest <= range) return cut_at(box, point, i, rest);
    rest -= range;
  }
  // Rounding of the running difference left nothing: either end of the walk is as good.
  i = with_range(box, point, dimensions, random.uniform() >= 0.5);
  return cut_at(box, point, i, side(box, point, i).range());
}

}  // namespace anomalyd
