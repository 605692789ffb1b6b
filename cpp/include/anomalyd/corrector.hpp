// Second thoughts about a score above its threshold (§10).
//
// 1. A shingle carries an anomaly along until it has left the window, so every point behind an
//    anomaly scores high too. What was expected in place of the last anomaly is put back and the
//    forest asked again.
// 2. An input that is about what the forest expects there passes.
// 3. An input passes that the forest knows from similar histories: a series may do one of several
//    usual things next, and the expected one is only the most usual. A share of the trees must know
//    it, and from several separate occasions: what happened once is an incident, not a habit. A
//    score too rare for any habit does not pass.
// 4. For a while after an alarm an input passes whose window has the shape of windows known from
//    separate occasions, on another level: the level has shifted, or drifts, and that was told.
// 5. What is left alarms once: an episode ends when a shingle's length of inputs without another
//    high score has passed. Until then an input alarms again if inputs before it were calm once the
//    last anomaly was taken out of the shingle, which makes it an anomaly of its own, or if it is
//    much rarer than the alarm.
//
// "About" is 1.3 times the usual step of the series: the mean step along the expected
// history, or the noise of its steps where that is more. All features must be about right, at the
// block that the score comes from most. Scores are never changed, only whether they count.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

#include "anomalyd/explanation.hpp"
#include "anomalyd/forest.hpp"
#include "anomalyd/settings.hpp"
#include "anomalyd/threshold.hpp"
#include "anomalyd/transform.hpp"
#include "anomalyd/workspace.hpp"

namespace anomalyd {

struct Judgement {
  double grade;
  Suppression suppression;
  // The block of the shingle that the score comes from most; none if it was not looked for. If
  // there is one, workspace.attribution and workspace.expected are about it.
  std::optional<std::size_t> block;
  double earlier_alarm = 0.0;  // rarity that its episode had alarmed with before; 0 = it had not
};

// What a judgement is made from; all of it in the state before the point is learned.
struct Evidence {
  const Forest& forest;
  const Transform& transform;
  const Thresholder& thresholder;
};

class Corrector {
 public:
  explicit Corrector(const Settings& settings) noexcept;

  // Judges the point in workspace.query, which was graded `grading`, above 0. `step` counts inputs.
  // Remembers the point as the last anomaly if it is one.
  // Requires a shingle_size above 1: without a window there is nothing to correct.
  Judgement judge(std::int64_t step, Grading grading, const Evidence& evidence,
                  Workspace& workspace);

  // Takes back the alarm of a judgement just made: the point stays the last anomaly, so that it is
  // taken out of the shingles to come, but its episode has not alarmed because of it.
  void take_back(const Judgement& judgement) noexcept { alarm_rarity_ = judgement.earlier_alarm; }

  // Explains the point in workspace.query as judge() does, without judging it. Returns the block
  // that its score comes from most. With a shingle_size of 1 nothing is expected.
  std::size_t explain(const Forest& forest, Workspace& workspace) const noexcept;

  // What a checkpoint holds of it, in both directions (checkpoint_bytes.hpp). `step` is that of the
  // next input.
  template <class Self, class Archive>
  static void state(Self& self, std::int64_t step, Archive& archive) {
    std::uint32_t remembers = self.expected_.empty() ? 0 : 1;
    archive.value(remembers);
    archive.require(remembers <= 1, "neither an anomaly nor none");
    if (remembers == 0) return;
    if constexpr (!std::is_const_v<Self>) {
      self.expected_.resize(padded(self.features_ * self.shingle_size_));
    }
    archive.value(self.last_step_);
    archive.value(self.active_step_);
    archive.require(
        0 <= self.last_step_ && self.last_step_ <= self.active_step_ && self.active_step_ < step,
        "an anomaly out of its time");
    archive.value(self.alarm_rarity_);
    archive.require(self.alarm_rarity_ >= 0.0, "an impossible rarity");
    std::uint32_t calm = self.calm_since_ ? 1 : 0;
    archive.value(calm);
    archive.require(calm <= 1, "neither calm nor not");
    if constexpr (!std::is_const_v<Self>) self.calm_since_ = calm == 1;
    archive.values(self.expected_);
  }

  std::size_t size_in_bytes() const noexcept { return expected_.capacity() * sizeof(float); }

 private:
  bool remove_last_anomaly(std::int64_t gap, float* point) const noexcept;
  std::size_t locate(std::int64_t gap, const Forest& forest, Workspace& workspace) const noexcept;
  std::size_t main_block(std::int64_t gap, const Attribution& attribution) const noexcept;
  void expect(std::size_t block, const Forest& forest, Workspace& workspace) const noexcept;
  void measure_steps(const Transform& transform, Workspace& workspace) const noexcept;
  bool is_near(const float* other, std::size_t block, const Workspace& workspace) const noexcept;
  bool is_known(std::size_t block, const Forest& forest, Workspace& workspace) const noexcept;
  bool is_on_another_level(const PointStore& store, const Workspace& workspace) const noexcept;
  bool is_moved(const float* other, const Workspace& workspace) const noexcept;
  std::int64_t occasions(PointIndex* first, PointIndex* last) const noexcept;

  std::size_t features_;
  std::size_t shingle_size_;
  std::int64_t last_step_;       // of the last anomaly, whether it alarmed or not
  std::int64_t active_step_;     // of the last input of its episode
  double alarm_rarity_ = 0.0;    // of the episode's alarm
  bool calm_since_ = false;      // whether an input since the last anomaly was calm in itself
  std::vector<float> expected_;  // its shingle with the expected values in place; empty before any
};

}  // namespace anomalyd
