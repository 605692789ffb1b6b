// The part of a checkpoint that is nearly all of it: points, samples and cuts.
//
// The shape of a tree is not stored. Its cuts are, root first and left before right; the sampler's
// points are split by each cut as it is read, which gives the shape back. A cut lies between two of
// the points that it splits, so it is stored as its distance from the lowest one among all floats
// up to the highest, in as many bits as that takes.
#include <algorithm>

#include "anomalyd/checkpoint_bytes.hpp"
#include "anomalyd/forest.hpp"

namespace anomalyd {

// Writes the live blocks, oldest first, and which of them start a point. Returns per index the
// number of its point in that order. The newest shingle is kept as well: the next point continues
// it.
std::vector<std::uint32_t> PointStore::save(Writer& writer) const {
  constexpr std::uint8_t live = 1;
  constexpr std::uint8_t start = 2;
  std::vector<std::uint8_t> marks(head_, 0);
  const auto mark = [&](std::size_t first) {
    for (std::size_t i = 0; i < shingle_size_; ++i) marks[first + i] |= live;
  };
  for (std::size_t index = 0; index < blocks_.size(); ++index) {
    if (references_[index] == 0) continue;
    mark(blocks_[index]);
    marks[blocks_[index]] |= start;
  }
  if (head_ >= shingle_size_) mark(head_ - shingle_size_);

  const auto count =
      std::count_if(marks.begin(), marks.end(), [](std::uint8_t of) { return of != 0; });
  writer.value(static_cast<std::uint32_t>(count));
  for (std::size_t block = 0; block < head_; ++block) {
    if (marks[block] == 0) continue;
    for (std::size_t i = 0; i < features_; ++i) writer.value(values_[block * features_ + i]);
  }
  std::vector<std::uint32_t> number_of_block(head_, 0);
  std::uint32_t next = 0;
  for (std::size_t block = 0; block < head_; ++block) {
    if (marks[block] == 0) continue;
    const bool starts = (marks[block] & start) != 0;
    writer.bits(starts ? 1 : 0, 1);
    if (starts) number_of_block[block] = next++;
  }
  writer.align();

  std::vector<std::uint32_t> numbers(blocks_.size(), 0);
  for (std::size_t index = 0; index < blocks_.size(); ++index) {
    if (references_[index] > 0) numbers[index] = number_of_block[blocks_[index]];
  }
  return numbers;
}

// Nobody holds the points yet.
void PointStore::load(Reader& reader) {
  head_ = reader.count(features_ * sizeof(float));
  values_.resize(head_ * features_);
  reader.values(values_);
  for (std::size_t block = 0; block < head_; ++block) {
    if (reader.bits(1) == 0) continue;
    reader.require(block + shingle_size_ <= head_, "a point goes on behind the last block");
    blocks_.push_back(static_cast<std::uint32_t>(block));
  }
  reader.align();
  references_.assign(blocks_.size(), 0);
  size_ = blocks_.size();
}

void Sampler::save(Writer& writer, const std::vector<std::uint32_t>& numbers,
                   std::size_t points) const {
  Random::state(random_, writer);
  writer.value(static_cast<std::uint32_t>(entries_.size()));
  if (entries_.empty()) return;
  const auto [least, most] =
      std::minmax_element(entries_.begin(), entries_.end(),
                          [](const Entry& a, const Entry& b) { return a.weight < b.weight; });
  const std::uint32_t first = ordered_bits(least->weight);
  const std::uint32_t last = ordered_bits(most->weight);
  writer.value(first);
  writer.value(last);
  const unsigned weight_bits = bits_for(std::uint64_t{last - first} + 1);
  const unsigned point_bits = bits_for(points);
  for (const Entry& entry : entries_) {
    writer.bits(ordered_bits(entry.weight) - first, weight_bits);
    writer.bits(numbers[entry.point], point_bits);
  }
  writer.align();
}

void Sampler::load(Reader& reader, std::size_t points, std::size_t capacity) {
  Random::state(random_, reader);
  std::uint32_t size = 0;
  reader.value(size);
  reader.require(size <= capacity, "a sample is larger than the settings allow");
  refused_until_ = -1;
  if (size == 0) return;
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  reader.value(first);
  reader.value(last);
  reader.require(first <= last && std::isfinite(from_ordered_bits(first)) &&
                     std::isfinite(from_ordered_bits(last)),
                 "a range of weights is impossible");
  reader.require(points > 0, "a sample has no points");
  const unsigned weight_bits = bits_for(std::uint64_t{last - first} + 1);
  const unsigned point_bits = bits_for(points);
  // Entries may take no bits at all, but then there is one point, and the settings bound their
  // number.
  entries_.reserve(size);
  for (std::uint32_t i = 0; i < size; ++i) {
    const std::uint32_t offset = reader.bits(weight_bits);
    const PointIndex point = reader.bits(point_bits);
    reader.require(offset <= last - first, "a weight is out of its range");
    reader.require(point < points, "a sample holds an unknown point");
    entries_.push_back({from_ordered_bits(first + offset), point});
  }
  reader.align();
  reader.require(std::is_heap(entries_.begin(), entries_.end(),
                              [](const Entry& a, const Entry& b) { return a.weight < b.weight; }),
                 "a sample is out of order");
}

void Tree::save(Writer& writer, const PointStore& store) const {
  Random::state(random_, writer);
  const unsigned dimension_bits = bits_for(dimensions_);
  std::vector<NodeRef> waiting;
  if (!empty()) waiting.push_back(root_);
  while (!waiting.empty()) {
    const NodeRef ref = waiting.back();
    waiting.pop_back();
    if (is_leaf(ref)) continue;
    const Node& node = nodes_[ref];
    const BoxView around = box(ref, store);
    const std::uint32_t lowest = ordered_bits(around.lower[node.dimension]);
    const std::uint32_t highest = ordered_bits(around.upper[node.dimension]);
    writer.bits(node.dimension, dimension_bits);
    writer.bits(ordered_bits(node.cut) - lowest, bits_for(highest - lowest));
    waiting.push_back(node.children[1]);
    waiting.push_back(node.children[0]);
  }
  writer.align();
}

// `sample` holds the points of the tree, a point once per copy. `copies` is scratch: a zero per
// point of the store.
void Tree::load(Reader& reader, const PointStore& store, const std::vector<PointIndex>& sample,
                std::vector<std::uint32_t>& copies) {
  struct Leaf {
    const float* point;
    NodeRef ref;
  };
  struct Part {  // of the leaves, and the child that it will be
    std::size_t first;
    std::size_t size;
    NodeRef parent;
    std::size_t side;
  };
  Random::state(random_, reader);
  set_mass(sample.size());
  std::vector<Leaf> leaves;
  leaves.reserve(sample.size());
  for (const PointIndex point : sample) {
    if (copies[point]++ == 0) leaves.push_back({store.at(point), leaf_base + point});
  }
  for (const PointIndex point : sample) {
    if (copies[point] > 1) copies_.push_back({point, copies[point] - 1});
    copies[point] = 0;
  }
  std::sort(copies_.begin(), copies_.end(),
            [](const Copies& a, const Copies& b) { return a.point < b.point; });
  if (leaves.empty()) return reader.align();

  const unsigned dimension_bits = bits_for(dimensions_);
  std::vector<Leaf> above(leaves.size());
  std::vector<Part> waiting;
  waiting.reserve(64);
  waiting.push_back({0, leaves.size(), no_node, 0});
  nodes_.reserve(leaves.size() - 1);
  while (!waiting.empty()) {
    const Part part = waiting.back();
    waiting.pop_back();
    Leaf* points = leaves.data() + part.first;
    const NodeRef ref = part.size == 1 ? points[0].ref : static_cast<NodeRef>(nodes_.size());
    if (part.parent == no_node) {
      root_ = ref;
    } else {
      nodes_[part.parent].children[part.side] = ref;
    }
    if (is_leaf(ref)) continue;

    const std::uint32_t dimension = reader.bits(dimension_bits);
    reader.require(dimension < dimensions_, "a cut has an unknown dimension");
    float lowest = points[0].point[dimension];
    float highest = lowest;
    for (std::size_t i = 1; i < part.size; ++i) {
      const float coordinate = points[i].point[dimension];
      lowest = std::min(lowest, coordinate);
      highest = std::max(highest, coordinate);
    }
    reader.require(lowest < highest, "a cut splits nothing");
    const std::uint32_t floats = ordered_bits(highest) - ordered_bits(lowest);
    const std::uint32_t offset = reader.bits(bits_for(floats));
    reader.require(offset < floats, "a cut lies outside its points");
    const float cut = from_ordered_bits(ordered_bits(lowest) + offset);
    // Written to both sides, because a branch here is a coin toss for the processor.
    std::size_t left = 0;
    std::size_t right = 0;
    for (std::size_t i = 0; i < part.size; ++i) {
      const Leaf leaf = points[i];
      const bool goes_right = leaf.point[dimension] > cut;
      points[left] = leaf;
      above[right] = leaf;
      left += goes_right ? 0 : 1;
      right += goes_right ? 1 : 0;
    }
    // Of the two zeros, equal as coordinates, only one lies below a cut between them.
    reader.require(left > 0 && right > 0, "a cut splits nothing");
    std::copy_n(above.begin(), right, points + left);
    nodes_.push_back({{0, 0}, cut, static_cast<std::uint16_t>(dimension), 0});
    waiting.push_back({part.first + left, right, ref, 1});
    waiting.push_back({part.first, left, ref, 0});
  }
  reader.align();

  // Children have larger numbers than their parents, so backwards is bottom up.
  boxes_.assign(nodes_.size() * 2 * width_, 0.0F);
  for (std::size_t i = nodes_.size(); i-- > 0;) {
    const auto ref = static_cast<NodeRef>(i);
    Node& node = nodes_[ref];
    node.mass = static_cast<std::uint16_t>(mass(node.children[0]) + mass(node.children[1]));
    unite(box(node.children[0], store), box(node.children[1], store), row(ref), row(ref) + width_,
          dimensions_);
  }
}

void Forest::save(Writer& writer) const {
  writer.value(updates_);
  const std::vector<std::uint32_t> numbers = store_.save(writer);
  for (std::size_t i = 0; i < trees_.size(); ++i) {
    samplers_[i].save(writer, numbers, store_.size());
    trees_[i].save(writer, store_);
  }
}

void Forest::load(Reader& reader) {
  reader.value(updates_);
  reader.require(0 <= updates_ && updates_ <= most_inputs, "an impossible number of updates");
  store_.load(reader);
  std::vector<PointIndex> sample;
  std::vector<std::uint32_t> copies(store_.size(), 0);
  for (std::size_t i = 0; i < trees_.size(); ++i) {
    Sampler& sampler = samplers_[i];
    sampler.load(reader, store_.size(), sampling_.capacity);
    sample.clear();
    for (std::size_t at = 0; at < sampler.size(); ++at) {
      sample.push_back(sampler.point(at));
      store_.retain(sample.back());
    }
    trees_[i].load(reader, store_, sample, copies);
  }
  for (PointIndex point = 0; point < store_.index_limit(); ++point) {
    reader.require(store_.references(point) > 0, "a point is in no sample");
  }
}

}  // namespace anomalyd
