#include "anomalyd/tail.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "anomalyd/checkpoint_bytes.hpp"

namespace anomalyd {
namespace {

constexpr std::size_t own_bins = 64;
constexpr std::size_t pooled_bins = 2048;
constexpr std::uint32_t enough = 500;  // scores from which an entity is judged by its own history
constexpr double tail_share = 0.98;    // of scores below the point where the tail begins
// Scores are learned as if they were not much higher than this share of the history, so that an
// anomaly does not hide the next one. Not much, but higher: were they cut off at that very point,
// it could only ever fall.
constexpr double cap_share = 0.999;
constexpr double cap_room = 1.05;
constexpr double least_capped_weight = 1000.0;  // below it that point is hardly known
constexpr double least_weight = 100.0;          // below it there is no tail
constexpr std::int64_t refit_every = 256;
constexpr double few_excesses = 50.0;
constexpr double shape_of_few = 0.1;  // where too few scores lie in the tail to tell
constexpr double largest_shape = 0.5;
constexpr double lightest_tail = -1.0;   // falls as exp(-x^2)
constexpr double censored_share = 0.1;   // of a tail, of which only its share is used
constexpr double largest_growth = 1e30;  // floats hold the histories

const LogBins& own_scale() {
  static const LogBins bins(0.25, 16.0, own_bins);
  return bins;
}

const LogBins& pooled_scale() {
  static const LogBins bins(1e-3, 1e6, pooled_bins);
  return bins;
}

// The shape of a tail whose 90 % and 50 % points have this ratio, at most 0.5. Below 0: a tail that
// falls as exp(-x^(1 - shape)). A forest's scores have such ones, since they have a bound; a
// generalised Pareto tail of a shape below 0 would call all beyond some score impossible.
double shape_of(double ratio) noexcept {
  const double exponential = std::log(10.0) / std::log(2.0);
  if (ratio <= exponential) {
    const double power =
        ratio > 1.0 ? std::log(exponential) / std::log(ratio) : 1.0 - lightest_tail;
    return std::max(1.0 - power, lightest_tail);
  }
  double low = 1e-6;
  double high = largest_shape;
  for (int i = 0; i < 40; ++i) {
    const double middle = 0.5 * (low + high);
    const double here = std::expm1(middle * std::log(10.0)) / std::expm1(middle * std::log(2.0));
    (here < ratio ? low : high) = middle;
  }
  return low;
}

// Mid-p of a history: ties, as of scores in one bin, count half.
double ln_mid_p(double above, double equal, double total) noexcept {
  return std::log(std::min((above + 0.5 * equal + 1.0) / (total + 1.0), 1.0));
}

}  // namespace

LogBins::LogBins(double lowest, double highest, std::size_t number)
    : low(lowest),
      step(std::log(highest / lowest) / static_cast<double>(number - 2)),
      count(number) {
  for (std::size_t bin = 0; bin <= number; ++bin) {
    edges.push_back(bin == 0 ? 0.0 : lowest * std::exp(step * (static_cast<double>(bin) - 1.0)));
  }
}

std::size_t LogBins::of(double score) const noexcept {
  if (!(score >= low)) return 0;
  const double at = std::log(score / low) / step;
  return std::min(at < static_cast<double>(count) ? static_cast<std::size_t>(at) + 1 : count,
                  count - 1);
}

// Where the tail of a history begins, and how much of the history lies in it.
struct Tails::Tail {
  bool known = false;
  double start = 0.0;
  double ln_share = 0.0;
};

Tails::Tails(double decay, double run)
    : decay_(decay), run_(run), pooled_(pooled_bins, 0.0), since_fit_(refit_every) {}

void Tails::judge(std::int64_t tick, const std::vector<std::int64_t>& entities,
                  const std::vector<double>& scores, double* ln_p) const {
  const double weight = begun_ == 0 ? 1.0 : weight_at(tick);
  std::vector<double> pooled(pooled_);
  for (double& each : pooled) each /= weight;
  double total = 0.0;
  for (const double each : pooled) total += each;
  const Tail tail = tail_of(pooled.data(), pooled_scale(), total);
  const double in_doubt = doubt(total);
  std::vector<double> up_to(pooled_bins);
  double sum = 0.0;
  for (std::size_t bin = 0; bin < pooled_bins; ++bin) up_to[bin] = sum += pooled[bin];

  for (std::size_t row = 0; row < scores.size(); ++row) {
    const double score = scores[row];
    const auto found = slots_.find(entities[row]);
    if (found == slots_.end() || counts_[found->second] < enough) {
      if (tail.known && score > tail.start) {
        ln_p[row] = ln_p_beyond(tail, in_doubt, score);
      } else {
        const std::size_t bin = pooled_scale().of(score);
        ln_p[row] = ln_mid_p(total - up_to[bin], pooled[bin], total);
      }
      continue;
    }
    const float* history = own_.data() + own_bins * found->second;
    double own[own_bins];
    double own_total = 0.0;
    for (std::size_t bin = 0; bin < own_bins; ++bin) {
      own[bin] = static_cast<double>(history[bin]) / weight;
      own_total += own[bin];
    }
    const Tail own_tail = tail_of(own, own_scale(), own_total);
    if (own_tail.known && score > own_tail.start) {
      ln_p[row] = ln_p_beyond(own_tail, in_doubt, score);
      continue;
    }
    const std::size_t at = own_scale().of(score);
    double above = 0.0;
    for (std::size_t bin = at + 1; bin < own_bins; ++bin) above += own[bin];
    ln_p[row] = ln_mid_p(above, own[at], own_total);
  }
}

void Tails::learn(std::int64_t tick, const std::vector<std::int64_t>& entities,
                  const std::vector<double>& scores) {
  if (scores.empty()) return;
  if (begun_ == 0) {
    begun_ = 1;
    origin_ = tick;
  }
  double weight = weight_at(tick);
  if (weight > largest_growth) {
    for (double& each : pooled_) each /= weight;
    for (float& each : own_) each = static_cast<float>(static_cast<double>(each) / weight);
    origin_ = tick;
    weight = 1.0;
  }
  const double total = pooled_total();
  const double cap = total / weight > least_capped_weight
                         ? std::max(cap_room * quantile(cap_share, total), pooled_scale().low)
                         : std::numeric_limits<double>::infinity();
  for (std::size_t row = 0; row < scores.size(); ++row) {
    const double score = std::min(scores[row], cap);
    pooled_[pooled_scale().of(score)] += weight;
    const std::size_t slot = slot_of(entities[row]);
    own_[own_bins * slot + own_scale().of(score)] += static_cast<float>(weight);
    if (counts_[slot] < std::numeric_limits<std::uint32_t>::max()) ++counts_[slot];
  }
  since_fit_ += static_cast<std::int64_t>(scores.size());
  if (since_fit_ >= refit_every) fit(weight);
}

double Tails::weight(std::int64_t tick) const noexcept {
  return begun_ == 0 ? 0.0 : pooled_total() / weight_at(tick);
}

double Tails::weight_at(std::int64_t tick) const noexcept {
  // Not 0, however long ago: weights are divided by it.
  return std::max(std::exp(decay_ * static_cast<double>(tick - origin_)), 1.0 / largest_growth);
}

template <class Weight>
Tails::Tail Tails::tail_of(const Weight* history, const LogBins& bins,
                           double total) const noexcept {
  if (scale_ <= 0.0 || total < least_weight) return {};
  double above = 0.0;
  std::size_t bin = bins.count;
  // From the top: the tail is short.
  while (bin > 1 && above + history[bin - 1] <= (1.0 - tail_share) * total) {
    above += history[--bin];
  }
  return {true, bins.edge(std::min(bin, bins.count - 1)), std::log((above + 1.0) / (total + 1.0))};
}

// What the tail's shape grows by, since its scale is only estimated: of one more exponential excess
// over the mean of m independent ones, p is exactly (1 + x / m)^-m (it has an F(2, 2m)
// distribution), a generalised Pareto tail of shape 1 / m. Those that are censored do not count.
double Tails::doubt(double total) const noexcept {
  if (run_ <= 0.0) return 0.0;
  return run_ / ((1.0 - censored_share) * (1.0 - tail_share) * std::max(total, least_weight));
}

double Tails::ln_p_beyond(const Tail& tail, double doubt, double score) const noexcept {
  const double excess = std::pow((score - tail.start) / scale_, 1.0 - std::min(shape_, 0.0));
  const double shape = std::min(std::max(shape_, 0.0) + doubt, largest_shape);
  return tail.ln_share - (shape > 0.0 ? std::log1p(shape * excess) / shape : excess);
}

double Tails::pooled_total() const noexcept {
  double total = 0.0;
  for (const double each : pooled_) total += each;
  return total;
}

// Linear within a bin.
double Tails::quantile(double share, double total) const noexcept {
  const double wanted = share * total;
  double below = 0.0;
  std::size_t bin = 0;
  while (bin + 1 < pooled_bins && below + pooled_[bin] < wanted) below += pooled_[bin++];
  const double part =
      pooled_[bin] > 0.0 ? std::clamp((wanted - below) / pooled_[bin], 0.0, 1.0) : 0.0;
  const double edge = pooled_scale().edge(bin);
  return edge + part * (pooled_scale().edge(bin + 1) - edge);
}

// The scale of an exponential tail by maximum likelihood, where of scores beyond the end only their
// number is known: what all lie beyond the start by, up to the end, over the number of the others.
double Tails::mean_excess(double start, double end) const noexcept {
  double sum = 0.0;
  double others = 0.0;
  for (std::size_t bin = pooled_scale().of(start); bin < pooled_bins; ++bin) {
    const double from = pooled_scale().edge(bin);
    const double to = pooled_scale().edge(bin + 1);
    const double low = std::max(from, start);
    const double weight = pooled_[bin] * (to - low) / (to - from);
    const double middle = 0.5 * (low + to);
    sum += weight * (std::min(middle, end) - start);
    if (middle < end) others += weight;
  }
  return others > 0.0 ? sum / others : 0.0;
}

// By parts of the tail that lie below the point from which scores are learned capped.
void Tails::fit(double weight) noexcept {
  since_fit_ = 0;
  const double total = pooled_total();
  if (total / weight < least_weight) return;
  const double start = quantile(tail_share, total);
  const double half = quantile(1.0 - (1.0 - tail_share) / 2.0, total);
  const double most = quantile(1.0 - (1.0 - tail_share) * censored_share, total);
  if (half <= start) return;
  if (run_ > 0.0) {
    shape_ = 0.0;
    scale_ = mean_excess(start, most);
    return;
  }
  const bool few = (1.0 - tail_share) * total / weight < few_excesses;
  shape_ = few ? shape_of_few : shape_of((most - start) / (half - start));
  const double at_half = shape_ > 0.0 ? std::expm1(shape_ * std::log(2.0)) / shape_
                                      : std::pow(std::log(2.0), 1.0 / (1.0 - shape_));
  scale_ = (half - start) / at_half;
}

std::size_t Tails::slot_of(std::int64_t entity) {
  const auto [found, is_new] =
      slots_.try_emplace(entity, static_cast<std::uint32_t>(counts_.size()));
  if (is_new) {
    counts_.push_back(0);
    own_.resize(own_.size() + own_bins, 0.0F);
  }
  return found->second;
}

template <>
void Tails::write(Writer& archive) const {
  shared_state(*this, archive);
  std::vector<std::pair<std::int64_t, std::uint32_t>> order(slots_.begin(), slots_.end());
  std::sort(order.begin(), order.end());
  archive.value(static_cast<std::uint32_t>(order.size()));
  for (const auto& [entity, slot] : order) {
    const float* history = own_.data() + own_bins * slot;
    std::uint64_t used = 0;
    for (std::size_t bin = 0; bin < own_bins; ++bin) {
      if (history[bin] > 0.0F) used |= std::uint64_t{1} << bin;
    }
    archive.value(entity);
    archive.value(counts_[slot]);
    archive.value(used);
    for (std::size_t bin = 0; bin < own_bins; ++bin) {
      if (history[bin] > 0.0F) archive.value(history[bin]);
    }
  }
}

template <>
void Tails::read(Reader& archive) {
  shared_state(*this, archive);
  archive.require(begun_ <= 1 && since_fit_ >= 0 && since_fit_ <= most_inputs, "a count is wrong");
  archive.require(possible_time(origin_), "a window out of time");
  archive.require(
      shape_ >= (run_ > 0.0 ? 0.0 : lightest_tail) && shape_ <= largest_shape && scale_ >= 0.0,
      "a tail is wrong");
  for (const double each : pooled_) archive.require(each >= 0.0, "a weight is negative");
  const std::size_t entities = archive.count(20);
  slots_.reserve(entities);
  counts_.assign(entities, 0);
  own_.assign(entities * own_bins, 0.0F);
  std::int64_t last = 0;
  for (std::size_t slot = 0; slot < entities; ++slot) {
    std::int64_t entity = 0;
    std::uint64_t used = 0;
    archive.value(entity);
    archive.require(slot == 0 || entity > last, "entities in the wrong order");
    last = entity;
    archive.value(counts_[slot]);
    archive.value(used);
    for (std::size_t bin = 0; bin < own_bins; ++bin) {
      if ((used >> bin & 1) == 0) continue;
      float& weight = own_[own_bins * slot + bin];
      archive.value(weight);
      archive.require(weight > 0.0F, "a weight is not positive");
    }
    slots_.emplace(entity, static_cast<std::uint32_t>(slot));
  }
}

}  // namespace anomalyd
