#include "anomalyd/sampler.hpp"

#include <algorithm>
#include <cmath>

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

}  // namespace

std::optional<Sampler::Admission> Sampler::offer(std::int64_t sequence,
                                                 const SamplerSettings& settings) noexcept {
  const double uniform = random_.open_uniform();
  const bool full = entries_.size() >= settings.capacity;
  const bool welcome = !full && random_.uniform() < initial_acceptance(entries_.size(), settings);
  if (full && certainly_refused(uniform, sequence, settings.time_decay)) return std::nullopt;
  const auto weight = static_cast<float>(std::log(-std::log(uniform)) -
                                         static_cast<double>(sequence) * settings.time_decay);
  if (welcome) return Admission{weight, false};
  if (entries_.empty() || !(weight < entries_.front().weight)) return std::nullopt;
  return Admission{weight, true};
}

// Nine draws in ten are refused, so the two logarithms of a weight are worth avoiding. The bound is
// the draw that would just tie with the root `horizon` steps ahead, moved a little to the safe side
// of the float rounding of weights; smaller draws have larger weights, now and until then.
bool Sampler::certainly_refused(double uniform, std::int64_t sequence, double time_decay) noexcept {
  constexpr std::int64_t horizon = 64;
  if (sequence > refused_until_) {
    refused_until_ = sequence + horizon;
    const double root = static_cast<double>(entries_.front().weight);
    const double margin = 1e-6 * (1.0 + std::abs(root));
    refused_ =
        std::exp(-std::exp(root + margin + static_cast<double>(refused_until_) * time_decay));
  }
  return uniform <= refused_;
}

PointIndex Sampler::take_worst() noexcept {
  const auto lighter = [](const Entry& a, const Entry& b) { return a.weight < b.weight; };
  std::pop_heap(entries_.begin(), entries_.end(), lighter);
  const PointIndex worst = entries_.back().point;
  entries_.pop_back();
  refused_until_ = -1;
  return worst;
}

void Sampler::add(float weight, PointIndex point) {
  const auto lighter = [](const Entry& a, const Entry& b) { return a.weight < b.weight; };
  entries_.push_back({weight, point});
  std::push_heap(entries_.begin(), entries_.end(), lighter);
  refused_until_ = -1;
}

}  // namespace anomalyd
