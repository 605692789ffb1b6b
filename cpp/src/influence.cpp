#include "anomalyd/influence.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

#include "influence_window.hpp"

namespace anomalyd {
namespace {

constexpr std::size_t most_per_window = 500;
constexpr double base_decay = 0.0005;  // per window of half an hour or more
// Scores of a model drift for long after its start; their histories forget twice as fast.
constexpr double history_decay = 2.0;
// Sketches forget slowly: how rare something is takes many samples to tell.
constexpr double sketch_decay = 0.05;
// So do histories of combined probabilities, and the correlation in these: were it to change faster
// than they forget, today's would be compared with a past that was counted otherwise. Ten thousand
// windows, so that the forests' youth, whose scores drift, is forgotten in the end.
constexpr double combined_decay = 0.2;
constexpr double least_combined_weight = 250.0;  // below it theory alone says what they are worth
constexpr std::int64_t full_decay_ms = 1800000;
const double ln_quiet = std::log(2.6e-3);  // less probable groups do not tell of quiet days

double decay_of(const InfluenceShape& shape) noexcept {
  return base_decay * std::min(1.0, static_cast<double>(shape.interval) / full_decay_ms);
}

double maxima_decay_of(const InfluenceShape& shape) noexcept {
  const double longer = static_cast<double>(shape.interval) / full_decay_ms;
  return 2.0 * decay_of(shape) * std::max(longer, 1.0);
}

void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(what);
}

const InfluenceShape& valid(const InfluenceShape& shape) {
  require(shape.fields >= 1 && shape.fields <= 1000, "fields must be 1 to 1000");
  require(shape.features >= 0 && shape.features <= 1000, "features must be 0 to 1000");
  require(shape.interval > 0 && shape.interval <= most_inputs, "interval must be above 0");
  require(shape.period >= shape.interval && shape.period <= most_inputs,
          "period must be at least the interval");
  return shape;
}

bool stronger(const FoundValue& a, const FoundValue& b) noexcept {
  return std::tie(b.score, a.ln_p, a.field, a.value) < std::tie(a.score, b.ln_p, b.field, b.value);
}

}  // namespace

Influence::Influence(const InfluenceShape& shape)
    : shape_(valid(shape)),
      decay_(decay_of(shape)),
      forest_(history_decay * decay_),
      distances_(history_decay * decay_),
      population_(static_cast<std::size_t>(shape.features), decay_),
      dependence_(2 * static_cast<std::size_t>(shape.fields)),
      combined_(2 * static_cast<std::size_t>(shape.fields),
                Tails(combined_decay * decay_,
                      static_cast<double>(shape.period) / static_cast<double>(shape.interval))),
      sketches_(2 * static_cast<std::size_t>(shape.fields),
                QuantileSketch(sketch_decay * decay_ * static_cast<double>(shape.period) /
                               static_cast<double>(shape.interval))),
      maxima_(maxima_decay_of(shape)) {}

// Windows that entities' histories remember.
double Influence::remembered() const noexcept { return 1.0 / (history_decay * decay_); }

// Windows that this row has a sketch of, as far as it remembers.
double Influence::windows_seen(std::size_t row) const noexcept {
  return sketches_[row].samples() * static_cast<double>(shape_.period) /
         static_cast<double>(shape_.interval);
}

double Influence::Dependence::correlation() const noexcept {
  return weight > 0.0 ? std::max(total / weight, 0.0) : 0.0;
}

