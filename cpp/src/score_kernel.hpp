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
  using Sum = detail::LaneSum;

  static Floats load(const float* from) noexcept { return detail::load(from); }
  static Floats least(Floats a, Floats b) noexcept { return detail::least(a, b); }
  static Floats most(Floats a, Floats b) noexcept { return detail::most(a, b); }
  static Floats beyond(Floats lower, Floats upper, Floats point) noexcept {
    return most(lower - point, point - upper);
  }
  static Floats positive_part(Floats values) noexcept { return most(values, Floats{}); }
  // Whether one of them is.
  static bool positive(Floats values) noexcept { return detail::any(values > Floats{}); }
};

// The points of a store with so many features, each of which begins as many floats after the one
// before it: a constant, so that they are found without multiplying.
template <std::size_t features>
struct PointsApart {
  const float* values;

  explicit PointsApart(const PointStore& store) noexcept : values(store.at(0)) {}
  const float* at(PointIndex index) const noexcept {
    return values + std::size_t{index} * features;
  }
};

// A box of Lanes::count * groups dimensions that the compiler keeps in registers.
template <class Lanes, std::size_t groups>
class RegisterBox {
 public:
  // One that means nothing until start() or take(); copying registers for that would cost.
  RegisterBox another() const noexcept {
    RegisterBox box;
    return box;
  }
  void start(const float* point) noexcept { take({point, point}); }
  void take(BoxView box) noexcept {
    for (std::size_t g = 0; g < groups; ++g) {
      lower_[g] = Lanes::load(box.lower + g * Lanes::count);
      upper_[g] = Lanes::load(box.upper + g * Lanes::count);
    }
  }
  void give(float* lower, float* upper) const noexcept {
    for (std::size_t g = 0; g < groups; ++g) {
      Lanes::store(lower_[g], lower + g * Lanes::count);
      Lanes::store(upper_[g], upper + g * Lanes::count);
    }
  }
  template <class Points>
  void include(const PointIndex* first, const PointIndex* last, const Points& store) noexcept {
    if constexpr (groups == 1) {
      include_all(first, last, store);
    } else {
      for (; first != last; ++first) include_one(store.at(*first));
    }
  }
  // Whether it does not hold the query; measures it then.
  bool leaves_out(const float* query, Extent& extent) const noexcept {
    typename Lanes::Floats by[groups];
    for (std::size_t g = 0; g < groups; ++g) by[g] = beyond(query, g);
    auto most = by[0];
    for (std::size_t g = 1; g < groups; ++g) most = Lanes::most(most, by[g]);
    if (!Lanes::positive(most)) return false;
    typename Lanes::Sum outside(Lanes::positive_part(by[0]));
    typename Lanes::Sum range(upper_[0] - lower_[0]);
    for (std::size_t g = 1; g < groups; ++g) {
      outside.add(Lanes::positive_part(by[g]));
      range.add(upper_[g] - lower_[g]);
    }
    extent = {outside.total(), range.total()};
    return true;
  }

 private:
  // By how much a query lies beyond the nearer side, per dimension; negative within.
  auto beyond(const float* query, std::size_t g) const noexcept {
    return Lanes::beyond(lower_[g], upper_[g], Lanes::load(query + g * Lanes::count));
  }
  void include_one(const float* point) noexcept {
    for (std::size_t g = 0; g < groups; ++g) {
      const auto values = Lanes::load(point + g * Lanes::count);
      lower_[g] = Lanes::least(lower_[g], values);
      upper_[g] = Lanes::most(upper_[g], values);
    }
  }
  // Four points at a time, the last one repeated: most siblings are that small, so that the
  // processor need not guess how many there are.
  template <class Points>
  void include_all(const PointIndex* first, const PointIndex* last, const Points& store) noexcept {
    for (; last - first > 4; first += 4) include_four(first, 1, 2, 3, store);
    const std::ptrdiff_t left = last - first;
    const std::ptrdiff_t second = left > 1;
    const std::ptrdiff_t third = second + (left > 2);
    include_four(first, second, third, third + (left > 3), store);
  }
  template <class Points>
  void include_four(const PointIndex* first, std::ptrdiff_t second, std::ptrdiff_t third,
                    std::ptrdiff_t fourth, const Points& store) noexcept {
    const auto a = Lanes::load(store.at(first[0]));
    const auto b = Lanes::load(store.at(first[second]));
    const auto c = Lanes::load(store.at(first[third]));
    const auto d = Lanes::load(store.at(first[fourth]));
    lower_[0] = Lanes::least(lower_[0], Lanes::least(Lanes::least(a, b), Lanes::least(c, d)));
    upper_[0] = Lanes::most(upper_[0], Lanes::most(Lanes::most(a, b), Lanes::most(c, d)));
  }

