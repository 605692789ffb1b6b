#include "anomalyd/corrector.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace anomalyd {
namespace {

// A neighbour counts if it is not much further away than neighbours are on average.
constexpr double neighbour_distance = 1.2;
// The share of trees that must know an input from a similar history, and from how many occasions.
// The reference asks for a tenth and for one, which hides plain incidents; docs/decisions/006.
constexpr double neighbour_support = 0.15;
constexpr std::int64_t least_occasions = 3;
// Scores rarer than one in 500 (ln 500) are not explained by what similar histories led to.
constexpr double beyond_habit = 6.2146;
// "About" in usual steps.
constexpr double nearness = 1.3;
// A window has the shape of another if all of it is within half of that, once the difference of
// their means is taken off, which must be more.
constexpr double same_shape = 0.65;
// How long after the last input of an episode a level may be a new one, in shingles.
// docs/decisions/058.
constexpr std::int64_t settling = 16;
// How much rarer than its alarm an episode must get to alarm again.
constexpr double worse = 2.0;

double difference(float left, float right) noexcept {
  return static_cast<double>(left) - static_cast<double>(right);
}

double distance(const float* a, const float* b, std::size_t dimensions) noexcept {
  return std::sqrt(
      std::inner_product(a, a + dimensions, b, 0.0, std::plus<>(), [](float left, float right) {
        const double apart = difference(left, right);
        return apart * apart;
      }));
}

}  // namespace

Corrector::Corrector(const Settings& settings) noexcept
    : features_(static_cast<std::size_t>(settings.features)),
      shingle_size_(static_cast<std::size_t>(settings.shingle_size)),
      last_step_(std::numeric_limits<std::int64_t>::min() / 2),
      active_step_(last_step_) {}

Judgement Corrector::judge(std::int64_t step, Grading grading, const Evidence& evidence,
                           Workspace& workspace) {
  const bool settles = alarm_rarity_ > 0.0 &&
                       step - active_step_ <= settling * static_cast<std::int64_t>(shingle_size_);
  const bool going_on = step - active_step_ <= static_cast<std::int64_t>(shingle_size_);
  const std::int64_t gap = step - last_step_;
  workspace.corrected = workspace.query;
  if (remove_last_anomaly(gap, workspace.corrected.data())) {
    const double score = evidence.forest.score(workspace.corrected.data(), workspace);
    const Grading without = evidence.thresholder.grade(score);
    if (without.rarity < grading.rarity) grading = without;
    if (grading.grade <= 0.0) {
      calm_since_ = true;
      return {0.0, Suppression::anomaly_in_shingle, std::nullopt, 0.0};
    }
  }
  if (going_on) active_step_ = step;

  const std::size_t block = locate(gap, evidence.forest, workspace);
  measure_steps(evidence.transform, workspace);
  if (is_near(workspace.expected.data(), block, workspace)) {
    return {0.0, Suppression::near_expected, block, 0.0};
  }
  if (grading.rarity < beyond_habit && is_known(block, evidence.forest, workspace)) {
    return {0.0, Suppression::conditional_forecast, block, 0.0};
  }

  if (settles && is_on_another_level(evidence.forest.store(), workspace)) {
    active_step_ = step;
    calm_since_ = true;
    return {0.0, Suppression::drift, block, 0.0};
  }

  expected_.assign(workspace.expected.begin(), workspace.expected.end());
  last_step_ = active_step_ = step;
  const bool repeated = going_on && !calm_since_ && grading.rarity <= worse * alarm_rarity_;
  calm_since_ = false;
  if (repeated) return {0.0, Suppression::alarmed, block, 0.0};
  const double earlier_alarm = going_on ? alarm_rarity_ : 0.0;
  alarm_rarity_ = grading.rarity;
  return {grading.grade, Suppression::none, block, earlier_alarm};
}

std::size_t Corrector::explain(const Forest& forest, Workspace& workspace) const noexcept {
  workspace.corrected = workspace.query;
  return locate(static_cast<std::int64_t>(shingle_size_), forest, workspace);
}

// Splits the score of workspace.corrected, and puts back what was expected at its main block.
std::size_t Corrector::locate(std::int64_t gap, const Forest& forest,
                              Workspace& workspace) const noexcept {
  forest.attribute(workspace.corrected.data(), workspace);
  const std::size_t block = main_block(gap, workspace.attribution);
  // Of a single block nothing would be left to expect it from.
  if (shingle_size_ > 1) expect(block, forest, workspace);
  return block;
}

// Puts the expected values of the last anomaly, `gap` steps ago, into the blocks that its shingle
// shares with this one. False if it has left the window.
bool Corrector::remove_last_anomaly(std::int64_t gap, float* point) const noexcept {
  if (expected_.empty() || gap >= static_cast<std::int64_t>(shingle_size_)) return false;
  const std::size_t left_the_window = static_cast<std::size_t>(gap) * features_;
  const std::size_t shared = shingle_size_ * features_ - left_the_window;
  std::copy_n(expected_.begin() + static_cast<std::ptrdiff_t>(left_the_window), shared, point);
  return true;
}

