// The forest: one point store, and a sampler and a tree for each member (§1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "anomalyd/point_store.hpp"
#include "anomalyd/sampler.hpp"
#include "anomalyd/settings.hpp"
#include "anomalyd/tree.hpp"
#include "anomalyd/workspace.hpp"

namespace anomalyd {

class Forest {
 public:
  Forest(const Settings& settings, std::uint64_t seed);

  // Whether enough has been learned for scores to mean something.
  bool ready() const noexcept;

  // Mean over the trees of the query's score; 0 before ready(). `query` has dimensions() floats,
  // padded with zeros to width(). Leaves no trace and does not allocate.
  double score(const float* query, Workspace& workspace) const noexcept;

  // Splits the score of the query over its coordinates into workspace.attribution and returns it.
  // Requires ready(). Leaves no trace and does not allocate.
  double attribute(const float* query, Workspace& workspace) const noexcept;

  // Replaces the coordinates of the query that workspace.missing marks by what the forest expects
  // there: the median over the trees. Requires ready(). Leaves no trace and does not allocate.
  void impute(float* query, Workspace& workspace) const noexcept;

  // Writes to workspace.leaves, per tree, the point at whose leaf the query arrives. Requires
  // ready().
  void neighbours(const float* query, Workspace& workspace) const noexcept;

  // Offers the point (dimensions() floats, no NaN) to every tree.
  void update(const float* point, Workspace& workspace);

  // Ask for the memory that the next score and update will read, one after the other with a while
  // between: what leads to the trees, where each begins, and what a step with this query (as for
  // score()) comes by. Change nothing.
  void prefetch_heads() const noexcept;
  void prefetch_tops() const noexcept;
  void prefetch_step(const float* query, Workspace& workspace) const noexcept;

  std::int64_t updates() const noexcept { return updates_; }
  const PointStore& store() const noexcept { return store_; }
  const std::vector<Tree>& trees() const noexcept { return trees_; }
  const std::vector<Sampler>& samplers() const noexcept { return samplers_; }
  std::size_t size_in_bytes() const noexcept;

  // For checkpoints (checkpoint_forest.cpp); load() requires a new forest.
  void save(Writer& writer) const;
  void load(Reader& reader);

 private:
  // Calls use(first tree, number of trees) for as many at a time as are walked side by side.
  template <class Use>
  void side_by_side(Use&& use) const noexcept;
  template <class Use>
  void arrive(const float* query, Workspace& workspace, Use&& use) const noexcept;

  SamplerSettings sampling_;
  std::int64_t output_after_;
  std::int64_t updates_ = 0;
  PointStore store_;
  std::vector<Tree> trees_;
  std::vector<Sampler> samplers_;
};

}  // namespace anomalyd
