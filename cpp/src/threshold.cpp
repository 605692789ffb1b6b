#include "anomalyd/threshold.hpp"

#include <algorithm>
#include <cmath>

namespace anomalyd {
namespace {

constexpr double score_differencing = 0.5;
constexpr double minimum_scores = 10.0;
constexpr double usual_mean = 0.9;  // below it, normalised scores get a lower threshold
constexpr double absolute_threshold = 0.8;
constexpr double initial_threshold = 1.5;
constexpr double z_factor = 3.0;
constexpr double minimum_z_factor = 2.0;
constexpr double score_cap = 2.0;
// Scores that never moved have no deviation, or that of their rounding; neither is a measure.
constexpr double least_deviation = 1e-6;

// Grades are counted in sixteenths, and a surprise of 0.8 is the whole of it.
double graded(double surprise) noexcept {
  return std::min(std::floor(20.0 * surprise) / 16.0, 1.0);
}

}  // namespace

Thresholder::Thresholder(const Settings& settings) noexcept
    : shingled_(settings.shingle_size > 1),
      normalized_(settings.transform != TransformMethod::none),
      scores_(settings.time_decay),
      differences_(settings.anomaly_rate),
      falls_(settings.time_decay / 2.0) {}

Grading Thresholder::grade(double score) const noexcept {
  const double mean = scores_.mean();
  const double blend = std::clamp(
      (static_cast<double>(scores_.count()) - minimum_scores) / minimum_scores, 0.0, 1.0);
  double z = z_factor;
  if (mean < usual_mean && normalized_) z *= mean / usual_mean;
  z = std::max(z, minimum_z_factor);
  const double deviation = (z - 1.0) * long_term_deviation() + scores_.deviation();

  double floor = absolute_threshold;
  if (blend >= 1.0 && mean < usual_mean) floor *= mean / usual_mean;

  double threshold = std::max(initial_threshold, floor);
  if (ready()) {
    threshold = std::max(floor, blend * (mean + deviation) + (1.0 - blend) * initial_threshold);
  }
  if (score < threshold) return {threshold, 0.0};

  const double surprise = ready() ? (score - threshold) / std::max(deviation, least_deviation)
                                  : (score - floor) / floor;
  const double grade = graded(std::min(1.0, surprise));
  return grade > 0.0 ? Grading{threshold, grade} : Grading{score, 0.0};
}

void Thresholder::update(double score, double corrected) noexcept {
  const double capped = std::min(score, score_cap);
  const double fall = scores_.mean() - capped;
  if (fall > 0.0) falls_.update(fall);
  scores_.update(capped);
  differences_.update(corrected - last_score_);
  if (shingled_) last_score_ = score;
}

bool Thresholder::ready() const noexcept {
  return static_cast<double>(scores_.count()) >= minimum_scores &&
         static_cast<double>(differences_.count()) >= minimum_scores;
}

double Thresholder::long_term_deviation() const noexcept {
  const double falls = std::sqrt(2.0) * falls_.deviation();
  if (!shingled_) return std::min(falls, scores_.deviation());
  const double steps = differences_.deviation();
  const double first = std::min(scores_.deviation(), std::max(steps, falls));
  return score_differencing * first + (1.0 - score_differencing) * steps;
}

}  // namespace anomalyd
