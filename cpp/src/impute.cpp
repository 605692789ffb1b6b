#include "anomalyd/impute.hpp"

#include <algorithm>

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
  Search(const Tree& tree, const PointStore& store, float* query, const std::vector<bool>& missing,
         const std::vector<std::size_t>& unknown, ScratchBox& scratch) noexcept
      : tree_(tree),
        store_(store),
        query_(query),
        missing_(missing),
        unknown_(unknown),
        scratch_(scratch) {}

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
    const BoxView box = tree_.box(part, store_, scratch_);
    complete_by(box.lower);
    const double separation = measure(box, query_, tree_.width()).separation();
    if (separation <= 0.0) {
      found.inside = true;
    } else {
      found.rank = separation * unseen_score(depth) + (1.0 - separation) * found.rank;
    }
    return found;
  }

 private:
  Candidate at_leaf(Part leaf, std::size_t depth) const noexcept {
    const PointIndex index = tree_.point(leaf.first);
    const float* point = store_.at(index);
    complete_by(point);
    if (!std::equal(point, point + tree_.dimensions(), query_)) {
      return {index, unseen_score(depth), false};
    }
    return {index, depth == 0 ? 0.0 : seen_score(depth, leaf.size), true};
  }

  // A missing coordinate is filled from a leaf below, so it never lies outside a box.
  void complete_by(const float* within) const noexcept {
    for (const std::size_t i : unknown_) query_[i] = within[i];
  }

  const Tree& tree_;
  const PointStore& store_;
  float* query_;
  const std::vector<bool>& missing_;
  const std::vector<std::size_t>& unknown_;
  ScratchBox& scratch_;
};

}  // namespace

PointIndex likeliest_leaf(const Tree& tree, const PointStore& store, float* query,
                          const std::vector<bool>& missing, const std::vector<std::size_t>& unknown,
                          ScratchBox& scratch) noexcept {
  return Search(tree, store, query, missing, unknown, scratch).best(tree.root(), 0).leaf;
}

}  // namespace anomalyd
