#include "anomalyd/sampler.hpp"

#include <algorithm>
#include <cmath>

#include "anomalyd/box.hpp"

namespace anomalyd {
namespace {

// The chance that a sampler that is not full takes a point whatever its weight.
double initial_acceptance(std::size_t size, const SamplerSettings& settings) noexcept {
  const double filled = static_cast<double>(size) / static_cast<double>(settings.capacity);
  const double fraction = settings.initial_accept_fraction;
  if (filled < fraction) return 1.0;
  if (fraction >= 1.0) return 0.0;
  return 1.0 - (filled - fraction) / (1.0 - fraction);
}

// The first of the largest. Blocks of several registers, none of which waits for another.
std::size_t place_of_largest(const float* values, std::size_t count) noexcept {
  constexpr std::size_t block = 4 * lanes;
  const auto load = [&](std::size_t at) noexcept { return detail::load(values + at); };
  std::size_t i = 0;
  float largest = values[0];
  if (count >= block) {
    detail::FloatLanes most[4] = {load(0), load(lanes), load(2 * lanes), load(3 * lanes)};
    for (i = block; i + block <= count; i += block) {
      for (std::size_t k = 0; k < 4; ++k) most[k] = detail::most(most[k], load(i + k * lanes));
    }
    most[0] = detail::most(detail::most(most[0], most[1]), detail::most(most[2], most[3]));
    for (std::size_t lane = 0; lane < lanes; ++lane) largest = std::max(largest, most[0][lane]);
  }
  for (; i < count; ++i) largest = std::max(largest, values[i]);
  i = 0;
  while (i + block <= count) {
    const auto same = (load(i) == largest) | (load(i + lanes) == largest) |
                      (load(i + 2 * lanes) == largest) | (load(i + 3 * lanes) == largest);
    if (detail::any(same)) break;
    i += block;
  }
  return static_cast<std::size_t>(std::find(values + i, values + count, largest) - values);
}

}  // namespace

Sampler::Admission Sampler::offer(std::int64_t sequence, const SamplerSettings& settings) noexcept {
  const double uniform = random_.open_uniform();
  const bool full = weights_.size() >= settings.capacity;
  const bool welcome = !full && random_.uniform() < initial_acceptance(weights_.size(), settings);
  if (full && certainly_refused(uniform, sequence, settings.time_decay))
    return {Verdict::refused, 0.0F};
  const double exact =
      std::log(-std::log(uniform)) - static_cast<double>(sequence) * settings.time_decay;
  const auto weight = static_cast<float>(std::nearbyint(exact / quantum) * quantum);
  if (welcome) return {Verdict::taken, weight};
  if (weights_.empty() || !(weight < largest())) return {Verdict::refused, 0.0F};
  return {Verdict::taken_for_worst, weight};
}

// Nine draws in ten are refused, so the two logarithms of a weight are worth avoiding. The bound is
// the draw that would just tie with the largest weight `horizon` steps ahead, moved a little to the
// safe side of the rounding of weights; smaller draws have larger weights, now and until then.
bool Sampler::certainly_refused(double uniform, std::int64_t sequence, double time_decay) noexcept {
  constexpr std::int64_t horizon = 64;
  if (sequence > refused_until_) {
    refused_until_ = sequence + horizon;
    const double root = static_cast<double>(largest());
    const double margin = quantum + 1e-6 * (1.0 + std::abs(root));
    refused_ =
        std::exp(-std::exp(root + margin + static_cast<double>(refused_until_) * time_decay));
  }
  return uniform <= refused_;
}

std::size_t Sampler::worst() noexcept {
  if (worst_ == unknown) worst_ = place_of_largest(weights_.data(), weights_.size());
  return worst_;
}

void Sampler::insert(std::size_t position, float weight) {
  weights_.insert(weights_.begin() + static_cast<std::ptrdiff_t>(position), weight);
  worst_ = unknown;
  refused_until_ = -1;
}

// What was surely refused still is: the largest weight cannot have become larger.
void Sampler::insert_for_worst(std::size_t position, float weight) noexcept {
  const auto gap = weights_.begin() + static_cast<std::ptrdiff_t>(worst());
  const auto place = weights_.begin() + static_cast<std::ptrdiff_t>(position);
  if (place > gap) std::move(gap + 1, place + 1, gap);
  if (place < gap) std::move_backward(place, gap, gap + 1);
  *place = weight;
  worst_ = unknown;
}

}  // namespace anomalyd
