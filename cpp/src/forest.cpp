#include "anomalyd/forest.hpp"

#include <algorithm>

#include "anomalyd/attribution.hpp"
#include "anomalyd/impute.hpp"
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

double Forest::attribute(const float* query, Workspace& workspace) const noexcept {
  Attribution& sum = workspace.attribution;
  Attribution& parts = workspace.tree_attribution;
  sum.clear();
  for (const Tree& tree : trees_) {
    AttributionVisitor visitor(tree, query, parts, workspace.shadow);
    tree.traverse(query, store_, workspace.path, visitor);
    visitor.finish();
    for (std::size_t i = 0; i < store_.dimensions(); ++i) {
      sum.high[i] += parts.high[i];
      sum.low[i] += parts.low[i];
    }
  }
  sum.scale(1.0 / static_cast<double>(trees_.size()));
  return sum.total();
}

void Forest::impute(float* query, Workspace& workspace) const noexcept {
  for (std::size_t t = 0; t < trees_.size(); ++t) {
    workspace.leaves[t] = likeliest_leaf(trees_[t], store_, query, workspace.missing);
  }
  const auto median =
      workspace.column.begin() + static_cast<std::ptrdiff_t>((trees_.size() - 1) / 2);
  for (std::size_t i = 0; i < store_.dimensions(); ++i) {
    if (!workspace.missing[i]) continue;
    std::transform(workspace.leaves.begin(), workspace.leaves.end(), workspace.column.begin(),
                   [&](PointIndex leaf) { return store_.at(leaf)[i]; });
    std::nth_element(workspace.column.begin(), median, workspace.column.end());
    query[i] = *median;
  }
}

void Forest::neighbours(const float* query, Workspace& workspace) const noexcept {
  std::transform(trees_.begin(), trees_.end(), workspace.leaves.begin(),
                 [&](const Tree& tree) { return tree.neighbour(query, workspace.path); });
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
