// Time-decayed weighted reservoir of one tree (§3).
//
// A point's weight is ln(-ln u) - sequence * time_decay, u uniform in (0, 1): the smaller, the more
// worth keeping, and later points start smaller. The largest weight is the next to go. The weights
// stand in the order of the tree's entries, so that the points are kept only once; looking through
// all of them when one is replaced costs less than the memory of a heap beside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "anomalyd/aligned.hpp"
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
  enum class Verdict : std::uint32_t {
    refused,
    taken,
    taken_for_worst,  // which makes room
  };
  // What the sampler decided about an offered point. Two words rather than an optional of a float
  // and a bool, which would come back through memory: this is asked of every tree in every step.
  struct Admission {
    Verdict verdict;
    float weight;
  };

  explicit Sampler(std::uint64_t seed) noexcept : random_(seed) {}

  // Draws for the point with this sequence number. Changes nothing but the generator.
  Admission offer(std::int64_t sequence, const SamplerSettings& settings) noexcept;

  // Whether offer() is sure to refuse the point with this sequence number, as far as the sampler
  // remembers without looking at its weights.
  bool refuses(std::int64_t sequence) const noexcept {
    Random random = random_;
    return sequence <= refused_until_ && random.open_uniform() <= refused_;
  }
  void prefetch() const noexcept {
    anomalyd::prefetch(weights_.data(), weights_.size() * sizeof(float));
  }

  // Where the largest weight stands; the first of equal ones. Requires a non-empty sampler.
  std::size_t worst() noexcept;

  // Keeps an entry before the one at this position. Requires room.
  void insert(std::size_t position, float weight);
  // The same in a full sampler without its worst() entry, which no longer counts in `position`.
  void insert_for_worst(std::size_t position, float weight) noexcept;

  std::size_t size() const noexcept { return weights_.size(); }
  float weight(std::size_t position) const noexcept { return weights_[position]; }
  std::size_t size_in_bytes() const noexcept { return weights_.capacity() * sizeof(float); }

  // For checkpoints (checkpoint_forest.cpp): the sample as pairs of a point's number and a weight.
  // load() requires a new sampler and writes the numbers, in ascending order; arrange() then
  // follows, when the tree has said in which order its entries stand.
  void save(Writer& writer, const std::vector<std::uint32_t>& numbers, std::size_t points) const;
  void load(Reader& reader, std::size_t points, std::size_t capacity,
            std::vector<std::uint32_t>& numbers);
  void arrange(const std::vector<std::uint32_t>& order);

  // Weights are multiples of this, so that a checkpoint holds them whole in few bits.
  static constexpr double quantum = 0x1p-10;

 private:
  bool certainly_refused(double uniform, std::int64_t sequence, double time_decay) noexcept;

  float largest() noexcept { return weights_[worst()]; }

  static constexpr std::size_t unknown = ~std::size_t{0};
  std::vector<float> weights_;
  std::size_t worst_ = unknown;
  Random random_;
  // Draws up to `refused_` lose against the largest weight for every sequence number up to
  // `refused_until_`.
  double refused_ = 0.0;
  std::int64_t refused_until_ = -1;
};

}  // namespace anomalyd
