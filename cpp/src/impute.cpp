#include "anomalyd/impute.hpp"

#include <cmath>

#include "anomalyd/visitor.hpp"

namespace anomalyd {
namespace {

struct Candidate {
  NodeRef leaf;
  double rank;  // the score of the completed query so far; the smaller, the likelier
  bool inside;  // a box on the way contained it: ancestors change nothing
};

class Search {
 public:
  Search(const Tree& tree, const PointStore& store, const float* query,
         const std::vector<bool>& missing) noexcept
      : tree_(tree), store_(store), query_(query), missing_(missing) {}

  Candidate best(NodeRef ref, std::size_t depth) const noexcept {
    if (is_leaf(ref)) return at_leaf(ref, depth);
    const Tree::Node& node = tree_.node(ref);
    Candidate found{};
    if (missing_[node.dimension]) {
      const Candidate left = best(node.children[0], depth + 1);
      const Candidate right = best(node.children[1], depth + 1);
      found = right.rank < left.rank ? right : left;
    } else {
      found = best(node.towards(query_), depth + 1);
    }
    if (found.inside) return found;
    const double separation = known_extent(tree_.box(ref, store_)).separation();
    if (separation <= 0.0) {
      found.inside = true;
    } else {
      found.rank = separation * unseen_score(depth) + (1.0 - separation) * found.rank;
    }
    return found;
  }

 private:
  Candidate at_leaf(NodeRef leaf, std::size_t depth) const noexcept {
    if (known_extent(tree_.box(leaf, store_)).outside > 0.0) {
      return {leaf, unseen_score(depth), false};
    }
    return {leaf, depth == 0 ? 0.0 : seen_score(depth, tree_.mass(leaf)), true};
  }

  // A missing coordinate is filled from a leaf below, so it never lies outside a box.
  Extent known_extent(BoxView box) const noexcept {
    Extent extent{0.0, 0.0};
    for (std::size_t i = 0; i < missing_.size(); ++i) {
      extent.range += static_cast<double>(box.upper[i] - box.lower[i]);
      if (missing_[i]) continue;
      const float beyond = std::max(box.lower[i] - query_[i], query_[i] - box.upper[i]);
      extent.outside += static_cast<double>(std::max(0.0F, beyond));
    }
    return extent;
  }

  const Tree& tree_;
  const PointStore& store_;
  const float* query_;
  const std::vector<bool>& missing_;
};

}  // namespace

PointIndex likeliest_leaf(const Tree& tree, const PointStore& store, const float* query,
                          const std::vector<bool>& missing) noexcept {
  return Search(tree, store, query, missing).best(tree.root(), 0).leaf - leaf_base;
}

}  // namespace anomalyd