void Influence::check(const InfluenceRows& rows, const InfluenceShares& shares) const {
  const auto fields = static_cast<std::size_t>(shape_.fields);
  for (std::size_t row = 0; row < rows.count; ++row) {
    require(row == 0 || rows.window[row - 1] <= rows.window[row], "window must be ascending");
    require(possible_time(rows.window[row]), "window must be epoch ms within 2^48 of 0");
    require(
        std::isnan(rows.score[row]) || (rows.score[row] >= 0.0 && std::isfinite(rows.score[row])),
        "score must be 0 or more, or NaN");
    for (std::size_t field = 0; field < fields; ++field) {
      require(rows.values[row * fields + field] >= -1, "values must be -1 or more");
    }
  }
  const auto features = static_cast<std::size_t>(shape_.features);
  for (std::size_t i = 0; i < rows.count * features; ++i) {
    require(!std::isinf(rows.features[i]), "features must be finite, or NaN");
  }
  for (std::size_t i = 0; i < shares.count; ++i) {
    require(shares.row[i] >= 0 && static_cast<std::size_t>(shares.row[i]) < rows.count,
            "share_row must be a row");
    require(shares.field[i] >= 0 && shares.field[i] < shape_.fields,
            "share_field must be a column");
    require(shares.value[i] >= 0, "share_value must be 0 or more");
    require(shares.score[i] >= 0.0 && std::isfinite(shares.score[i]),
            "share_score must be 0 or more");
    require(shares.carriers[i] >= 1 && shares.carriers[i] <= most_inputs,
            "share_carriers must be 1 or more");
  }
}

