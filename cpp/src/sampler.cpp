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

}  // namespace

std::optional<Sampler::Admission> Sampler::offer(std::int64_t sequence,
                                                 const SamplerSettings& settings) noexcept {
  const double uniform = random_.open_uniform();
  const bool full = weights_.size() >= settings.capacity;
  const bool welcome = !full && random_.uniform() < initial_acceptance(weights_.size(), settings);
  if (full && certainly_refused(uniform, sequence, settings.time_decay)) return std::nullopt;
  const double exact =
      std::log(-std::log(uniform)) - static_cast<double>(sequence) * settings.time_decay;
  const auto weight = static_cast<float>(std::nearbyint(exact / quantum) * quantum);
  if (welcome) return Admission{weight, false};
  if (weights_.empty() || !(weight < largest())) return std::nullopt;
  return Admission{weight, true};
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
  if (worst_ != unknown) return worst_;
  float largest = weights_[0];
  std::size_t i = 0;
  if (weights_.size() >= lanes) {
    detail::FloatLanes most = detail::load(weights_.data());
    for (; i + lanes <= weights_.size(); i += lanes) {
      most = detail::most(most, detail::load(weights_.data() + i));
    }
    for (std::size_t lane = 0; lane < lanes; ++lane) largest = std::max(largest, most[lane]);
  }
  for (; i < weights_.size(); ++i) largest = std::max(largest, weights_[i]);
  const auto found = std::find(weights_.begin(), weights_.end(), largest);
  worst_ = static_cast<std::size_t>(found - weights_.begin());
  return worst_;
}

void Sampler::erase(std::size_t position) noexcept {
  weights_.erase(weights_.begin() + static_cast<std::ptrdiff_t>(position));
  worst_ = unknown;
  refused_until_ = -1;
}

void Sampler::insert(std::size_t position, float weight) {
  weights_.insert(weights_.begin() + static_cast<std::ptrdiff_t>(position), weight);
  worst_ = unknown;
  refused_until_ = -1;
}

}  // namespace anomalyd
