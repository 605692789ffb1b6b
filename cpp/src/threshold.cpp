#include "anomalyd/threshold.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace anomalyd {
namespace {

// Scores from which the statistics judge; until then a fixed threshold does (§9).
constexpr std::int64_t warm_up = 20;
constexpr double early_threshold = 1.5;
// One extreme score must not set what is usual (§9).
constexpr double score_cap = 2.0;
// A score counts as high from this many deviations above the mean.
constexpr double tail_start = 1.7;
// Scores that hardly moved: less than this is not worth telling apart.
constexpr double least_excess = 0.02;
// Scores that come more often than one in e^3.3 = 27 are no anomalies, however they are
// distributed.
constexpr double least_rarity = 3.3;
// The rarity of a grade of 1 - 1/e.
constexpr double rarity_scale = 5.0;

Grading graded(double threshold, double rarity) noexcept {
  return {threshold, -std::expm1(-rarity / rarity_scale), rarity};
}

}  // namespace

Thresholder::Thresholder(const Settings& settings) noexcept
    : scores_(settings.time_decay), tail_(settings.time_decay) {}

Grading Thresholder::grade(double score) const noexcept {
  if (!ready()) {
    if (score < early_threshold) return {early_threshold, 0.0, 0.0};
    return graded(early_threshold, least_rarity * score / early_threshold);
  }
  const double threshold = level() + tail_.excess(least_rarity, usual_excess());
  if (score < threshold) return {threshold, 0.0, 0.0};
  return graded(threshold, tail_.surprisal(score - level(), usual_excess()));
}

void Thresholder::update(double score) noexcept {
  if (ready()) tail_.update(score - level());
  scores_.update(std::min(score, score_cap));
}

bool Thresholder::ready() const noexcept { return scores_.count() >= warm_up; }

double Thresholder::usual_excess() const noexcept {
  return std::max(scores_.deviation(), least_excess);
}

double Thresholder::level() const noexcept { return scores_.mean() + tail_start * usual_excess(); }

}  // namespace anomalyd