Influences Influence::process(const InfluenceRows& rows, const InfluenceShares& shares,
                              bool learn) {
  check(rows, shares);
  // Shares by their rows; those of a row by field and value, so that their order means nothing.
  std::vector<std::size_t> share_order(shares.count);
  std::iota(share_order.begin(), share_order.end(), std::size_t{0});
  std::sort(share_order.begin(), share_order.end(), [&](std::size_t a, std::size_t b) {
    return std::tie(shares.row[a], shares.field[a], shares.value[a]) <
           std::tie(shares.row[b], shares.field[b], shares.value[b]);
  });
  std::vector<std::size_t> order(rows.count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto before = [&](std::size_t a, std::size_t b) {
    return std::tie(rows.window[a], rows.entity[a]) < std::tie(rows.window[b], rows.entity[b]);
  };
  if (!std::is_sorted(order.begin(), order.end(), before)) {
    std::sort(order.begin(), order.end(), before);
  }

  Influences found;
  const auto fields = static_cast<std::size_t>(shape_.fields);
  const auto features = static_cast<std::size_t>(shape_.features);
  for (std::size_t at = 0; at < order.size();) {
    Window window;
    window.start = rows.window[order[at]];
    window.tick = window.start / shape_.interval;
    for (; at < order.size() && rows.window[order[at]] == window.start; ++at) {
      const std::size_t row = order[at];
      window.entity.push_back(rows.entity[row]);
      window.score.push_back(rows.score[row]);
      window.features.push_back(rows.features + row * features);
      window.values.push_back(rows.values + row * fields);
      auto share = std::lower_bound(share_order.begin(), share_order.end(), row,
                                    [&](std::size_t i, std::size_t r) {
                                      return static_cast<std::size_t>(shares.row[i]) < r;
                                    });
      for (; share != share_order.end() && static_cast<std::size_t>(shares.row[*share]) == row;
           ++share) {
        window.shares.push_back(
            {window.entity.size() - 1, static_cast<std::size_t>(shares.field[*share]),
             shares.value[*share], shares.score[*share], shares.carriers[*share], 0.0});
      }
    }
    if (learn) last_tick_ = std::max(last_tick_, window.tick);
    judge(window, learn);
    for (std::size_t field = 0; field < fields; ++field) {
      const bool shared =
          std::any_of(window.shares.begin(), window.shares.end(),
                      [&](const Window::Share& share) { return share.field == field; });
      shared ? weigh_shares(window, field, learn, found) : weigh(window, field, learn, found);
    }
    if (learn) maxima_.trim(window.tick);

    const std::size_t kept = std::min(window.found.size(), most_per_window);
    std::partial_sort(window.found.begin(),
                      window.found.begin() + static_cast<std::ptrdiff_t>(kept), window.found.end(),
                      stronger);
    for (std::size_t i = 0; i < kept; ++i) {
      found.window.push_back(window.start);
      found.field.push_back(window.found[i].field);
      found.value.push_back(window.found[i].value);
      found.ln_probability.push_back(window.found[i].ln_p);
      found.score.push_back(window.found[i].score);
    }
  }
  return found;
}

// From scores to probabilities. Entities without a score are compared with the others.
void Influence::judge(Window& window, bool learn) {
  struct Part {
    std::vector<std::size_t> rows;
    std::vector<std::int64_t> entities;
    std::vector<double> scores;
    std::vector<double> ln_p;
  };
  Part scored;
  Part compared;
  std::vector<const double*> cold;
  for (std::size_t row = 0; row < window.entity.size(); ++row) {
    const bool is_cold = std::isnan(window.score[row]);
    if (is_cold) cold.push_back(window.features[row]);
    if (is_cold && !population_.known()) continue;
    Part& part = is_cold ? compared : scored;
    part.rows.push_back(row);
    part.entities.push_back(window.entity[row]);
    part.scores.push_back(is_cold ? population_.distance(window.features[row]) : window.score[row]);
  }
  if (!window.shares.empty()) {
    std::vector<std::int64_t> entities;
    std::vector<double> scores;
    for (const Window::Share& share : window.shares) {
      entities.push_back(window.entity[share.row]);
      scores.push_back(share.score);
    }
    std::vector<double> ln_p(scores.size());
    forest_.judge(window.tick, entities, scores, ln_p.data());
    for (std::size_t i = 0; i < ln_p.size(); ++i) window.shares[i].ln_p = ln_p[i];
  }
  window.ln_p.assign(window.entity.size(), 0.0);
  for (auto [tails, part] : {std::pair{&forest_, &scored}, std::pair{&distances_, &compared}}) {
    if (part->rows.empty()) continue;
    part->ln_p.resize(part->rows.size());
    tails->judge(window.tick, part->entities, part->scores, part->ln_p.data());
    for (std::size_t i = 0; i < part->rows.size(); ++i) window.ln_p[part->rows[i]] = part->ln_p[i];
    if (learn) tails->learn(window.tick, part->entities, part->scores);
  }
  if (learn && !cold.empty()) population_.learn(window.tick, cold);
}

// The values of one field, and the field as a whole.
void Influence::weigh(Window& window, std::size_t field, bool learn, Influences& found) {
  std::vector<std::pair<std::int64_t, std::size_t>> by_value;
  by_value.reserve(window.entity.size());
  for (std::size_t row = 0; row < window.entity.size(); ++row) {
    const std::int64_t value = window.values[row][field];
    if (value >= 0) by_value.emplace_back(value, row);
  }
  if (!std::is_sorted(by_value.begin(), by_value.end())) {
    std::sort(by_value.begin(), by_value.end());
  }
  std::vector<std::int64_t> codes;
  std::vector<Accumulator> groups;
  for (const auto& [value, row] : by_value) {
    if (codes.empty() || codes.back() != value) {
      codes.push_back(value);
      groups.emplace_back();
    }
    groups.back().add(window.ln_p[row]);
  }

  std::vector<double> ln_p;
  const double largest_raw = combine(field, window.tick, codes, groups, learn, ln_p);
  report(window, field, learn, largest_raw, codes, ln_p, found);

  const std::size_t level = static_cast<std::size_t>(shape_.fields) + field;
  Accumulator whole;
  for (const double each : ln_p) whole.add(each);
  const double raw = combine(level, window.tick, {0},
                             std::vector<Accumulator>(codes.empty() ? 0 : 1, whole), learn, ln_p);
  if (learn) sketches_[level].see(window.start / shape_.period, raw, codes.empty() ? 0.0 : 1.0);
  const double level_ln_p = ln_p.empty() ? 0.0 : ln_p[0];
  found.level_window.push_back(window.start);
  found.level_field.push_back(static_cast<std::int64_t>(field));
  found.level_ln_probability.push_back(level_ln_p);
  found.level_raw.push_back(raw);
  found.level_score.push_back(QuantileSketch::Ceilings(sketches_[level]).of(raw, level_ln_p, 0.0));
  found.level_count.push_back(static_cast<std::int64_t>(by_value.size()));
}

// Takes a field's values into its past and reports those that are unusual.
void Influence::report(Window& window, std::size_t field, bool learn, double largest_raw,
                       const std::vector<std::int64_t>& codes, const std::vector<double>& ln_p,
                       Influences& found) {
  if (learn) {
    sketches_[field].see(window.start / shape_.period, largest_raw,
                         static_cast<double>(codes.size()));
  }
  QuantileSketch::Ceilings ceilings(sketches_[field]);
  const auto number = static_cast<std::int64_t>(field);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (ln_p[i] > ln_unusual) continue;
    const double raw = raw_score(ln_p[i]);
    if (learn) found.renormalise |= maxima_.raise(number, codes[i], window.tick, raw);
    const double largest = maxima_.largest(number, codes[i], window.tick);
    window.found.push_back({ceilings.of(raw, ln_p[i], largest), ln_p[i], number, codes[i]});
  }
}

