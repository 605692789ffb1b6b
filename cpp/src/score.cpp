#include "anomalyd/score.hpp"

#include <algorithm>

#include "anomalyd/visitor.hpp"

namespace anomalyd {
namespace {

using detail::FloatLanes;

// A box of 4 * groups dimensions that the compiler keeps in registers.
template <std::size_t groups>
struct RegisterBox {
  FloatLanes lower[groups];
  FloatLanes upper[groups];

  void start(const float* point) noexcept {
    for (std::size_t g = 0; g < groups; ++g) lower[g] = upper[g] = detail::load(point + g * lanes);
  }
  void include(const PointIndex* first, const PointIndex* last, const PointStore& store) noexcept {
    for (const PointIndex* at = first; at != last; ++at) {
      for (std::size_t g = 0; g < groups; ++g) {
        const FloatLanes values = detail::load(store.at(*at) + g * lanes);
        lower[g] = detail::least(lower[g], values);
        upper[g] = detail::most(upper[g], values);
      }
    }
  }
  Extent extent(const float* query) const noexcept {
    return measure(
        BoxView{reinterpret_cast<const float*>(lower), reinterpret_cast<const float*>(upper)},
        query, groups * lanes);
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
};

template <class Box>
double climb(const Tree& tree, const PointStore& store, const float* query, const Trail& trail,
             Box& box) noexcept {
  const float* met = store.at(tree.point(trail.first));
  std::size_t depth = trail.boxed + trail.unboxed;
  if (std::equal(met, met + tree.dimensions(), query)) {
    return damp(trail.size, tree.mass()) * seen_score(depth, trail.size) * tree.depth_scale();
  }
  double score = unseen_score(depth);
  box.start(met);
  for (std::size_t i = trail.unboxed; i-- > 0;) {
    const Trail::Entries sibling = trail.siblings[i];
    const PointIndex* first = tree.points() + sibling.first;
    box.include(first, first + sibling.size, store);
    const double separation = box.extent(query).separation();
    // Boxes are nested: once inside, inside all the way up.
    if (separation <= 0.0) return score * tree.depth_scale();
    score = separation * unseen_score(--depth) + (1.0 - separation) * score;
  }
  for (std::size_t i = trail.boxed; i-- > 0;) {
    const double separation =
        measure(tree.kept_box(trail.boxes[i]), query, tree.width()).separation();
    if (separation <= 0.0) break;
    score = separation * unseen_score(i) + (1.0 - separation) * score;
  }
  return score * tree.depth_scale();
}

template <class Box>
double sum_with(const Tree* first, std::size_t count, const PointStore& store, const float* query,
                Trail* trails, Box box) noexcept {
  for (std::size_t t = 0; t < count; ++t) first[t].start(trails[t]);
  for (bool walking = true; walking;) {
    walking = false;
    for (std::size_t t = 0; t < count; ++t) walking |= first[t].step_boxed(query, trails[t]);
  }
  for (bool walking = true; walking;) {
    walking = false;
    for (std::size_t t = 0; t < count; ++t) walking |= first[t].step_unboxed(query, trails[t]);
  }
  double sum = 0.0;
  for (std::size_t t = 0; t < count; ++t) sum += climb(first[t], store, query, trails[t], box);
  return sum;
}

}  // namespace

double sum_of_scores(const Tree* first, std::size_t count, const PointStore& store,
                     const float* query, Trail* trails, ScratchBox& scratch) noexcept {
  switch (store.dimensions()) {
    case lanes:
      return sum_with(first, count, store, query, trails, RegisterBox<1>{});
    case 2 * lanes:
      return sum_with(first, count, store, query, trails, RegisterBox<2>{});
    default:
      return sum_with(first, count, store, query, trails, MemoryBox{scratch, store.dimensions()});
  }
}

}  // namespace anomalyd
