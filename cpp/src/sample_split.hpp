// Where the points of a sample stand in its tree: found by splitting them by the tree's cuts, which
// a checkpoint holds root first and left before right. Most of the time of a restore.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "anomalyd/checkpoint_bytes.hpp"
#include "anomalyd/tree.hpp"

namespace anomalyd {

// Kept from one tree to the next, so that a restore seldom allocates.
class SampleSplit {
 public:
  // The points of the sample in ascending order, a point once per copy.
  std::vector<PointIndex> sample;
  // Afterwards, per position in the tree: which of them stands there.
  std::vector<std::uint32_t> order;

  // Reads the cuts and returns the nodes. Throws CheckpointError for what is no tree of the sample.
  std::vector<Tree::Node> read(Reader& reader, const PointStore& store);
  // The same by instructions that every processor has.
  std::vector<Tree::Node> read_portably(Reader& reader, const PointStore& store);

  // For the ways to do it (sample_split_kernel.hpp).
  struct Range {
    std::uint32_t first;
    std::uint32_t size;
  };
  // A register may be read and written behind the last entry.
  static constexpr std::size_t padding = 8;

  std::vector<float> coordinates;      // of the part, along the dimension of its cut
  std::vector<std::uint32_t> above;    // what goes right
  std::vector<std::uint64_t> waiting;  // parts that are not split yet
  // Wide only: the first float of what stands there, and those of what goes right.
  std::vector<std::uint32_t> starts;
  std::vector<std::uint32_t> starts_above;

 private:
  using Cuts = void(Reader& reader, const PointStore& store, SampleSplit& split, Tree::Node* nodes);
  std::vector<Tree::Node> read_by(Reader& reader, const PointStore& store, Cuts* cuts);
};

}  // namespace anomalyd