// ln p of each group; returns the largest raw score among them.
//
// Brown's correction knows how much entities depend on each other on average, which is not how
// much they do where their scores are high. So what it gives is a statistic that is compared with
// its own past, as scores are. That past begins when entities' histories are as old as they
// remember: scores are less unusual by younger ones, and so is what they say together. While the
// past is young, the less unusual of the two answers counts.
double Influence::combine(std::size_t row, std::int64_t tick,
                          const std::vector<std::int64_t>& codes,
                          const std::vector<Accumulator>& groups, bool learn,
                          std::vector<double>& ln_p) {
  Dependence& dependence = dependence_[row];
  const double correlation = dependence.correlation();
  if (learn) {
    dependence.total *= 1.0 - combined_decay * decay_;
    dependence.weight *= 1.0 - combined_decay * decay_;
  }
  std::vector<std::size_t> several;
  std::vector<std::int64_t> names;
  std::vector<double> statistics;
  ln_p.resize(groups.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    ln_p[i] = ln_combined(groups[i], correlation);
    if (groups[i].count() <= 1) continue;
    several.push_back(i);
    names.push_back(codes[i]);
    statistics.push_back(-ln_p[i]);
    if (learn && ln_p[i] > ln_quiet) {
      dependence.total += groups[i].correlation();
      dependence.weight += 1.0;
    }
  }
  if (!several.empty()) {
    Tails& past = combined_[row];
    const double weight = past.weight(tick);
    if (weight >= least_combined_weight) {
      const double windows = weight / static_cast<double>(several.size());
      const bool alone = windows >= remembered();
      std::vector<double> by_past(several.size());
      past.judge(tick, names, statistics, by_past.data());
      for (std::size_t i = 0; i < several.size(); ++i) {
        double& each = ln_p[several[i]];
        each = alone ? by_past[i] : std::max(each, by_past[i]);
      }
    }
    if (learn && windows_seen(row) >= remembered()) past.learn(tick, names, statistics);
  }
  double largest = 0.0;
  for (const double each : ln_p) {
    if (each <= ln_unusual) largest = std::max(largest, raw_score(each));
  }
  return largest;
}

void Influence::renormalise(std::size_t count, const std::int64_t* field, const std::int64_t* value,
                            const double* ln_probability, double* score) const {
  std::vector<QuantileSketch::Ceilings> ceilings;
  for (std::int64_t i = 0; i < shape_.fields; ++i) {
    ceilings.emplace_back(sketches_[static_cast<std::size_t>(i)]);
  }
  for (std::size_t row = 0; row < count; ++row) {
    if (field[row] < 0 || field[row] >= shape_.fields) {
      score[row] = 0.0;
      continue;
    }
    const double largest = maxima_.largest(field[row], value[row], last_tick_);
    score[row] = ceilings[static_cast<std::size_t>(field[row])].of(raw_score(ln_probability[row]),
                                                                   ln_probability[row], largest);
  }
}

}  // namespace anomalyd
