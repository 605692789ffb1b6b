// The way back up, over registers of one width; included once for each.
//
// `Lanes` is a register's worth of floats. Whatever its width, every sum is taken over the same
// four lanes in the same order, so that all widths give the same bits.
#pragma once

#include <algorithm>

#include "anomalyd/score.hpp"
#include "anomalyd/visitor.hpp"

namespace anomalyd {
namespace {

// Four floats at a time, as everywhere.
struct PortableLanes {
  static constexpr std::size_t count = lanes;
  using Floats = detail::FloatLanes;
  using Sums = anomalyd::Sums;

  static Floats load(const float* from) noexcept { return detail::load(from); }
  static Floats least(Floats a, Floats b) noexcept { return detail::least(a, b); }
  static Floats most(Floats a, Floats b) noexcept { return detail::most(a, b); }
  static Floats beyond(Floats lower, Floats upper, Floats point) noexcept {
    return most(lower - point, point - upper);
  }
  // Whether one of them is.
  static bool positive(Floats values) noexcept {
    bool found = false;
    for (std::size_t lane = 0; lane < lanes; ++lane) found |= values[lane] > 0.0F;
    return found;
  }
};

// A box of Lanes::count * groups dimensions that the compiler keeps in registers.
template <class Lanes, std::size_t groups>
struct RegisterBox {
  typename Lanes::Floats lower[groups];
  typename Lanes::Floats upper[groups];

  void start(const float* point) noexcept {
    for (std::size_t g = 0; g < groups; ++g) {
      lower[g] = upper[g] = Lanes::load(point + g * Lanes::count);
    }
  }
  void include(const PointIndex* first, const PointIndex* last, const PointStore& store) noexcept {
    if constexpr (groups == 1) {
      include_four(first, last, store);
    } else {
      for (; first != last; ++first) include_one(store.at(*first));
    }
  }
  Extent extent(const float* query) const noexcept {
    typename Lanes::Sums sums;
    for (std::size_t g = 0; g < groups; ++g) {
      sums.add(lower[g], upper[g], Lanes::load(query + g * Lanes::count));
    }
    return sums.extent();
  }
  // If true, extent(query).outside is 0; known sooner than that is.
  bool surely_contains(const float* query) const noexcept {
    if constexpr (groups > 1) return false;
    return !Lanes::positive(Lanes::beyond(lower[0], upper[0], Lanes::load(query)));
  }
  static Extent kept(BoxView box, const float* query, std::size_t) noexcept {
    typename Lanes::Sums sums;
    for (std::size_t g = 0; g < groups; ++g) {
      const std::size_t at = g * Lanes::count;
      sums.add(Lanes::load(box.lower + at), Lanes::load(box.upper + at), Lanes::load(query + at));
    }
    return sums.extent();
  }

 private:
  void include_one(const float* point) noexcept {
    for (std::size_t g = 0; g < groups; ++g) {
      const auto values = Lanes::load(point + g * Lanes::count);
      lower[g] = Lanes::least(lower[g], values);
      upper[g] = Lanes::most(upper[g], values);
    }
  }
  // Four points at a time, the last one repeated: nearly all siblings are that small, so that the
  // processor need not guess how many there are.
  void include_four(const PointIndex* first, const PointIndex* last,
                    const PointStore& store) noexcept {
    const std::ptrdiff_t end = last - first - 1;
    for (std::ptrdiff_t i = 0; i <= end; i += 4) {
      const auto a = Lanes::load(store.at(first[i]));
      const auto b = Lanes::load(store.at(first[std::min(i + 1, end)]));
      const auto c = Lanes::load(store.at(first[std::min(i + 2, end)]));
      const auto d = Lanes::load(store.at(first[std::min(i + 3, end)]));
      lower[0] = Lanes::least(lower[0], Lanes::least(Lanes::least(a, b), Lanes::least(c, d)));
      upper[0] = Lanes::most(upper[0], Lanes::most(Lanes::most(a, b), Lanes::most(c, d)));
    }
  }
};

// A box of any number of dimensions, in memory.
struct MemoryBox {
  ScratchBox& box;
  std::size_t dimensions;

  void start(const float* point) noexcept {
    std::copy_n(point, dimensions, box.lower());
    std::copy_n(point, dimensions, box.upper());
  }
  void include(const PointIndex* first, const PointIndex* last, const PointStore& store) noexcept {
    enclose(first, last, store, box.lower(), box.upper());
  }
  Extent extent(const float* query) const noexcept {
    return measure(box.view(), query, padded(dimensions));
  }
  bool surely_contains(const float*) const noexcept { return false; }
  static Extent kept(BoxView box, const float* query, std::size_t width) noexcept {
    return measure(box, query, width);
  }
};

// The score of the tree at this place.
template <class Box>
double climb(const Tree& tree, const PointStore& store, const float* query, Trails& trails,
             std::size_t place, Box box) noexcept {
  std::size_t depth = trails.steps[place];
  Trails::Entries below = trails.after(depth, place);
  const float* met = store.at(tree.point(below.first));
  if (std::equal(met, met + tree.dimensions(), query)) {
    return damp(below.size, tree.mass()) * seen_score(depth, below.size) * tree.depth_scale();
  }
  double score = unseen_score(depth);
  box.start(met);
  for (; depth > 0; --depth) {
    const Trails::Entries part = trails.after(depth - 1, place);
    if (part.size >= tree.boxed_from()) break;
    const bool left = part.first == below.first;
    const PointIndex* sibling = tree.points() + part.first + (left ? below.size : 0);
    box.include(sibling, sibling + (part.size - below.size), store);
    // Boxes are nested: once inside, inside all the way up.
    if (box.surely_contains(query)) return score * tree.depth_scale();
    const Extent extent = box.extent(query);
    if (extent.outside <= 0.0) return score * tree.depth_scale();
    const double separation = extent.separation();
    score = separation * unseen_score(depth - 1) + (1.0 - separation) * score;
    below = part;
  }
  if (depth == 0) return score * tree.depth_scale();
  std::uint32_t number = 0;
  for (std::size_t step = 0; step < depth; ++step) {
    trails.boxes[step] = number;
    const bool left = trails.after(step + 1, place).first == trails.after(step, place).first;
    number += 1 + (left ? 0 : tree.boxes_left(number));
  }
  for (; depth > 0; --depth) {
    const Extent extent = Box::kept(tree.kept_box(trails.boxes[depth - 1]), query, tree.width());
    if (extent.outside <= 0.0) break;
    const double separation = extent.separation();
    score = separation * unseen_score(depth - 1) + (1.0 - separation) * score;
  }
  return score * tree.depth_scale();
}

template <class Box>
double climb_all(const Tree* first, std::size_t count, const PointStore& store, const float* query,
                 Trails& trails, Box box) noexcept {
  double sum = 0.0;
  for (std::size_t t = 0; t < count; ++t) sum += climb(first[t], store, query, trails, t, box);
  return sum;
}

}  // namespace
}  // namespace anomalyd
