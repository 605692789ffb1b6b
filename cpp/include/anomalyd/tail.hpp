// How probable a score at least this high is, from the history of scores (influencers reference,
// P0): a histogram per entity in coarse bins, and one of all entities in fine bins, which serves
// entities with few scores and gives every history the shape of its extreme tail.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace anomalyd {

// Logarithmic bins: the first for all below `low`, the last for all from about `high` up.
struct LogBins {
  LogBins(double lowest, double highest, std::size_t number);

  std::size_t of(double score) const noexcept;
  // The lower edge of a bin; 0 of the first. The edge after the last bin is `high`.
  double edge(std::size_t bin) const noexcept { return edges[bin]; }

  double low;
  double step;
  std::size_t count;
  std::vector<double> edges;
};

// The histories of one kind of score of a detector's entities. Weights decay forward: new scores
// count more instead of old ones less, so nothing is touched that got no score.
class Tails {
 public:
  // `decay`: by how much weights grow per window, at least 0. `run`: windows in which one event
  // shows, for scores that are logarithms of probabilities: their extreme tail is exponential but
  // for what so few independent scores leave in doubt. 0 = its shape is fitted, and sure.
  explicit Tails(double decay, double run = 0.0);

  // Judges scores of the window number `tick` by the past: ln p, at most 0, of each row. Scores are
  // not NaN. Does not allocate but for a table of the call.
  void judge(std::int64_t tick, const std::vector<std::int64_t>& entities,
             const std::vector<double>& scores, double* ln_p) const;

  // Adds the scores of one window, at most one per entity. Windows before the first one that was
  // learned count little, as their age demands.
  void learn(std::int64_t tick, const std::vector<std::int64_t>& entities,
             const std::vector<double>& scores);

  // What all scores so far weigh in the window number `tick`.
  double weight(std::int64_t tick) const noexcept;

  std::size_t entities() const noexcept { return slots_.size(); }

  template <class Archive>
  void write(Archive& archive) const;
  template <class Archive>
  void read(Archive& archive);

 private:
  struct Tail;

  // What stands before the entities, written and read alike.
  template <class Self, class Archive>
  static void shared_state(Self& self, Archive& archive) {
    archive.value(self.begun_);
    archive.value(self.origin_);
    archive.value(self.since_fit_);
    archive.value(self.shape_);
    archive.value(self.scale_);
    archive.values(self.pooled_);
  }

  double weight_at(std::int64_t tick) const noexcept;
  template <class Weight>
  Tail tail_of(const Weight* history, const LogBins& bins, double total) const noexcept;
  double doubt(double total) const noexcept;
  double ln_p_beyond(const Tail& tail, double doubt, double score) const noexcept;
  double pooled_total() const noexcept;
  double quantile(double share, double total) const noexcept;
  double mean_excess(double start, double end) const noexcept;
  void fit(double weight) noexcept;
  std::size_t slot_of(std::int64_t entity);

  double decay_;
  double run_;
  std::uint32_t begun_ = 0;  // 1 = the origin means something
  std::int64_t origin_ = 0;  // the window whose scores weigh 1
  std::vector<double> pooled_;
  std::int64_t since_fit_;
  double shape_ = 0.0;  // of the tail, -1 to 0.5 (shape_of())
  double scale_ = 0.0;  // of the tail; 0 = not fitted yet
  std::unordered_map<std::int64_t, std::uint32_t> slots_;
  std::vector<std::uint32_t> counts_;  // scores, per slot
  std::vector<float> own_;             // weights [slot][bin]
};

}  // namespace anomalyd
