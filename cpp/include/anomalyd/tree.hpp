// One random cut tree over points of a shared store (§4).
//
// A tree without pointers. Its entries (the points of its sample, a point once per copy) stand from
// left to right, so that a subtree is a range of them. Its nodes stand root first, left subtree
// before right: the left child is the next one, and a node that knows how many entries go left
// finds the right one. Inserting and erasing moves what stands behind; at the sizes of a sample
// that costs less than chasing pointers, and neighbours share cache lines.
//
// Boxes are kept, in the order of the nodes, for parts of `boxed_from()` entries and more. Those
// below are found anew from their points, which lie together: they would be most of the memory of a
// model.
//
// Copies of a point stand side by side under nodes that cut nothing (`copies`); together they are
// one leaf.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "anomalyd/aligned.hpp"
#include "anomalyd/box.hpp"
#include "anomalyd/cut.hpp"
#include "anomalyd/path.hpp"
#include "anomalyd/point_store.hpp"
#include "anomalyd/random.hpp"

namespace anomalyd {

class SampleSplit;
class Tree;

// Grows a box until it holds these points, at least one.
void enclose(const PointIndex* first, const PointIndex* last, const PointStore& store, float* lower,
             float* upper) noexcept;

// What a visitor sees of an internal node while it climbs.
class NodeView {
 public:
  NodeView(const Tree& tree, const PointStore& store, BoxView box, Part sibling, std::size_t depth,
           ScratchBox& scratch) noexcept
      : tree_(tree),
        store_(store),
        box_(box),
        sibling_(sibling),
        depth_(depth),
        scratch_(scratch) {}

  // Distance from the root, which has 0.
  std::size_t depth() const noexcept { return depth_; }
  BoxView box() const noexcept { return box_; }
  // The box of the child that the query did not go to.
  BoxView sibling_box() const noexcept;

 private:
  const Tree& tree_;
  const PointStore& store_;
  BoxView box_;
  Part sibling_;
  std::size_t depth_;
  ScratchBox& scratch_;
};

class Tree {
 public:
  static constexpr std::uint16_t copies = 0xFFFF;

  struct Node {
    float cut;
    std::uint16_t dimension;  // or `copies`
    std::uint16_t left;       // entries of the left part: those not above the cut
  };

  struct Inserted {
    std::size_t position;  // among the entries
    bool fresh;            // false: a copy of a point that the tree already held
  };

  // An empty tree over points with this many dimensions.
  Tree(std::uint64_t seed, std::size_t dimensions) noexcept;

  // Adds one copy of the point `index` of the store.
  Inserted insert(PointIndex index, const PointStore& store, Path& path);

  // Takes the entry at this position away. Returns its point if that was the last copy.
  std::optional<PointIndex> erase(std::size_t position, const PointStore& store,
                                  Path& path) noexcept;

  // Walks down to the leaf of a point. Requires a non-empty tree.
  void descend(const float* point, Path& path) const noexcept;

  Part root() const noexcept { return {0, 0, static_cast<std::uint32_t>(points_.size()), 0}; }
  const Node& node(Part part) const noexcept { return nodes_[part.node]; }
  bool is_leaf(Part part) const noexcept {
    return part.size == 1 || nodes_[part.node].dimension == copies;
  }
  Part child(Part part, bool right) const noexcept;
  Part towards(Part part, const float* point) const noexcept {
    const Node& of = nodes_[part.node];
    return child(part, point[of.dimension] > of.cut);
  }
  // Asks for the memory that climbing past this node will read.
  void prefetch(Part part) const noexcept {
    if (part.size >= boxed_from_) prefetch_box(part.box);
  }
  void prefetch_box(std::size_t box) const noexcept {
    anomalyd::prefetch(row(box), 2 * width() * sizeof(float));
  }

  // Asks for what every walk reads first.
  void prefetch_top() const noexcept {
    anomalyd::prefetch(nodes_.data(), 2 * 64);
    anomalyd::prefetch(boxes_left_.data(), 64);
    anomalyd::prefetch(boxes_.data(), 2 * width() * sizeof(float));
  }

  // Asks for what a change may read.
  void prefetch_all() const noexcept {
    anomalyd::prefetch(nodes_.data(), nodes_.size() * sizeof(Node));
    anomalyd::prefetch(points_.data(), points_.size() * sizeof(PointIndex));
    anomalyd::prefetch(boxes_.data(), boxes_.size() * sizeof(float));
  }

  // The entries from which on a part keeps its box. The wider points are, the more a box takes of a
  // model, and the less of a step the finding of one takes.
  std::uint32_t boxed_from() const noexcept { return boxed_from_; }

