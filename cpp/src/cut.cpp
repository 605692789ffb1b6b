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

// The ranges of that box along the dimensions of one register.
struct Ranges {
  using Doubles = double __attribute__((vector_size(lanes * sizeof(double))));
  Doubles of;

  Ranges(BoxView box, const float* point, std::size_t from) noexcept {
    const auto values = detail::load(point + from);
    const auto upper = detail::most(detail::load(box.upper + from), values);
    const auto lower = detail::least(detail::load(box.lower + from), values);
    of = __builtin_convertvector(upper, Doubles) - __builtin_convertvector(lower, Doubles);
  }
  double total() const noexcept { return (of[0] + of[2]) + (of[1] + of[3]); }
};

Cut cut_at(BoxView box, const float* point, std::size_t i, double offset) noexcept {
  const auto [lower, upper] = side(box, point, i);
  const auto value = static_cast<float>(static_cast<double>(lower) + offset);
  return {static_cast<std::uint16_t>(i), value < upper ? value : std::nextafter(upper, lower)};
}

// The lower end of the first dimension that has a range.
Cut first_cut(BoxView box, const float* point) noexcept {
  std::size_t i = 0;
  while (side(box, point, i).range() <= 0.0) ++i;
  return cut_at(box, point, i, 0.0);
}

// The upper end of the last of these dimensions that has a range, where rounding of a running
// difference has led past it.
Cut last_cut(BoxView box, const float* point, std::size_t dimensions) noexcept {
  std::size_t i = dimensions - 1;
  while (side(box, point, i).range() <= 0.0) --i;
  return cut_at(box, point, i, side(box, point, i).range());
}

// Where a walk from this dimension on has used up the rest.
Cut cut_from(BoxView box, const float* point, std::size_t from, std::size_t dimensions,
             double rest) noexcept {
  for (std::size_t i = from; i < dimensions; ++i) {
    const double range = side(box, point, i).range();
    if (rest <= range) return cut_at(box, point, i, rest);
    rest -= range;
  }
  return last_cut(box, point, dimensions);
}

}  // namespace

// A register at a time, without making the processor guess where the cut is: those before it are
// counted. What one call waits for does not keep the next one, of the box above, from starting.
// What is left of the dimensions, or all where they are too many, is walked one by one.
Cut random_cut(BoxView box, const float* point, std::size_t dimensions, Random& random) noexcept {
  constexpr std::size_t most_groups = 64;
  const std::size_t groups = dimensions / lanes <= most_groups ? dimensions / lanes : 0;
  double begins[most_groups + 1];
  begins[0] = 0.0;
  for (std::size_t g = 0; g < groups; ++g) {
    begins[g + 1] = begins[g] + Ranges(box, point, g * lanes).total();
  }
  const std::size_t grouped = groups * lanes;
  double total = begins[groups];
  for (std::size_t i = grouped; i < dimensions; ++i) total += side(box, point, i).range();
  const double place = random.uniform() * total;
  if (place <= 0.0) return first_cut(box, point);
  if (grouped < dimensions && place > begins[groups]) {
    return cut_from(box, point, grouped, dimensions, place - begins[groups]);
  }
  std::size_t group = 0;
  for (std::size_t g = 1; g < groups; ++g) group += static_cast<std::size_t>(place > begins[g]);

  const std::size_t first = group * lanes;
  const Ranges ranges(box, point, first);
  double rest = place - begins[group];
  double rests[lanes];
  std::size_t before = 0;
  for (std::size_t k = 0; k < lanes; ++k) {
    rests[k] = rest;
    before += static_cast<std::size_t>(rest > ranges.of[k]);
    rest -= ranges.of[k];
  }
  return before < lanes ? cut_at(box, point, first + before, rests[before])
                        : last_cut(box, point, first + lanes);
}

}  // namespace anomalyd
