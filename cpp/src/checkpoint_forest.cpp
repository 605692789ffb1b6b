// The part of a checkpoint that is nearly all of it: points, samples and cuts.
//
// The shape of a tree is not stored. Its cuts are, root first and left before right; the sample's
// points are split by each cut as it is read, which gives the shape back. A cut lies between two of
// the points that it splits, so it is stored as its distance from the lowest one among all floats
// up to the highest, in as many bits as that takes.
#include <algorithm>
#include <numeric>

#include "anomalyd/checkpoint_bytes.hpp"
#include "anomalyd/forest.hpp"
#include "sample_split.hpp"

namespace anomalyd {
namespace {

constexpr unsigned mantissa_bits = 23;

std::uint32_t bits_of(float value) noexcept {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

std::uint32_t exponent_of(float value) noexcept { return bits_of(value) >> mantissa_bits & 0xFFU; }

// A step from one point of a sample to the next is near `points` / `size` on average, so that
// Rice's code (1971) with this many low bits is close to the shortest.
unsigned step_bits(std::size_t points, std::size_t size) noexcept {
  const unsigned bits = bits_for(points / size + 1);
  return bits > 0 ? bits - 1 : 0;
}

}  // namespace

// Writes the live blocks, oldest first, and which of them start a point. Their floats as sign,
// mantissa and exponent, which is one of few.
std::vector<std::uint32_t> PointStore::save(Writer& writer) const {
  std::vector<std::uint8_t> marks;
  mark_live(marks);
  const auto count = static_cast<std::size_t>(std::count(marks.begin(), marks.end(), 1));
  writer.value(static_cast<std::uint32_t>(count));
  std::vector<std::uint32_t> numbers(head_, 0);
  if (count == 0) return numbers;
  std::vector<float> values;
  values.reserve(count * features_);
  for (std::size_t block = 0; block < head_; ++block) {
    if (marks[block] == 0) continue;
    const auto first = values_.begin() + static_cast<std::ptrdiff_t>(block * features_);
    values.insert(values.end(), first, first + static_cast<std::ptrdiff_t>(features_));
  }
  std::uint32_t least = 0xFFU;
  std::uint32_t most = 0;
  for (const float value : values) {
    least = std::min(least, exponent_of(value));
    most = std::max(most, exponent_of(value));
  }
  writer.bits(least, 8);
  writer.bits(most, 8);
  const unsigned exponent_bits = bits_for(most - least + 1);
  for (const float value : values) {
    writer.bits(bits_of(value) & ((1U << mantissa_bits) - 1), mantissa_bits);
    writer.bits(bits_of(value) >> 31, 1);
    writer.bits(exponent_of(value) - least, exponent_bits);
  }
  std::uint32_t next = 0;
  for (std::size_t block = 0; block < head_; ++block) {
    if (marks[block] == 0) continue;
    const bool starts = references_[block] > 0;
    writer.bits(starts ? 1 : 0, 1);
    if (starts) numbers[block] = next++;
  }
  writer.align();
  return numbers;
}

// Nobody holds the points yet.
std::vector<PointIndex> PointStore::load(Reader& reader) {
  head_ = reader.count(features_ * 3);  // a float takes three bytes at least
  std::vector<PointIndex> points;
  if (head_ == 0) return points;
  const std::uint32_t least = reader.bits(8);
  const std::uint32_t most = reader.bits(8);
  reader.require(least <= most && most < 0xFFU, "a range of exponents is impossible");
  const unsigned exponent_bits = bits_for(most - least + 1);
  const std::size_t capacity = std::max(head_ + head_ / 8, head_ + shingle_size_);
  values_.reserve(capacity * features_);
  references_.reserve(capacity);
  values_.resize(capacity * features_, 0.0F);
  references_.resize(capacity, 0);
  float* const values = values_.data();
  reader.bits(head_ * features_, mantissa_bits + 1 + exponent_bits,
              [&](std::size_t i, std::uint32_t packed) {
                const std::uint32_t exponent = least + (packed >> (mantissa_bits + 1));
                reader.require(exponent <= most, "an exponent is out of its range");
                const std::uint32_t mantissa = packed & ((1U << mantissa_bits) - 1);
                const std::uint32_t sign = packed >> mantissa_bits & 1U;
                const std::uint32_t bits = sign << 31 | exponent << mantissa_bits | mantissa;
                std::memcpy(values + i, &bits, sizeof(bits));
                reader.require(
                    std::abs(static_cast<double>(values[i])) <= 1.0001 * largest_coordinate,
                    "a coordinate is too large");
              });
  points.resize(head_);
  std::size_t count = 0;
  reader.bits(head_, 1, [&](std::size_t block, std::uint32_t starts) {
    // Written anyway, because a branch here is a coin toss for the processor.
    points[count] = static_cast<PointIndex>(block);
    count += starts;
  });
  points.resize(count);
  reader.require(points.empty() || points.back() + shingle_size_ <= head_,
                 "a point goes on behind the last block");
  reader.align();
  size_ = points.size();
  return points;
}

// `numbers` holds the point of each entry, in the order in which they stand.
void Sampler::save(Writer& writer, const std::vector<std::uint32_t>& numbers,
                   std::size_t points) const {
  Random::state(random_, writer);
  writer.value(static_cast<std::uint32_t>(weights_.size()));
  if (weights_.empty()) return;
  const auto units = [](float weight) {
    return static_cast<std::int64_t>(static_cast<double>(weight) / quantum);
  };
  const auto [least, most] = std::minmax_element(weights_.begin(), weights_.end());
  const auto range = static_cast<std::uint64_t>(units(*most) - units(*least));
  writer.value(units(*least));
  writer.value(range);
  const unsigned weight_bits = bits_for(range + 1);
  const unsigned low_bits = step_bits(points, weights_.size());
  // Copies in the order in which they stand.
  std::vector<std::uint32_t> ascending(weights_.size());
  std::iota(ascending.begin(), ascending.end(), 0U);
  std::stable_sort(ascending.begin(), ascending.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return numbers[a] < numbers[b]; });
  std::uint32_t last = 0;
  for (const std::uint32_t position : ascending) {
    const std::uint32_t step = numbers[position] - last;
    last = numbers[position];
    writer.rice(step, low_bits,
                static_cast<std::uint64_t>(units(weights_[position]) - units(*least)), weight_bits);
  }
  writer.align();
}

void Sampler::load(Reader& reader, std::size_t points, std::size_t capacity,
                   std::vector<std::uint32_t>& numbers) {
  Random::state(random_, reader);
  std::uint32_t size = 0;
  reader.value(size);
  reader.require(size <= capacity, "a sample is larger than the settings allow");
  numbers.clear();
  if (size == 0) return;
  std::int64_t least = 0;
  std::uint64_t range = 0;
  reader.value(least);
  reader.value(range);
  constexpr auto largest_weight = std::int64_t{1} << 60;
  reader.require(-largest_weight <= least && least <= largest_weight &&
                     range <= static_cast<std::uint64_t>(largest_weight),
                 "a range of weights is impossible");
  reader.require(points > 0, "a sample has no points");
  const unsigned weight_bits = bits_for(range + 1);
  const unsigned low_bits = step_bits(points, size);
  numbers.resize(size);
  weights_.resize(size);
  Reader local = reader;  // nothing that is written below can be a part of it
  std::uint32_t last = 0;
  for (std::uint32_t i = 0; i < size; ++i) {
    std::uint64_t offset = 0;
    last += local.rice(low_bits, (points - 1) >> low_bits, weight_bits, offset);
    local.require(last < points, "a sample holds an unknown point");
    local.require(offset <= range, "a weight is out of its range");
    numbers[i] = last;
    weights_[i] = static_cast<float>(
        static_cast<double>(least + static_cast<std::int64_t>(offset)) * quantum);
  }
  reader = local;
  reader.align();
}

void Sampler::arrange(const std::vector<std::uint32_t>& order) {
  std::vector<float> arranged;
  arranged.reserve(weights_.size());
  for (const std::uint32_t from : order) arranged.push_back(weights_[from]);
  weights_ = std::move(arranged);
}

void Tree::save(Writer& writer, const PointStore& store) const {
  Random::state(random_, writer);
  const unsigned dimension_bits = bits_for(dimensions_);
  ScratchBox scratch(dimensions_);
  std::vector<Part> waiting;
  if (!empty()) waiting.push_back(root());
  while (!waiting.empty()) {
    const Part part = waiting.back();
    waiting.pop_back();
    if (is_leaf(part)) continue;
    const Node& of = node(part);
    const BoxView around = box(part, store, scratch);
    const std::uint32_t lowest = ordered_bits(around.lower[of.dimension]);
    const std::uint32_t highest = ordered_bits(around.upper[of.dimension]);
    writer.bits(of.dimension, dimension_bits);
    writer.bits(ordered_bits(of.cut) - lowest, bits_for(highest - lowest));
    waiting.push_back(child(part, true));
    waiting.push_back(child(part, false));
  }
  writer.align();
}

void Tree::load(Reader& reader, const PointStore& store, SampleSplit& split) {
  Random::state(random_, reader);
  nodes_ = split.read(reader, store);
  reader.align();
  if (split.sample.empty()) return;
  points_.reserve(split.order.size());
  for (const std::uint32_t number : split.order) points_.push_back(split.sample[number]);
  set_scale();
  load_boxes(store);
}

// The boxes of a tree that has all but them.
void Tree::load_boxes(const PointStore& store) {
  std::vector<Part> parts;  // with boxes, in their order
  std::vector<Part> waiting{root()};
  // Without boxes yet, child() would not know theirs.
  while (!waiting.empty()) {
    Part part = waiting.back();
    waiting.pop_back();
    if (!boxed(part)) continue;
    const std::uint32_t left = nodes_[part.node].left;
    part.box = static_cast<std::uint32_t>(parts.size());
    parts.push_back(part);
    waiting.push_back({part.node + left, part.first + left, part.size - left, 0});
    waiting.push_back({part.node + 1, part.first, left, 0});
  }
  boxes_.resize(parts.size() * 2 * width(), 0.0F);
  boxes_left_.resize(parts.size(), 0);
  ScratchBox scratch(dimensions_);
  // Children stand behind their parents, so backwards is bottom up.
  for (std::size_t i = parts.size(); i-- > 0;) {
    const Part part = parts[i];
    const std::uint32_t left = nodes_[part.node].left;
    const Part first{part.node + 1, part.first, left, part.box + 1};
    boxes_left_[i] = static_cast<std::uint16_t>(boxes_in(first));
    rebuild(part, store, scratch);
  }
}

void Forest::save(Writer& writer) const {
  writer.value(updates_);
  const std::vector<std::uint32_t> number_of = store_.save(writer);
  std::vector<std::uint32_t> numbers;
  for (std::size_t i = 0; i < trees_.size(); ++i) {
    numbers.clear();
    for (std::size_t at = 0; at < trees_[i].mass(); ++at) {
      numbers.push_back(number_of[trees_[i].point(at)]);
    }
    samplers_[i].save(writer, numbers, store_.size());
    trees_[i].save(writer, store_);
  }
}

void Forest::load(Reader& reader) {
  reader.value(updates_);
  reader.require(0 <= updates_ && updates_ <= most_inputs, "an impossible number of updates");
  const std::vector<PointIndex> points = store_.load(reader);
  SampleSplit split;
  for (std::size_t i = 0; i < trees_.size(); ++i) {
    samplers_[i].load(reader, points.size(), sampling_.capacity, split.sample);
    PointIndex last = 0;
    for (std::size_t at = 0; at < split.sample.size(); ++at) {
      PointIndex& point = split.sample[at];
      point = points[point];
      if (at == 0 || point != last) store_.retain(point);
      last = point;
    }
    trees_[i].load(reader, store_, split);
    samplers_[i].arrange(split.order);
  }
  for (const PointIndex point : points) {
    reader.require(store_.references(point) > 0, "a point is in no sample");
  }
}

}  // namespace anomalyd
