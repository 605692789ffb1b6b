// The way from a root down to a leaf.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace anomalyd {

// A node number, or leaf_base + the point index of a leaf.
using NodeRef = std::uint32_t;
constexpr NodeRef leaf_base = 0x80000000U;
constexpr NodeRef no_node = leaf_base - 1;
constexpr bool is_leaf(NodeRef ref) noexcept { return ref >= leaf_base; }

// The internal nodes passed on the way, root first. A tree of n points has at most n - 1 of them,
// so that a path of that capacity, one per thread, serves all trees and never allocates.
class Path {
 public:
  explicit Path(std::size_t capacity) : nodes_(capacity) {}

  void clear() noexcept { size_ = 0; }
  // Requires room.
  void push(NodeRef node) noexcept { nodes_[size_++] = node; }

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  NodeRef operator[](std::size_t depth) const noexcept { return nodes_[depth]; }
  NodeRef back() const noexcept { return nodes_[size_ - 1]; }
  const NodeRef* begin() const noexcept { return nodes_.data(); }
  const NodeRef* end() const noexcept { return nodes_.data() + size_; }

 private:
  std::vector<NodeRef> nodes_;
  std::size_t size_ = 0;
};

}  // namespace anomalyd