// The block newer than the last anomaly that the score comes from most; the newest of equal ones.
std::size_t Corrector::main_block(std::int64_t gap, const Attribution& attribution) const noexcept {
  const auto newer =
      static_cast<std::size_t>(std::min(gap, static_cast<std::int64_t>(shingle_size_)));
  std::size_t best = shingle_size_ - 1;
  double largest = 0.0;
  for (std::size_t block = shingle_size_ - newer; block < shingle_size_; ++block) {
    double part = 0.0;
    for (std::size_t i = 0; i < features_; ++i) part += attribution.at(block * features_ + i);
    if (part < largest) continue;
    largest = part;
    best = block;
  }
  return best;
}

// Fills workspace.expected: the corrected point with one block as the forest expects it.
void Corrector::expect(std::size_t block, const Forest& forest,
                       Workspace& workspace) const noexcept {
  std::fill(workspace.missing.begin(), workspace.missing.end(), false);
  const auto first = workspace.missing.begin() + static_cast<std::ptrdiff_t>(block * features_);
  std::fill_n(first, features_, true);
  workspace.expected = workspace.corrected;
  forest.impute(workspace.expected.data(), workspace);
}

// Fills workspace.usual_step: the mean step along the expected point, or the noise of steps where
// that is more.
void Corrector::measure_steps(const Transform& transform, Workspace& workspace) const noexcept {
  const float* expected = workspace.expected.data();
  for (std::size_t feature = 0; feature < features_; ++feature) {
    double steps = 0.0;
    for (std::size_t i = features_ + feature; i < shingle_size_ * features_; i += features_) {
      steps += std::abs(difference(expected[i], expected[i - features_]));
    }
    workspace.usual_step[feature] =
        std::max(steps / static_cast<double>(shingle_size_ - 1), transform.scaled_noise(feature));
  }
}

// Whether every feature of the corrected point is about that of `other` at this block.
bool Corrector::is_near(const float* other, std::size_t block,
                        const Workspace& workspace) const noexcept {
  for (std::size_t feature = 0; feature < features_; ++feature) {
    const std::size_t i = block * features_ + feature;
    if (std::abs(difference(workspace.corrected[i], other[i])) >
        nearness * workspace.usual_step[feature]) {
      return false;
    }
  }
  return true;
}

// Whether the forest holds points like the corrected one, from enough occasions, on another level.
bool Corrector::is_on_another_level(const PointStore& store,
                                    const Workspace& workspace) const noexcept {
  std::int64_t count = 0;
  PointIndex next = 0;  // the first that shares no input with the one counted last
  for (PointIndex point = 0; point < store.end(); ++point) {
    if (point < next || store.references(point) == 0) continue;
    if (!is_moved(store.at(point), workspace)) continue;
    if (++count >= least_occasions) return true;
    next = point + static_cast<PointIndex>(shingle_size_);
  }
  return false;
}

// Whether the corrected point is `other` with a feature or more on another level.
bool Corrector::is_moved(const float* other, const Workspace& workspace) const noexcept {
  const float* point = workspace.corrected.data();
  const std::size_t dimensions = shingle_size_ * features_;
  bool moved = false;
  for (std::size_t feature = 0; feature < features_; ++feature) {
    const double limit = same_shape * workspace.usual_step[feature];
    // Values that are both within the limit of a shift are within twice that of each other, but for
    // rounding. Most points fail that already at the first and the last one.
    const std::size_t last = dimensions - features_ + feature;
    const double between =
        difference(point[feature], other[feature]) - difference(point[last], other[last]);
    if (std::abs(between) > 2.0 * (1.0 + 1e-9) * limit) return false;
    double shift = 0.0;
    for (std::size_t i = feature; i < dimensions; i += features_) {
      shift += difference(point[i], other[i]);
    }
    shift /= static_cast<double>(shingle_size_);
    moved = moved || std::abs(shift) > limit;
    for (std::size_t i = feature; i < dimensions; i += features_) {
      if (std::abs(difference(point[i], other[i]) - shift) > limit) return false;
    }
  }
  return moved;
}

// Whether enough trees hold, at the leaf of the corrected point, a similar history with about the
// same values at this block, and from enough occasions.
bool Corrector::is_known(std::size_t block, const Forest& forest,
                         Workspace& workspace) const noexcept {
  const float* point = workspace.corrected.data();
  const std::size_t dimensions = shingle_size_ * features_;
  forest.neighbours(point, workspace);
  const auto neighbour = [&](PointIndex leaf) { return forest.store().at(leaf); };

  double total = 0.0;
  for (const PointIndex leaf : workspace.leaves) {
    total += distance(neighbour(leaf), point, dimensions);
  }
  const auto trees = static_cast<double>(workspace.leaves.size());
  const double furthest = neighbour_distance * total / trees;
  PointIndex* const first = workspace.leaves.data();
  PointIndex* const last =
      std::partition(first, first + workspace.leaves.size(), [&](PointIndex leaf) {
        return distance(neighbour(leaf), point, dimensions) <= furthest &&
               is_near(neighbour(leaf), block, workspace);
      });
  return static_cast<double>(last - first) >= neighbour_support * trees &&
         occasions(first, last) >= least_occasions;
}

// How many of these points there are that share no input with each other; sorts them. A point is
// the number of its first block, in the order of time.
std::int64_t Corrector::occasions(PointIndex* first, PointIndex* last) const noexcept {
  std::sort(first, last);
  std::int64_t count = 0;
  const PointIndex* counted = nullptr;
  for (const PointIndex* point = first; point != last; ++point) {
    if (counted != nullptr && *point - *counted < shingle_size_) continue;
    counted = point;
    ++count;
  }
  return count;
}

}  // namespace anomalyd