  // For the walk of score.hpp: the nodes, root first, and per kept box how many the left part has.
  const Node* nodes() const noexcept { return nodes_.data(); }
  std::uint32_t boxes_left(std::size_t box) const noexcept { return boxes_left_[box]; }
  BoxView kept_box(std::size_t box) const noexcept { return {row(box), row(box) + width()}; }

  // Shows the visitor the way back from the leaf where the query (padded to width() floats)
  // arrived:
  //   void leaf(const float* point, std::size_t mass, std::size_t depth)
  //   bool node(const NodeView&)     false: nothing further up can change the answer
  template <class Visitor>
  void climb(const PointStore& store, Path& path, Visitor& visitor) const {
    const Part leaf = path.leaf();
    const float* met = store.at(points_[leaf.first]);
    visitor.leaf(met, leaf.size, path.size());
    start_around(met, path);
    for (std::size_t depth = path.size(); depth-- > 0;) {
      const BoxView box = around(depth, store, path);
      if (!visitor.node({*this, store, box, sibling(path, depth), depth, path.beside})) return;
    }
  }

  // Points held, copies counted.
  std::size_t mass() const noexcept { return points_.size(); }
  // log2(mass() + 1), kept because every score is multiplied by it.
  double depth_scale() const noexcept { return depth_scale_; }
  bool empty() const noexcept { return points_.empty(); }
  std::size_t dimensions() const noexcept { return dimensions_; }
  // Floats that a query must have: dimensions() padded with zeros.
  std::size_t width() const noexcept { return padded(dimensions_); }
  PointIndex point(std::size_t position) const noexcept { return points_[position]; }
  const PointIndex* points() const noexcept { return points_.data(); }
  // The box of a part, written to `scratch` if none is kept.
  BoxView box(Part part, const PointStore& store, ScratchBox& scratch) const noexcept;
  std::size_t size_in_bytes() const noexcept;

  // The store has moved its points: moved[old index] is the new one.
  void renumber(const std::vector<PointIndex>& moved) noexcept {
    for (PointIndex& point : points_) point = moved[point];
  }

  // For checkpoints (checkpoint_forest.cpp); load() requires a new tree and the points of its
  // sample in `split`, which afterwards says where each stands.
  void save(Writer& writer, const PointStore& store) const;
  void load(Reader& reader, const PointStore& store, SampleSplit& split);

 private:
  bool boxed(Part part) const noexcept { return part.size >= boxed_from_ && !is_leaf(part); }
  Part sibling(const Path& path, std::size_t depth) const noexcept {
    return child(path[depth], path.left(depth));
  }
  void start_around(const float* point, Path& path) const noexcept;
  BoxView around(std::size_t depth, const PointStore& store, Path& path) const noexcept;
  void include_entries(Part part, const PointStore& store, float* lower,
                       float* upper) const noexcept;
  void rebuild(Part part, const PointStore& store, ScratchBox& scratch) noexcept;
  void load_boxes(const PointStore& store);
  std::size_t boxes_in(Part part) const noexcept;
  void add_box(std::size_t box, std::size_t boxes_left, const Path& path, std::size_t depth);
  void drop_box(std::size_t box, const Path& path, std::size_t depth) noexcept;
  void place(std::size_t node, Node content, std::size_t position, PointIndex point,
             const Path& path, std::size_t depth);
  void remove(std::size_t node, std::size_t position, const Path& path, std::size_t depth) noexcept;
  void set_scale() noexcept;
  float* row(std::size_t box) noexcept { return boxes_.data() + box * 2 * width(); }
  const float* row(std::size_t box) const noexcept { return boxes_.data() + box * 2 * width(); }

  std::uint32_t dimensions_;
  std::uint32_t boxed_from_;
  double depth_scale_ = 0.0;
  Random random_;
  std::vector<Node> nodes_;
  std::vector<PointIndex> points_;
  AlignedVector<float> boxes_;             // lower and upper corners, padded
  std::vector<std::uint16_t> boxes_left_;  // per box: how many the left part has
};

inline BoxView NodeView::sibling_box() const noexcept {
  return tree_.box(sibling_, store_, scratch_);
}

inline Part Tree::child(Part part, bool right) const noexcept {
  const std::uint32_t left = nodes_[part.node].left;
  const std::uint32_t boxes_left = part.size >= boxed_from_ ? boxes_left_[part.box] : 0;
  // Computed rather than chosen, because a branch here is a coin toss for the processor.
  const std::uint32_t if_right = 0U - static_cast<std::uint32_t>(right);
  return {part.node + 1 + (if_right & (left - 1)), part.first + (if_right & left),
          left + (if_right & (part.size - 2 * left)), part.box + 1 + (if_right & boxes_left)};
}

inline void Tree::descend(const float* point, Path& path) const noexcept {
  path.clear();
  Part part = root();
  while (!is_leaf(part)) {
    path.push(part);
    part = towards(part, point);
  }
  path.arrive(part);
}

}  // namespace anomalyd
