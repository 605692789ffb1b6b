#include "anomalyd/forest.hpp"

#include <algorithm>
#include <array>

#include "anomalyd/attribution.hpp"
#include "anomalyd/impute.hpp"
#include "anomalyd/score.hpp"

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

template <class Use>
void Forest::side_by_side(Use&& use) const noexcept {
  for (std::size_t first = 0; first < trees_.size(); first += Trails::abreast) {
    use(&trees_[first], std::min(Trails::abreast, trees_.size() - first));
  }
}

// Walks the query down every tree, a few side by side, and calls use(number of the tree, path) for
// each in their order.
template <class Use>
void Forest::arrive(const float* query, Workspace& workspace, Use&& use) const noexcept {
  std::array<Part, Workspace::abreast> parts;
  for (std::size_t first = 0; first < trees_.size(); first += parts.size()) {
    const std::size_t count = std::min(parts.size(), trees_.size() - first);
    for (std::size_t i = 0; i < count; ++i) {
      workspace.paths[i].clear();
      parts[i] = trees_[first + i].root();
    }
    for (bool walking = true; walking;) {
      walking = false;
      for (std::size_t i = 0; i < count; ++i) {
        const Tree& tree = trees_[first + i];
        if (tree.is_leaf(parts[i])) continue;
        tree.prefetch(parts[i]);
        workspace.paths[i].push(parts[i]);
        parts[i] = tree.towards(parts[i], query);
        walking = true;
      }
    }
    for (std::size_t i = 0; i < count; ++i) {
      workspace.paths[i].arrive(parts[i]);
      use(first + i, workspace.paths[i]);
    }
  }
}

double Forest::score(const float* query, Workspace& workspace) const noexcept {
  if (!ready()) return 0.0;
  double sum = 0.0;
  side_by_side([&](const Tree* first, std::size_t count) {
    sum += sum_of_scores(first, count, store_, query, workspace.trails, workspace.paths[0].around);
  });
  return sum / static_cast<double>(trees_.size());
}

double Forest::attribute(const float* query, Workspace& workspace) const noexcept {
  Attribution& sum = workspace.attribution;
  Attribution& parts = workspace.tree_attribution;
  sum.clear();
  arrive(query, workspace, [&](std::size_t t, Path& path) {
    AttributionVisitor visitor(trees_[t], query, parts, workspace.shadow);
    trees_[t].climb(store_, path, visitor);
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
  workspace.unknown.clear();
  for (std::size_t i = 0; i < store_.dimensions(); ++i) {
    if (workspace.missing[i]) workspace.unknown.push_back(i);
  }
  for (std::size_t t = 0; t < trees_.size(); ++t) {
    workspace.leaves[t] = likeliest_leaf(trees_[t], store_, query, workspace.missing,
                                         workspace.unknown, workspace.paths[0].around);
  }
  const auto median =
      workspace.column.begin() + static_cast<std::ptrdiff_t>((trees_.size() - 1) / 2);
  for (const std::size_t i : workspace.unknown) {
    std::transform(workspace.leaves.begin(), workspace.leaves.end(), workspace.column.begin(),
                   [&](PointIndex leaf) { return store_.at(leaf)[i]; });
    std::nth_element(workspace.column.begin(), median, workspace.column.end());
    query[i] = *median;
  }
}

void Forest::neighbours(const float* query, Workspace& workspace) const noexcept {
  arrive(query, workspace, [&](std::size_t t, const Path& path) {
    workspace.leaves[t] = trees_[t].point(path.leaf().first);
  });
}

void Forest::update(const float* point, Workspace& workspace) {
  if (store_.crowded()) {
    store_.compact(workspace.compaction);
    for (Tree& tree : trees_) tree.renumber(workspace.compaction.moved);
  }
  const PointIndex offered = store_.add(point);
  Path& path = workspace.paths[0];
  for (std::size_t i = 0; i < trees_.size(); ++i) {
    const Sampler::Admission admission = samplers_[i].offer(updates_, sampling_);
    if (admission.verdict == Sampler::Verdict::refused) continue;
    const bool full = admission.verdict == Sampler::Verdict::taken_for_worst;
    if (full) {
      const auto freed = trees_[i].erase(samplers_[i].worst(), store_, path);
      if (freed) store_.release(*freed);
    }
    const Tree::Inserted inserted = trees_[i].insert(offered, store_, path);
    if (inserted.fresh) store_.retain(offered);
    if (full) {
      samplers_[i].insert_for_worst(inserted.position, admission.weight);
    } else {
      samplers_[i].insert(inserted.position, admission.weight);
    }
  }
  store_.release(offered);  // add()'s own reference
  ++updates_;
}

void Forest::prefetch_heads() const noexcept {
  prefetch(trees_.data(), trees_.size() * sizeof(Tree));
  prefetch(samplers_.data(), samplers_.size() * sizeof(Sampler));
}

void Forest::prefetch_tops() const noexcept {
  for (const Tree& tree : trees_) tree.prefetch_top();
  store_.prefetch();
}

void Forest::prefetch_step(const float* query, Workspace& workspace) const noexcept {
  for (std::size_t i = 0; i < trees_.size(); ++i) {
    if (samplers_[i].refuses(updates_)) continue;
    samplers_[i].prefetch();
    trees_[i].prefetch_all();
  }
  side_by_side([&](const Tree* first, std::size_t count) {
    prefetch_scores(first, count, query, workspace.trails);
  });
}

std::size_t Forest::size_in_bytes() const noexcept {
  std::size_t bytes = store_.size_in_bytes() + trees_.capacity() * sizeof(Tree) +
                      samplers_.capacity() * sizeof(Sampler);
  for (const Tree& tree : trees_) bytes += tree.size_in_bytes();
  for (const Sampler& sampler : samplers_) bytes += sampler.size_in_bytes();
  return bytes;
}

}  // namespace anomalyd
