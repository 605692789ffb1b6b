// Time-decayed weighted reservoir of one tree (§3).
//
// A point's weight is ln(-ln u) - sequence * time_decay, u uniform in (0, 1): the smaller, the more
// worth keeping, and later points start smaller. A max-heap holds the weights, so that its root is
// the next to go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "anomalyd/point_store.hpp"
#include "anomalyd/random.hpp"

namespace anomalyd {

struct SamplerSettings {
  std::size_t capacity;
  double time_decay;
  double initial_accept_fraction;
};

class Sampler {
 public:
  // What the sampler decided about an offered point.
  struct Admission {
    float weight;
    bool evicts;  // take_worst() makes the room first
  };

  explicit Sampler(std::uint64_t seed) noexcept : random_(seed) {}

  // Draws for the point with this sequence number. Changes nothing but the generator.
  std::optional<Admission> offer(std::int64_t sequence, const SamplerSettings& settings) noexcept;

  // Removes the point with the largest weight. Requires a non-empty sampler.
  PointIndex take_worst() noexcept;

  // Keeps a point. Requires room.
  void add(float weight, PointIndex point);

  std::size_t size() const noexcept { return entries_.size(); }
  PointIndex point(std::size_t position) const noexcept { return entries_[position].point; }
  float weight(std::size_t position) const noexcept { return entries_[position].weight; }
  std::size_t size_in_bytes() const noexcept { return entries_.capacity() * sizeof(Entry); }

  // For checkpoints (checkpoint_forest.cpp): `numbers` per index of `points` points. load()
  // requires a new sampler.
  void save(Writer& writer, const std::vector<std::uint32_t>& numbers, std::size_t points) const;
  void load(Reader& reader, std::size_t points, std::size_t capacity);

 private:
  struct Entry {
    float weight;
    PointIndex point;
  };

  bool certainly_refused(double uniform, std::int64_t sequence, double time_decay) noexcept;

  std::vector<Entry> entries_;  // max-heap by weight
  Random random_;
  // Draws up to `refused_` lose against the root for every sequence number up to `refused_until_`.
  double refused_ = 0.0;
  std::int64_t refused_until_ = -1;
};

}  // namespace anomalyd
