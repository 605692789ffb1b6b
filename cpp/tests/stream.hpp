// The benchmark stream, the same numbers in every language; its check values are in model_test.cpp.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace anomalyd::testing {

inline std::uint64_t stream_mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

inline double stream_uniform(std::uint64_t seed, std::uint64_t t, std::uint64_t k) {
  const std::uint64_t word = stream_mix(t * 64 + k + 1);
  return static_cast<double>(stream_mix(seed * 0x9E3779B97F4A7C15ULL + word) >> 11) * 0x1p-53;
}

// Input j of `dimensions` at step t: a daily wave of 288 steps, noise, and now and then three steps
// of an anomaly in one of the inputs.
inline double stream_value(std::uint64_t seed, std::uint64_t t, std::uint64_t j,
                           std::uint64_t dimensions) {
  const double pi = std::acos(-1.0);
  const auto time = static_cast<double>(t);
  const auto input = static_cast<double>(j);
  double noise = -2.0;
  for (std::uint64_t k = 0; k < 4; ++k) noise += stream_uniform(seed, t, 4 * j + k);
  const double wave = std::sin(2.0 * pi * (time / 288.0 + input / 7.0));
  double value = 100.0 + 10.0 * input + (20.0 + 4.0 * input) * wave + 2.0 * noise * std::sqrt(3.0);
  const std::uint64_t m = t / 997;
  const std::uint64_t e = t % 997;
  if (t >= 512 && e >= 500 && e <= 502 && j == m % dimensions) value += m % 2 == 0 ? 40.0 : -40.0;
  return value;
}

// Steps 0 to steps - 1, row by row.
inline std::vector<double> stream_rows(std::uint64_t seed, std::size_t steps,
                                       std::size_t dimensions) {
  std::vector<double> rows;
  rows.reserve(steps * dimensions);
  for (std::uint64_t t = 0; t < steps; ++t) {
    for (std::uint64_t j = 0; j < dimensions; ++j) {
      rows.push_back(stream_value(seed, t, j, dimensions));
    }
  }
  return rows;
}

}  // namespace anomalyd::testing
