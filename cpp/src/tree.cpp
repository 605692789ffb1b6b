#include "anomalyd/tree.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace anomalyd {
namespace {

template <class Iterator>
Iterator lower_bound_by_point(Iterator first, Iterator last, PointIndex point) noexcept {
  return std::lower_bound(first, last, point,
                          [](const auto& entry, PointIndex key) { return entry.point < key; });
}

}  // namespace

Tree::Tree(std::uint64_t seed, std::size_t dimensions) noexcept
    : dimensions_(dimensions), width_(padded(dimensions)), free_(no_node), random_(seed) {}

PointIndex Tree::insert(PointIndex index, const PointStore& store, Path& path) {
  const NodeRef leaf = leaf_base + index;
  if (empty()) {
    root_ = leaf;
    set_mass(1);
    return index;
  }
  const float* point = store.at(index);
  const NodeRef met = descend(point, path);
  const float* met_point = store.at(met - leaf_base);
  if (std::equal(point, point + dimensions_, met_point)) {
    const auto copies = copies_of(met - leaf_base);
    if (copies != copies_.end() && copies->point == met - leaf_base) {
      ++copies->extra;
    } else {
      copies_.insert(copies, {met - leaf_base, 1});
    }
    for (const NodeRef ref : path) ++nodes_[ref].mass;
    set_mass(mass_ + 1);
    return met - leaf_base;
  }

  // Up again while the boxes leave the point outside: each draws its own cut, and the highest cut
  // that parts the point from a box is where the tree splits. Two distinct points are always
  // parted.
  std::size_t level = path.size();
  Cut cut = random_cut({met_point, met_point}, point, dimensions_, random_);
  std::size_t inside = 0;  // levels above this one already contain the point
  for (std::size_t depth = path.size(); depth-- > 0;) {
    const BoxView box = this->box(path[depth], store);
    if (contains(box, point, dimensions_)) {
      inside = depth + 1;
      break;
    }
    const Cut drawn = random_cut(box, point, dimensions_, random_);
    if (separates(drawn, box, point)) {
      cut = drawn;
      level = depth;
    }
  }

  const NodeRef below = level == path.size() ? met : path[level];
  const NodeRef fresh = take_node();
  const bool goes_left = cut.left(point);
  nodes_[fresh] = {{goes_left ? leaf : below, goes_left ? below : leaf},
                   cut.value,
                   cut.dimension,
                   static_cast<std::uint16_t>(mass(below) + 1)};
  unite(box(below, store), {point, point}, row(fresh), row(fresh) + width_, dimensions_);
  replace_child(below, fresh, path, level);
  for (std::size_t depth = 0; depth < level; ++depth) {
    ++nodes_[path[depth]].mass;
    if (depth >= inside) include(path[depth], point);
  }
  set_mass(mass_ + 1);
  return index;
}

void Tree::erase(PointIndex index, const PointStore& store, Path& path) noexcept {
  const float* point = store.at(index);
  const NodeRef leaf = descend(point, path);
  for (const NodeRef ref : path) --nodes_[ref].mass;
  set_mass(mass_ - 1);

  const auto copies = copies_of(index);
  if (copies != copies_.end() && copies->point == index) {
    if (--copies->extra == 0) copies_.erase(copies);
    return;
  }
  if (path.empty()) return;

  const NodeRef parent = path.back();
  const NodeRef sibling = nodes_[parent].sibling(leaf);
  replace_child(parent, sibling, path, path.size() - 1);
  free_node(parent);
  for (std::size_t depth = path.size() - 1; depth-- > 0;) {
    const NodeRef ref = path[depth];
    if (!touches(box(ref, store), point, dimensions_)) return;
    const Node& node = nodes_[ref];
    unite(box(node.children[0], store), box(node.children[1], store), row(ref), row(ref) + width_,
          dimensions_);
  }
}

// `old_child` stands at `level` of the path: the root, or a child of the node above.
void Tree::replace_child(NodeRef old_child, NodeRef new_child, const Path& path,
                         std::size_t level) {
  if (level == 0) {
    root_ = new_child;
    return;
  }
  Node& parent = nodes_[path[level - 1]];
  parent.children[parent.children[0] != old_child] = new_child;
}

void Tree::set_mass(std::size_t mass) noexcept {
  mass_ = mass;
  depth_scale_ = std::log2(static_cast<double>(mass) + 1.0);
}

std::size_t Tree::mass(NodeRef ref) const noexcept {
  if (!is_leaf(ref)) return nodes_[ref].mass;
  const auto copies = copies_of(ref - leaf_base);
  const bool repeated = copies != copies_.end() && copies->point == ref - leaf_base;
  return repeated ? 1 + std::size_t{copies->extra} : 1;
}

NodeRef Tree::take_node() {
  if (free_ == no_node) {
    nodes_.push_back({});
    boxes_.resize(boxes_.size() + 2 * width_, 0.0F);
    return static_cast<NodeRef>(nodes_.size() - 1);
  }
  const NodeRef ref = free_;
  free_ = nodes_[ref].children[0];
  return ref;
}

void Tree::free_node(NodeRef ref) noexcept {
  nodes_[ref].children[0] = free_;
  free_ = ref;
}

void Tree::include(NodeRef ref, const float* point) noexcept {
  float* lower = row(ref);
  unite({lower, lower + width_}, {point, point}, lower, lower + width_, dimensions_);
}

std::vector<Tree::Copies>::iterator Tree::copies_of(PointIndex point) noexcept {
  return lower_bound_by_point(copies_.begin(), copies_.end(), point);
}

std::vector<Tree::Copies>::const_iterator Tree::copies_of(PointIndex point) const noexcept {
  return lower_bound_by_point(copies_.begin(), copies_.end(), point);
}

std::size_t Tree::size_in_bytes() const noexcept {
  return nodes_.capacity() * sizeof(Node) + boxes_.capacity() * sizeof(float) +
         copies_.capacity() * sizeof(Copies);
}

}  // namespace anomalyd