  typename Lanes::Floats lower_[groups];
  typename Lanes::Floats upper_[groups];
};

// A box of any number of dimensions, in memory.
class MemoryBox {
 public:
  MemoryBox(ScratchBox& scratch, std::size_t dimensions) noexcept
      : scratch_(scratch), box_(scratch.view()), dimensions_(dimensions) {}

  MemoryBox another() const noexcept { return *this; }
  void start(const float* point) noexcept {
    std::copy_n(point, dimensions_, scratch_.lower());
    std::copy_n(point, dimensions_, scratch_.upper());
    box_ = scratch_.view();
  }
  void take(BoxView box) noexcept { box_ = box; }
  void include(const PointIndex* first, const PointIndex* last, const PointStore& store) noexcept {
    enclose(first, last, store, scratch_.lower(), scratch_.upper());
  }
  bool leaves_out(const float* query, Extent& extent) const noexcept {
    if (contains(box_, query, dimensions_)) return false;
    extent = measure(box_, query, padded(dimensions_));
    return true;
  }

 private:
  ScratchBox& scratch_;
  BoxView box_;
  std::size_t dimensions_;
};

// The functions below are compiled apart from each other, so that those which most queries need
// keep what they work with in registers. `Box` says by which kind of box; where it starts, it is
// given as `blank`.

// The score of a query that the tree has seen.
[[gnu::noinline]] inline double seen_before(const Tree& tree, std::size_t depth,
                                            std::uint32_t copies) noexcept {
  return damp(copies, tree.mass()) * seen_score(depth, copies);
}

// One level further up, to the node at this depth, whose box does not hold the query.
inline double climbed(double score, std::size_t depth, Extent extent) noexcept {
  const double separation = extent.outside / (extent.range + extent.outside);
  return separation * unseen_score(depth) + (1.0 - separation) * score;
}

// Notes the kept boxes on the way down to this depth, the root's first.
inline void note_boxes(const Tree& tree, std::size_t depth, Trails& trails,
                       std::size_t place) noexcept {
  const std::uint32_t leaf = trails.leaf(place).first;
  std::uint32_t number = 0;
  for (std::size_t step = 0; step < depth; ++step) {
    trails.boxes[step] = number;
    const bool right = trails.sibling(step + 1, place).first < leaf;
    number += 1 + (right ? tree.boxes_left(number) : 0);
  }
}

// The rest of the way to the root, from this depth on, past the nodes that keep their boxes.
template <class Box>
[[gnu::noinline]] double climb_kept(const Tree& tree, std::size_t depth, const float* query,
                                    Trails& trails, std::size_t place, const Box& blank,
                                    double score) noexcept {
  note_boxes(tree, depth, trails, place);
  Box box = blank.another();
  for (; depth > 0; --depth) {
    box.take(tree.kept_box(trails.boxes[depth - 1]));
    Extent extent;
    if (!box.leaves_out(query, extent)) break;
    score = climbed(score, depth - 1, extent);
  }
  return score;
}

// The score of the tree at this place, before it is scaled by the tree's depth.
template <class Box, class Points>
[[gnu::noinline]] double climb(const Tree& tree, const Points& store, const float* query,
                               Trails& trails, std::size_t place, const Box& blank) noexcept {
  std::size_t depth = trails.steps[place];
  const Trails::Entries leaf = trails.leaf(place);
  Box box = blank.another();
  const float* met = store.at(tree.point(leaf.first));
  if (std::equal(met, met + tree.dimensions(), query)) return seen_before(tree, depth, leaf.size);
  box.start(met);
  double score = unseen_score(depth);
  std::uint32_t size = leaf.size;
  for (; depth > 0; --depth) {
    const Trails::Entries sibling = trails.sibling(depth, place);
    size += sibling.size;
    if (size >= tree.boxed_from()) {
      return climb_kept(tree, depth, query, trails, place, blank, score);
    }
    const PointIndex* first = tree.points() + sibling.first;
    box.include(first, first + sibling.size, store);
    // Boxes are nested: once inside, inside all the way up.
    Extent extent;
    if (!box.leaves_out(query, extent)) break;
    score = climbed(score, depth - 1, extent);
  }
  return score;
}

template <class Box, class Points>
double climb_all(const Tree* first, std::size_t count, const Points& store, const float* query,
                 Trails& trails, const Box& blank) noexcept {
  double sum = 0.0;
  for (std::size_t t = 0; t < count; ++t) {
    if (t + 1 < count) {
      __builtin_prefetch(store.at(first[t + 1].point(trails.leaf(t + 1).first)));
    }
    sum += climb(first[t], store, query, trails, t, blank) * first[t].depth_scale();
  }
  return sum;
}

}  // namespace
}  // namespace anomalyd
