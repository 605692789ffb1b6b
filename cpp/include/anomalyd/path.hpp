// The way from a root down to a leaf, and the boxes that the way back needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "anomalyd/aligned.hpp"
#include "anomalyd/box.hpp"

namespace anomalyd {

// A subtree: where its root stands among the nodes, which of the entries it has, and where the box
// of its root stands, if it has one (tree.hpp).
struct Part {
  std::uint32_t node;
  std::uint32_t first;
  std::uint32_t size;
  std::uint32_t box;
};

// A box to write to, padded with zeros.
class ScratchBox {
 public:
  explicit ScratchBox(std::size_t dimensions)
      : width_(padded(dimensions)), corners_(2 * width_, 0.0F) {}

  float* lower() noexcept { return corners_.data(); }
  float* upper() noexcept { return corners_.data() + width_; }
  BoxView view() const noexcept { return {corners_.data(), corners_.data() + width_}; }

 private:
  std::size_t width_;
  AlignedVector<float> corners_;
};

// The nodes passed on the way, root first, and the leaf. A tree of n entries has at most n - 1
// nodes, so that a path of that capacity, one per thread, serves all trees and never allocates.
class Path {
 public:
  Path(std::size_t capacity, std::size_t dimensions)
      : around(dimensions), beside(dimensions), parts_(capacity) {}

  void clear() noexcept { size_ = 0; }
  // Requires room.
  void push(Part node) noexcept { parts_[size_++] = node; }
  void arrive(Part leaf) noexcept { parts_[size_] = leaf; }

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  // The node at this depth; at size(), the leaf.
  const Part& operator[](std::size_t depth) const noexcept { return parts_[depth]; }
  const Part& leaf() const noexcept { return parts_[size_]; }
  // Whether the way goes to the left child of the node at this depth.
  bool left(std::size_t depth) const noexcept {
    return parts_[depth + 1].first == parts_[depth].first;
  }

  ScratchBox around;  // the box of the part that has been climbed to
  ScratchBox beside;  // that of a sibling

 private:
  std::vector<Part> parts_;
  std::size_t size_ = 0;
};

}  // namespace anomalyd
