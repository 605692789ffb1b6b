#include "anomalyd/forest.hpp"

#include <algorithm>
#include <array>

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

// Walks the query down every tree, a few side by side, and calls use(number of the tree, leaf,
// path) for each in their order.
template <class Use>
void Forest::arrive(const float* query, Workspace& workspace, Use&& use) const noexcept {
  std::array<NodeRef, Workspace::abreast> refs;
  for (std::size_t first = 0; first < trees_.size(); first += refs.size()) {
    const std::size_t count = std::min(refs.size(), trees_.size() - first);
    for (std::size_t i = 0; i < count; ++i) {
      workspace.paths[i].clear();
      refs[i] = trees_[first + i].root();
    }
    for (bool walking = true; walking;) {
      walking = false;
      for (std::size_t i = 0; i < count; ++i) {
        if (is_leaf(refs[i])) continue;
        const Tree& tree = trees_[first + i];
        tree.prefetch(refs[i]);
        workspace.paths[i].push(refs[i]);
        refs[i] = tree.node(refs[i]).towards(query);
        walking = true;
      }
    }
    for (std::size_t i = 0; i < count; ++i) use(first + i, refs[i], workspace.paths[i]);
  }
}

double Forest::score(const float* query, Workspace& workspace) const noexcept {
  if (!ready()) return 0.0;
  double sum = 0.0;
  arrive(query, workspace, [&](std::size_t t, NodeRef leaf, const Path& path) {
    ScoreVisitor visitor(trees_[t], query);
    trees_[t].climb(leaf, store_, path, visitor);
    sum += visitor.result();
  });
  return sum / static_cast<double>(trees_.size());
}

double Forest::attribute(const float* query, Workspace& workspace) const noexcept {
  Attribution& sum = workspace.attribution;
  Attribution& parts = workspace.tree_attribution;
  sum.clear();
  arrive(query, workspace, [&](std::size_t t, NodeRef leaf, const Path& path) {
    AttributionVisitor visitor(trees_[t], query, parts, workspace.shadow);
    trees_[t].climb(leaf, store_, path, visitor);
    visitor.finish();
    for (std::size_t i = 0; i < store_.dimensions(); ++i) {
      sum.high[i] += parts.high[i];
      sum.low[i] += parts.low[i];
    }
  });
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
  arrive(query, workspace,
         [&](std::size_t t, NodeRef leaf, const Path&) { workspace.leaves[t] = leaf - leaf_base; });
}

void Forest::update(const float* point, Workspace& workspace) {
  const PointIndex offered = store_.add(point);
  for (std::size_t i = 0; i < trees_.size(); ++i) {
    const auto admission = samplers_[i].offer(updates_, sampling_);
    if (!admission) continue;
    if (admission->evicts) {
      const PointIndex evicted = samplers_[i].take_worst();
      trees_[i].erase(evicted, store_, workspace.paths[0]);
      store_.release(evicted);
    }
    const PointIndex held = trees_[i].insert(offered, store_, workspace.paths[0]);
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
