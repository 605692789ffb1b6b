#include "anomalyd/tree.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "score_wide.hpp"

namespace anomalyd {
namespace {

// Room for so many more and no others: doubling would leave half of the largest array of a model
// empty. The most boxes that a tree ever had are few, so that it seldom has to move them.
template <class Vector>
void make_room(Vector& vector, std::size_t more) {
  if (vector.size() + more > vector.capacity()) vector.reserve(vector.size() + more);
}

double depth_scale_of(std::size_t mass) noexcept {
  return std::log2(static_cast<double>(mass) + 1.0);
}

// Those of the smaller trees: a full one asks twice for each point that it takes.
template <std::size_t count>
std::array<double, count> depth_scales() noexcept {
  std::array<double, count> scales;
  for (std::size_t mass = 0; mass < count; ++mass) scales[mass] = depth_scale_of(mass);
  return scales;
}

// Several lanes at a time stay in registers: each waits for its own last result only, so that the
// processor is busy while one of them waits.
template <std::size_t groups>
void enclose_lanes(const PointIndex* first, const PointIndex* last, const PointStore& store,
                   std::size_t from, float* lower, float* upper) noexcept {
  detail::FloatLanes low[groups];
  detail::FloatLanes high[groups];
  for (std::size_t g = 0; g < groups; ++g) {
    low[g] = detail::load(lower + from + g * lanes);
    high[g] = detail::load(upper + from + g * lanes);
  }
  for (const PointIndex* at = first; at != last; ++at) {
    const float* point = store.at(*at) + from;
    for (std::size_t g = 0; g < groups; ++g) {
      const detail::FloatLanes values = detail::load(point + g * lanes);
      low[g] = detail::least(low[g], values);
      high[g] = detail::most(high[g], values);
    }
  }
  for (std::size_t g = 0; g < groups; ++g) {
    detail::store(low[g], lower + from + g * lanes);
    detail::store(high[g], upper + from + g * lanes);
  }
}

}  // namespace

void enclose(const PointIndex* first, const PointIndex* last, const PointStore& store, float* lower,
             float* upper) noexcept {
#if ANOMALYD_WIDE
  if (is_wide() && wide_enclose(first, last, store, lower, upper)) return;
#endif
  const std::size_t dimensions = store.dimensions();
  std::size_t i = 0;
  for (; i + 5 * lanes <= dimensions; i += 5 * lanes) {
    enclose_lanes<5>(first, last, store, i, lower, upper);
  }
  for (; i + 2 * lanes <= dimensions; i += 2 * lanes) {
    enclose_lanes<2>(first, last, store, i, lower, upper);
  }
  for (; i + lanes <= dimensions; i += lanes) {
    enclose_lanes<1>(first, last, store, i, lower, upper);
  }
  for (; i < dimensions; ++i) {
    for (const PointIndex* at = first; at != last; ++at) {
      lower[i] = std::min(lower[i], store.at(*at)[i]);
      upper[i] = std::max(upper[i], store.at(*at)[i]);
    }
  }
}

Tree::Tree(std::uint64_t seed, std::size_t dimensions) noexcept
    : dimensions_(static_cast<std::uint32_t>(dimensions)),
      boxed_from_(dimensions > 16 ? 72 : 48),
      random_(seed) {}

Tree::Inserted Tree::insert(PointIndex index, const PointStore& store, Path& path) {
  if (empty()) {
    points_.push_back(index);
    set_scale();
    return {0, true};
  }
  const float* point = store.at(index);
  descend(point, path);
  const Part leaf = path.leaf();
  const float* met = store.at(points_[leaf.first]);
  const std::size_t depth_of_leaf = path.size();
  if (std::equal(point, point + dimensions_, met)) {
    place(leaf.node, {0.0F, copies, 1}, leaf.first, points_[leaf.first], path, depth_of_leaf);
    for (std::size_t depth = 0; depth < depth_of_leaf; ++depth) {
      if (path[depth].size + 1 != boxed_from_) continue;
      add_box(path[depth].box, 0, path, depth);
      Part grown = path[depth];
      ++grown.size;
      rebuild(grown, store, path.beside);
    }
    return {leaf.first, false};
  }

  // Up again while the boxes leave the point outside: each draws its own cut, and the highest cut
  // that parts the point from a box is where the tree splits. Two distinct points are always
  // parted.
  std::size_t level = depth_of_leaf;
  Cut cut = random_cut({met, met}, point, dimensions_, random_);
  std::size_t inside = 0;  // levels above this one already contain the point
  start_around(met, path);
  for (std::size_t depth = depth_of_leaf; depth-- > 0;) {
    const BoxView box = around(depth, store, path);
    if (contains(box, point, dimensions_)) {
      inside = depth + 1;
      break;
    }
    const Cut drawn = random_cut(box, point, dimensions_, random_);
    // Chosen rather than branched to, because a branch here is a coin toss for the processor.
    const bool parts = separates(drawn, box, point);
    cut = parts ? drawn : cut;
    level = parts ? depth : level;
  }

  const Part below = path[level];
  const bool goes_left = cut.left(point);
  const std::size_t position = goes_left ? below.first : below.first + below.size;
  const std::size_t boxes_below = boxes_in(below);
  const auto left = static_cast<std::uint16_t>(goes_left ? 1 : below.size);
  place(below.node, {cut.value, cut.dimension, left}, position, index, path, level);
  for (std::size_t depth = inside; depth < level; ++depth) {
    if (path[depth].size < boxed_from_) break;
    float* lower = row(path[depth].box);
    unite({lower, lower + width()}, {point, point}, lower, lower + width(), dimensions_);
  }
  for (std::size_t depth = 0; depth <= level; ++depth) {
    // Above, a part that has now grown enough; last, the new one.
    const bool fresh = depth == level && below.size + 1 >= boxed_from_;
    if (!fresh && (depth == level || path[depth].size + 1 != boxed_from_)) continue;
    add_box(path[depth].box, fresh && !goes_left ? boxes_below : 0, path, depth);
    Part grown = path[depth];
    ++grown.size;
    rebuild(grown, store, path.beside);
  }
  return {position, true};
}

std::optional<PointIndex> Tree::erase(std::size_t position, const PointStore& store,
                                      Path& path) noexcept {
  const PointIndex index = points_[position];
  path.clear();
  Part part = root();
  while (!is_leaf(part)) {
    path.push(part);
    part = child(part, position >= part.first + nodes_[part.node].left);
  }
  path.arrive(part);
  if (path.empty() && part.size == 1) {
    points_.clear();
    set_scale();
    return index;
  }

  const bool last = part.size == 1;
  // Without its last copy, a leaf goes with its parent, whose place the sibling takes.
  const std::size_t depth = last ? path.size() - 1 : path.size();
  for (std::size_t shrunk = 0; shrunk < path.size(); ++shrunk) {
    const bool gone = last && shrunk == depth && path[shrunk].size >= boxed_from_;
    if (gone || path[shrunk].size == boxed_from_) drop_box(path[shrunk].box, path, shrunk);
  }
  remove(last ? path[depth].node : part.node, position, path, depth);
  if (!last) return std::nullopt;
  const float* point = store.at(index);
  for (std::size_t above = depth; above-- > 0;) {
    Part shrunk = path[above];
    --shrunk.size;
    if (shrunk.size < boxed_from_) continue;
    const float* lower = row(shrunk.box);
    if (!touches({lower, lower + width()}, point, dimensions_)) break;
    rebuild(shrunk, store, path.beside);
  }
  return index;
}

// Puts a node and an entry in, below the first `depth` nodes of the path.
void Tree::place(std::size_t node, Node content, std::size_t position, PointIndex point,
                 const Path& path, std::size_t depth) {
  nodes_.insert(nodes_.begin() + static_cast<std::ptrdiff_t>(node), content);
  points_.insert(points_.begin() + static_cast<std::ptrdiff_t>(position), point);
  for (std::size_t above = 0; above < depth; ++above) {
    if (path.left(above)) ++nodes_[path[above].node].left;
  }
  set_scale();
}

void Tree::remove(std::size_t node, std::size_t position, const Path& path,
                  std::size_t depth) noexcept {
  nodes_.erase(nodes_.begin() + static_cast<std::ptrdiff_t>(node));
  points_.erase(points_.begin() + static_cast<std::ptrdiff_t>(position));
  for (std::size_t above = 0; above < depth; ++above) {
    if (path.left(above)) --nodes_[path[above].node].left;
  }
  set_scale();
}

// Puts a box in, for the part at `depth` of the path. All parts above it have boxes.
void Tree::add_box(std::size_t box, std::size_t boxes_left, const Path& path, std::size_t depth) {
  make_room(boxes_, 2 * width());
  make_room(boxes_left_, 1);
  boxes_.insert(boxes_.begin() + static_cast<std::ptrdiff_t>(box * 2 * width()), 2 * width(), 0.0F);
  boxes_left_.insert(boxes_left_.begin() + static_cast<std::ptrdiff_t>(box),
                     static_cast<std::uint16_t>(boxes_left));
  for (std::size_t above = 0; above < depth; ++above) {
    if (path.left(above)) ++boxes_left_[path[above].box];
  }
}

void Tree::drop_box(std::size_t box, const Path& path, std::size_t depth) noexcept {
  const auto first = boxes_.begin() + static_cast<std::ptrdiff_t>(box * 2 * width());
  boxes_.erase(first, first + static_cast<std::ptrdiff_t>(2 * width()));
  boxes_left_.erase(boxes_left_.begin() + static_cast<std::ptrdiff_t>(box));
  for (std::size_t above = 0; above < depth; ++above) {
    if (path.left(above)) --boxes_left_[path[above].box];
  }
}

std::size_t Tree::boxes_in(Part part) const noexcept {
  std::size_t count = 0;
  for (; boxed(part); part = child(part, true)) count += 1 + std::size_t{boxes_left_[part.box]};
  return count;
}

// Finds the kept box of a part anew from those of its children.
void Tree::rebuild(Part part, const PointStore& store, ScratchBox& scratch) noexcept {
  float* lower = row(part.box);
  float* upper = lower + width();
  const BoxView left = box(child(part, false), store, scratch);
  std::copy_n(left.lower, dimensions_, lower);
  std::copy_n(left.upper, dimensions_, upper);
  const Part right = child(part, true);
  if (!boxed(right)) return include_entries(right, store, lower, upper);
  unite({lower, upper}, box(right, store, scratch), lower, upper, dimensions_);
}

BoxView Tree::box(Part part, const PointStore& store, ScratchBox& scratch) const noexcept {
  if (boxed(part)) return {row(part.box), row(part.box) + width()};
  const float* first = store.at(points_[part.first]);
  std::copy_n(first, dimensions_, scratch.lower());
  std::copy_n(first, dimensions_, scratch.upper());
  if (!is_leaf(part)) include_entries(part, store, scratch.lower(), scratch.upper());
  return scratch.view();
}

void Tree::start_around(const float* point, Path& path) const noexcept {
  std::copy_n(point, dimensions_, path.around.lower());
  std::copy_n(point, dimensions_, path.around.upper());
}

// The box of the node at this depth of the path. Requires that path.around is that of the part
// below it, unless the node keeps a box of its own.
BoxView Tree::around(std::size_t depth, const PointStore& store, Path& path) const noexcept {
  const Part part = path[depth];
  if (part.size >= boxed_from_) return {row(part.box), row(part.box) + width()};
  include_entries(sibling(path, depth), store, path.around.lower(), path.around.upper());
  return path.around.view();
}

void Tree::include_entries(Part part, const PointStore& store, float* lower,
                           float* upper) const noexcept {
  const PointIndex* first = points_.data() + part.first;
  enclose(first, first + (is_leaf(part) ? 1 : part.size), store, lower, upper);
}

void Tree::set_scale() noexcept {
  static const std::array<double, 1024> usual = depth_scales<1024>();
  depth_scale_ =
      points_.size() < usual.size() ? usual[points_.size()] : depth_scale_of(points_.size());
}

std::size_t Tree::size_in_bytes() const noexcept {
  return nodes_.capacity() * sizeof(Node) + points_.capacity() * sizeof(PointIndex) +
         boxes_.capacity() * sizeof(float) + boxes_left_.capacity() * sizeof(std::uint16_t);
}

}  // namespace anomalyd
