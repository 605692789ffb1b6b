#include "anomalyd/forest.hpp"

#include <algorithm>

#include "anomalyd/visitor.hpp"

namespace anomalyd {

Forest::Forest(const Settings& settings, std::uint64_t seed)
    : sampling_{static_cast<std::size_t>(settings.sample_size), settings.time_decay,
                settings.initial_accept_fraction},
      output_after_(settings.forest_output_after()),
      store_(static_cast<std::size_t>(settings.features),
             static_cast<std::size_t>(settings.shingle_size)) {
  const auto count = static_cast<std::size_t>(settings.trees);
  trees_.reserve(count);
  samplers_.reserve(count);
  Random seeds(seed);
  for (std::size_t i = 0; i < count; ++i) {
    trees_.emplace_back(seeds.next(), store_.dimensions());
    samplers_.emplace_back(seeds.next());
  }
}

bool Forest::ready() const noexcept {
  return updates_ >= output_after_ &&
         std::none_of(trees_.begin(), trees_.end(), [](const Tree& tree) { return tree.empty(); });
}

double Forest::score(const float* query, Workspace& workspace) const noexcept {
  if (!ready()) return 0.0;
  double sum = 0.0;
  for (const Tree& tree : trees_) {
    ScoreVisitor visitor(tree, query);
    tree.traverse(query, store_, workspace.path, visitor);
    sum += visitor.result();
  }
  return sum / static_cast<double>(trees_.size());
}

void Forest::update(const float* point, Workspace& workspace) {
  const PointIndex offered = store_.add(point);
  for (std::size_t i = 0; i < trees_.size(); ++i) {
    const auto admission = samplers_[i].offer(updates_, sampling_);
    if (!admission) continue;
    if (admission->evicts) {
      const PointIndex evicted = samplers_[i].take_worst();
      trees_[i].erase(evicted, store_, workspace.path);
      store_.release(evicted);
    }
    const PointIndex held = trees_[i].insert(offered, store_, workspace.path);
    store_.retain(held);
    samplers_[i].add(admission->weight, held);
  }
  store_.release(offered);  // add()'s own reference
  ++updates_;
}

std::size_t Forest::size_in_bytes() const noexcept {
  std::size_t bytes = store_.size_in_bytes() + trees_.capacity() * sizeof(Tree) +
                      samplers_.capacity() * sizeof(Sampler);
  for (const Tree& tree : trees_) bytes += tree.size_in_bytes();
  for (const Sampler& sampler : samplers_) bytes += sampler.size_in_bytes();
  return bytes;
}

}  // namespace anomalyd
