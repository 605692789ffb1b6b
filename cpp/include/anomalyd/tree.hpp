// One random cut tree over points of a shared store (§4).
//
// Internal nodes live in a flat array of 16-byte records and their bounding boxes in a second one,
// a padded row of lower and upper corners each. Leaves have no record: a reference either names a
// node or, from `leaf_base` upwards, a point. Parents are not stored; whoever climbs has come down
// and kept the path. A point held several times is one leaf with extra copies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "anomalyd/aligned.hpp"
#include "anomalyd/box.hpp"
#include "anomalyd/cut.hpp"
#include "anomalyd/path.hpp"
#include "anomalyd/point_store.hpp"
#include "anomalyd/random.hpp"

namespace anomalyd {

class Tree;

// What a visitor sees of an internal node while it climbs.
class NodeView {
 public:
  NodeView(const Tree& tree, const PointStore& store, NodeRef node, NodeRef below,
           std::size_t depth) noexcept
      : tree_(tree), store_(store), node_(node), below_(below), depth_(depth) {}

  // Distance from the root, which has 0.
  std::size_t depth() const noexcept { return depth_; }
  BoxView box() const noexcept;
  // The box of the child that the query did not go to.
  BoxView sibling_box() const noexcept;

 private:
  const Tree& tree_;
  const PointStore& store_;
  NodeRef node_;
  NodeRef below_;
  std::size_t depth_;
};

class Tree {
 public:
  struct Node {
    NodeRef children[2];  // left: not above the cut; right: above it
    float cut;
    std::uint16_t dimension;
    std::uint16_t mass;

    // Indexed rather than chosen, because a branch here is a coin toss for the processor.
    NodeRef towards(const float* point) const noexcept { return children[point[dimension] > cut]; }
    NodeRef sibling(NodeRef child) const noexcept { return children[children[0] == child]; }
  };

  // An empty tree over points with this many dimensions.
  Tree(std::uint64_t seed, std::size_t dimensions) noexcept;

  // Adds one copy of the point `index` of the store and returns the index that now stands for it:
  // the given one, or that of an equal point which the tree already held.
  PointIndex insert(PointIndex index, const PointStore& store, Path& path);

  // Takes one copy of the point away. Requires that the tree holds this index.
  void erase(PointIndex index, const PointStore& store, Path& path) noexcept;

  // Walks down to the leaf of a point. Requires a non-empty tree.
  NodeRef descend(const float* point, Path& path) const noexcept;

  // Asks for the memory that climbing past this node will read.
  void prefetch(NodeRef ref) const noexcept { __builtin_prefetch(row(ref)); }

  // Shows the visitor the way back from the leaf where the query (padded to width() floats)
  // arrived:
  //   void leaf(const float* point, std::size_t mass, std::size_t depth)
  //   bool node(const NodeView&)     false: nothing further up can change the answer
  template <class Visitor>
  void climb(NodeRef leaf, const PointStore& store, const Path& path, Visitor& visitor) const {
    visitor.leaf(store.at(leaf - leaf_base), mass(leaf), path.size());
    NodeRef below = leaf;
    for (std::size_t depth = path.size(); depth-- > 0;) {
      const NodeRef node = path[depth];
      if (!visitor.node(NodeView(*this, store, node, below, depth))) return;
      below = node;
    }
  }

  // Points held, copies counted.
  std::size_t mass() const noexcept { return mass_; }
  // log2(mass() + 1), kept because every score is multiplied by it.
  double depth_scale() const noexcept { return depth_scale_; }
  bool empty() const noexcept { return mass_ == 0; }
  std::size_t dimensions() const noexcept { return dimensions_; }
  // Floats that a query must have: dimensions() padded with zeros.
  std::size_t width() const noexcept { return width_; }

  // The structure, for visitors and tests.
  NodeRef root() const noexcept { return root_; }
  const Node& node(NodeRef ref) const noexcept { return nodes_[ref]; }
  std::size_t mass(NodeRef ref) const noexcept;
  BoxView box(NodeRef ref, const PointStore& store) const noexcept;
  std::size_t size_in_bytes() const noexcept;

  // For checkpoints (checkpoint_forest.cpp); load() requires a new tree.
  void save(Writer& writer, const PointStore& store) const;
  void load(Reader& reader, const PointStore& store, const std::vector<PointIndex>& sample,
            std::vector<std::uint32_t>& copies);

 private:
  struct Copies {
    PointIndex point;
    std::uint32_t extra;
  };

  void replace_child(NodeRef old_child, NodeRef new_child, const Path& path, std::size_t level);
  void set_mass(std::size_t mass) noexcept;
  NodeRef take_node();
  void free_node(NodeRef ref) noexcept;
  void include(NodeRef ref, const float* point) noexcept;
  float* row(NodeRef ref) noexcept { return boxes_.data() + std::size_t{ref} * 2 * width_; }
  const float* row(NodeRef ref) const noexcept {
    return boxes_.data() + std::size_t{ref} * 2 * width_;
  }
  std::vector<Copies>::iterator copies_of(PointIndex point) noexcept;
  std::vector<Copies>::const_iterator copies_of(PointIndex point) const noexcept;

  std::size_t dimensions_;
  std::size_t width_;
  std::size_t mass_ = 0;
  double depth_scale_ = 0.0;
  NodeRef root_ = 0;
  NodeRef free_;  // first free node, linked through children[0]
  Random random_;
  std::vector<Node> nodes_;
  AlignedVector<float> boxes_;
  std::vector<Copies> copies_;  // sorted by point; only points held more than once
};

inline BoxView NodeView::box() const noexcept { return tree_.box(node_, store_); }

inline BoxView NodeView::sibling_box() const noexcept {
  return tree_.box(tree_.node(node_).sibling(below_), store_);
}

inline BoxView Tree::box(NodeRef ref, const PointStore& store) const noexcept {
  if (is_leaf(ref)) {
    const float* point = store.at(ref - leaf_base);
    return {point, point};
  }
  return {row(ref), row(ref) + width_};
}

inline NodeRef Tree::descend(const float* point, Path& path) const noexcept {
  path.clear();
  NodeRef ref = root_;
  while (!is_leaf(ref)) {
    path.push(ref);
    ref = nodes_[ref].towards(point);
  }
  return ref;
}

}  // namespace anomalyd
