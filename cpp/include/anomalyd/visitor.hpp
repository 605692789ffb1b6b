// What is asked of a tree, seen from the leaf of a query back to the root (§5).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "anomalyd/tree.hpp"

namespace anomalyd {

// The score of a point that the tree has seen, at this depth with this many copies.
inline double seen_score(std::size_t depth, std::size_t mass) noexcept {
  return 1.0 / (static_cast<double>(depth) + std::log2(static_cast<double>(mass) + 1.0));
}

namespace detail {

// 1, 1/2, 1/3 ...
template <std::size_t count>
constexpr std::array<double, count> reciprocals() noexcept {
  std::array<double, count> values{};
  for (std::size_t i = 0; i < count; ++i) values[i] = 1.0 / (static_cast<double>(i) + 1.0);
  return values;
}

}  // namespace detail

// The score of a point that leaves the tree at this depth.
inline double unseen_score(std::size_t depth) noexcept {
  static constexpr std::array<double, 64> usual = detail::reciprocals<64>();
  return depth < usual.size() ? usual[depth] : 1.0 / (static_cast<double>(depth) + 1.0);
}

// Mutes the score of a point that makes up much of the tree.
inline double damp(std::size_t leaf_mass, std::size_t tree_mass) noexcept {
  return 1.0 - static_cast<double>(leaf_mass) / (2.0 * static_cast<double>(tree_mass));
}

// Expected inverse depth of the query, had it been inserted: high where few cuts isolate it.
class ScoreVisitor {
 public:
  ScoreVisitor(const Tree& tree, const float* query) noexcept : tree_(tree), query_(query) {}

  void leaf(const float* point, std::size_t mass, std::size_t depth) noexcept {
    inside_ = std::equal(point, point + tree_.dimensions(), query_);
    score_ = inside_ ? damp(mass, tree_.mass()) * seen_score(depth, mass) : unseen_score(depth);
  }

  bool node(const NodeView& node) noexcept {
    if (inside_) return false;
    const double separation = measure(node.box(), query_, tree_.width()).separation();
    // Boxes are nested: once inside, inside all the way up.
    if (separation <= 0.0) return false;
    score_ = separation * unseen_score(node.depth()) + (1.0 - separation) * score_;
    return true;
  }

  // Between 0 and log2(mass + 1); about 0.5 to 1 for a usual point.
  double result() const noexcept { return score_ * tree_.depth_scale(); }

 private:
  const Tree& tree_;
  const float* query_;
  double score_ = 0.0;
  bool inside_ = false;
};

}  // namespace anomalyd
