// Which coordinates a score comes from, and in which direction (§5).
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include "anomalyd/tree.hpp"
#include "anomalyd/visitor.hpp"

namespace anomalyd {

// A score split over the coordinates of a point: high[i] for being above what is usual there,
// low[i] for being below. All parts together are the score.
struct Attribution {
  explicit Attribution(std::size_t dimensions) : high(dimensions, 0.0), low(dimensions, 0.0) {}

  double at(std::size_t i) const noexcept { return high[i] + low[i]; }
  double total() const noexcept {
    return std::accumulate(high.begin(), high.end(), 0.0) +
           std::accumulate(low.begin(), low.end(), 0.0);
  }
  void clear() noexcept {
    std::fill(high.begin(), high.end(), 0.0);
    std::fill(low.begin(), low.end(), 0.0);
  }
  void scale(double factor) noexcept {
    for (double& part : high) part *= factor;
    for (double& part : low) part *= factor;
  }

  std::vector<double> high;
  std::vector<double> low;
};

// The score visitor's walk with the score kept in parts. `parts` and `shadow` are scratch that the
// caller lends.
//
// A query equal to its leaf has no direction there. It is explained as if the leaf were not in the
// tree: the boxes it is measured against are unions of the siblings passed so far, and the parts
// are scaled to the score in the end.
class AttributionVisitor {
 public:
  AttributionVisitor(const Tree& tree, const float* query, Attribution& parts,
                     ScratchBox& shadow) noexcept
      : tree_(tree), query_(query), parts_(parts), shadow_(shadow) {}

  void leaf(const float* point, std::size_t mass, std::size_t depth) noexcept {
    const std::size_t dimensions = tree_.dimensions();
    double distance = 0.0;
    for (std::size_t i = 0; i < dimensions; ++i) {
      const double difference = static_cast<double>(query_[i]) - static_cast<double>(point[i]);
      parts_.high[i] = std::max(0.0, difference);
      parts_.low[i] = std::max(0.0, -difference);
      distance += std::abs(difference);
    }
    if (distance > 0.0) {
      parts_.scale(unseen_score(depth) / distance);
      return;
    }
    seen_ = damp(mass, tree_.mass()) * seen_score(depth, mass);
    const double share = seen_ / (2.0 * static_cast<double>(dimensions));
    std::fill(parts_.high.begin(), parts_.high.end(), share);
    std::fill(parts_.low.begin(), parts_.low.end(), share);
  }

  bool node(const NodeView& node) noexcept {
    const BoxView box = seen_ > 0.0 ? without_leaf(node) : node.box();
    const Extent extent = measure(box, query_, tree_.width());
    if (extent.outside <= 0.0) return false;
    const double all = extent.range + extent.outside;
    const double keep = 1.0 - extent.outside / all;
    const double weight = unseen_score(node.depth()) / all;
    // One array at a time, so that the compiler need not ask whether they are the same.
    const std::size_t dimensions = tree_.dimensions();
    double* part = parts_.high.data();
    for (std::size_t i = 0; i < dimensions; ++i) part[i] = above(box, i) * weight + keep * part[i];
    part = parts_.low.data();
    for (std::size_t i = 0; i < dimensions; ++i) part[i] = below(box, i) * weight + keep * part[i];
    return true;
  }

  // Completes the parts, whose total is then the score visitor's result.
  void finish() noexcept {
    const double correction = seen_ > 0.0 ? seen_ / parts_.total() : 1.0;
    parts_.scale(correction * tree_.depth_scale());
  }

 private:
  double above(BoxView box, std::size_t i) const noexcept {
    return static_cast<double>(std::max(0.0F, query_[i] - box.upper[i]));
  }
  double below(BoxView box, std::size_t i) const noexcept {
    return static_cast<double>(std::max(0.0F, box.lower[i] - query_[i]));
  }

  BoxView without_leaf(const NodeView& node) noexcept {
    const std::size_t dimensions = tree_.dimensions();
    const BoxView sibling = node.sibling_box();
    unite(shadow_started_ ? shadow_.view() : sibling, sibling, shadow_.lower(), shadow_.upper(),
          dimensions);
    shadow_started_ = true;
    return shadow_.view();
  }

  const Tree& tree_;
  const float* query_;
  Attribution& parts_;
  ScratchBox& shadow_;
  double seen_ = 0.0;
  bool shadow_started_ = false;
};

}  // namespace anomalyd
