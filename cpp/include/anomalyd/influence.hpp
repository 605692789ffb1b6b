// The influencers of one detector's run: which values the unusual scores of a window share, how
// improbable that is, and how it compares with the past.
//
// For a value v of a field, the claim that is tested is "the entities that carry v behave as
// usual". Scores become probabilities by the entities' own histories (tail.hpp), those of a value's
// entities become one (influence_combine.hpp), and that becomes a score (normaliser.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "anomalyd/checkpoint_bytes.hpp"
#include "anomalyd/influence_combine.hpp"
#include "anomalyd/influence_maxima.hpp"
#include "anomalyd/influence_population.hpp"
#include "anomalyd/normaliser.hpp"
#include "anomalyd/tail.hpp"

namespace anomalyd {

struct InfluenceShape {
  std::int64_t fields = 0;    // columns of values, 1 to 1000
  std::int64_t features = 0;  // values per row, 0 to 1000
  std::int64_t interval = 0;  // length of a window, ms, above 0
  std::int64_t period = 0;    // length of a sampling period, ms, at least the interval
};

// Rows of some windows; the arrays are somebody else's.
struct InfluenceRows {
  std::size_t count;
  const std::int64_t* window;  // epoch ms, ascending
  const std::int64_t* entity;  // at most one row per window and entity
  const std::int64_t* values;  // [rows, fields], 0 or more; -1 = the entity has no value there
  const double* score;         // 0 or more; NaN = the entity's model is warming up
  const double* features;      // [rows, features]
};

// What an unusual row's score would be without the documents that carry a value of a further field:
// one element per row and value. Columns that have any are of such fields; the rows' own values
// there mean nothing.
struct InfluenceShares {
  std::size_t count = 0;
  const std::int64_t* row = nullptr;       // position among the rows
  const std::int64_t* field = nullptr;     // a column
  const std::int64_t* value = nullptr;     // 0 or more
  const double* score = nullptr;           // 0 or more
  const std::int64_t* carriers = nullptr;  // entities of the window with the value, 1 or more
};

// One element per unusual value, and one per window and field.
struct Influences {
  std::vector<std::int64_t> window;
  std::vector<std::int64_t> field;
  std::vector<std::int64_t> value;
  std::vector<double> ln_probability;
  std::vector<double> score;
  std::vector<std::int64_t> level_window;
  std::vector<std::int64_t> level_field;
  std::vector<double> level_ln_probability;
  std::vector<double> level_raw;
  std::vector<double> level_score;
  std::vector<std::int64_t> level_count;
  bool renormalise = false;  // whether a maximum rose enough to ask for it
};

class Influence {
 public:
  // Throws std::invalid_argument that names the member and its bounds.
  explicit Influence(const InfluenceShape& shape);

  const InfluenceShape& shape() const noexcept { return shape_; }

  // Judges rows by the past, window after window; learns each window after it was judged unless
  // `learn` is false, which leaves no trace. The order of a window's rows, and how windows are
  // batched, mean nothing. Throws std::invalid_argument before anything has changed.
  Influences process(const InfluenceRows& rows, const InfluenceShares& shares, bool learn);
  Influences process(const InfluenceRows& rows, bool learn) { return process(rows, {}, learn); }

  // The scores that today's state gives to values' probabilities [count].
  void renormalise(std::size_t count, const std::int64_t* field, const std::int64_t* value,
                   const double* ln_probability, double* score) const;

  // The layout is docs/formats/influence-state-v1.md. Equal states have equal bytes.
  std::vector<std::uint8_t> to_bytes() const;
  // Throws CheckpointError.
  static Influence from_bytes(BytesView bytes);

 private:
  struct Window;
  struct Dependence {
    double total = 0.0;  // decayed sum of quiet groups' correlations
    double weight = 0.0;
    double correlation() const noexcept;
  };

  double remembered() const noexcept;
  double windows_seen(std::size_t row) const noexcept;
  void check(const InfluenceRows& rows, const InfluenceShares& shares) const;
  void judge(Window& window, bool learn);
  void weigh(Window& window, std::size_t field, bool learn, Influences& found);
  void report(Window& window, std::size_t field, bool learn, double largest_raw,
              const std::vector<std::int64_t>& codes, const std::vector<double>& ln_p,
              Influences& found);
  void weigh_shares(Window& window, std::size_t field, bool learn, Influences& found);
  double combine(std::size_t row, std::int64_t tick, const std::vector<std::int64_t>& codes,
                 const std::vector<Accumulator>& groups, bool learn, std::vector<double>& ln_p);

  InfluenceShape shape_;
  double decay_;  // per window
  Tails forest_;
  Tails distances_;
  Population population_;
  // Per field: of entities within a value. Then per field: of values within the whole field.
  std::vector<Dependence> dependence_;
  std::vector<Tails> combined_;
  std::vector<QuantileSketch> sketches_;
  Maxima maxima_;
  std::int64_t last_tick_ = 0;
};

}  // namespace anomalyd
