#include "sample_split.hpp"

#include <algorithm>
#include <numeric>

#include "sample_split_kernel.hpp"
#include "sample_split_wide.hpp"

namespace anomalyd {
namespace {

struct PortableSplit {
  const PointStore& store;
  const PointIndex* sample;
  std::uint32_t* order;
  float* coordinates;
  std::uint32_t* above;

  PortableSplit(const PointStore& of, SampleSplit& split) noexcept
      : store(of),
        sample(split.sample.data()),
        order(split.order.data()),
        coordinates(split.coordinates.data()),
        above(split.above.data()) {}

  Bounds along(SampleSplit::Range of, std::uint32_t dimension) noexcept {
    const std::uint32_t* const part = order + of.first;
    const std::size_t size = of.size;
    for (std::size_t i = 0; i < size; ++i) {
      coordinates[i] = store.at(sample[part[i]])[dimension];
    }
    Bounds bounds{coordinates[0], coordinates[0]};
    std::size_t i = 0;
    if (size >= lanes) {
      detail::FloatLanes low = detail::load(coordinates);
      detail::FloatLanes high = low;
      for (i = lanes; i + lanes <= size; i += lanes) {
        const detail::FloatLanes next = detail::load(coordinates + i);
        low = detail::least(low, next);
        high = detail::most(high, next);
      }
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        bounds.least = std::min(bounds.least, low[lane]);
        bounds.most = std::max(bounds.most, high[lane]);
      }
    }
    for (; i < size; ++i) {
      bounds.least = std::min(bounds.least, coordinates[i]);
      bounds.most = std::max(bounds.most, coordinates[i]);
    }
    return bounds;
  }

  std::size_t cut(SampleSplit::Range of, float cut) noexcept {
    std::uint32_t* const part = order + of.first;
    // Written to both sides, because a branch here is a coin toss for the processor.
    std::size_t left = 0;
    std::size_t right = 0;
    for (std::size_t i = 0; i < of.size; ++i) {
      const std::uint32_t number = part[i];
      const std::size_t goes_right = coordinates[i] > cut ? 1 : 0;
      part[left] = number;
      above[right] = number;
      left += 1 - goes_right;
      right += goes_right;
    }
    std::copy_n(above, right, part + left);
    return left;
  }
};

}  // namespace

std::vector<Tree::Node> SampleSplit::read(Reader& reader, const PointStore& store) {
#if ANOMALYD_WIDE
  if (is_wide() && store.floats() < most_wide_floats) {
    return read_by(reader, store, wide_read_cuts);
  }
#endif
  return read_portably(reader, store);
}

std::vector<Tree::Node> SampleSplit::read_portably(Reader& reader, const PointStore& store) {
  return read_by(reader, store, read_cuts<PortableSplit>);
}

std::vector<Tree::Node> SampleSplit::read_by(Reader& reader, const PointStore& store, Cuts* cuts) {
  const std::size_t size = sample.size();
  std::vector<Tree::Node> nodes(size == 0 ? 0 : size - 1);
  order.assign(size + padding, 0);
  std::iota(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(size), 0U);
  coordinates.resize(size + padding);
  above.resize(size + padding);
  waiting.resize(size + 2);
  cuts(reader, store, *this, nodes.data());
  order.resize(size);
  return nodes;
}

}  // namespace anomalyd
