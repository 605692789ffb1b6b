// A small deterministic generator: one 64-bit word of state, so that a tree or a sampler carries
// its own, a checkpoint holds it whole, and the same seed gives the same model on every machine.
#pragma once

#include <cstdint>

namespace anomalyd {

// SplitMix64 (Steele, Lea and Flood, 2014). Never allocates, never throws.
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}

  // The next 64 bits.
  std::uint64_t next() noexcept {
    state_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }

  // Uniform in [0, 1), a multiple of 2^-53.
  double uniform() noexcept { return static_cast<double>(next() >> 11) * 0x1p-53; }

  // Uniform in (0, 1): what a logarithm may be taken of.
  double open_uniform() noexcept { return (static_cast<double>(next() >> 12) + 0.5) * 0x1p-52; }

  // What a checkpoint holds of it, in both directions (checkpoint_bytes.hpp).
  template <class Self, class Archive>
  static void state(Self& self, Archive& archive) {
    archive.value(self.state_);
  }

 private:
  std::uint64_t state_;
};

}  // namespace anomalyd
