#include "anomalyd/impute.hpp"

#include <cmath>

#include "anomalyd/visitor.hpp"

namespace anomalyd {
namespace {

struct Candidate {
  PointIndex leaf;
  double rank;  // the score of the completed query so far; the smaller, the likelier
  bool inside;  // a box on the way contained it: ancestors change nothing
};

class Search {
 public:
  Search(const Tree& tree, const PointStore& store, const float* query,
         const std::vector<bool>& missing, ScratchBox& scratch) noexcept
      : tree_(tree), store_(store), query_(query), missing_(missing), scratch_(scratch) {}

  Candidate best(Part part, std::size_t depth) const noexcept {
    if (tree_.is_leaf(part)) return at_leaf(part, depth);
    Candidate found{};
    if (missing_[tree_.node(part).dimension]) {
      const Candidate left = best(tree_.child(part, false), depth + 1);
      const Candidate right = best(tree_.child(part, true), depth + 1);
      found = right.rank < left.rank ? right : left;
    } else {
      found = best(tree_.towards(part, query_), depth + 1);
    }
    if (found.inside) return found;
    const double separation = known_extent(tree_.box(part, store_, scratch_)).separation();
    if (separation <= 0.0) {
      found.inside = true;
    } else {
      found.rank = separation * unseen_score(depth) + (1.0 - separation) * found.rank;
    }
    return found;
  }

 private:
  Candidate at_leaf(Part leaf, std::size_t depth) const noexcept {
    const PointIndex point = tree_.point(leaf.first);
    if (known_extent({store_.at(point), store_.at(point)}).outside > 0.0) {
      return {point, unseen_score(depth), false};
    }
    return {point, depth == 0 ? 0.0 : seen_score(depth, leaf.size), true};
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
  ScratchBox& scratch_;
};

}  // namespace

PointIndex likeliest_leaf(const Tree& tree, const PointStore& store, const float* query,
                          const std::vector<bool>& missing, ScratchBox& scratch) noexcept {
  return Search(tree, store, query, missing, scratch).best(tree.root(), 0).leaf;
}

}  // namespace anomalyd
