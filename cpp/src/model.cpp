#include "anomalyd/model.hpp"

#include <algorithm>
#include <cmath>

namespace anomalyd {

Model::Model(const Settings& settings, std::uint64_t seed)
    : settings_(settings),
      recent_(static_cast<std::size_t>((settings.shingle_size - 1) * settings.features), 0.0),
      transform_(settings),
      shingle_(static_cast<std::size_t>(settings.features),
               static_cast<std::size_t>(settings.shingle_size)),
      forest_(settings, seed),
      thresholder_(settings),
      corrector_(settings),
      quality_(settings.time_decay),
      guessed_(settings.guesses() ? static_cast<std::size_t>(settings.shingle_size) : 0, 0U),
      slopes_(settings.imputation == Imputation::linear
                  ? static_cast<std::size_t>(settings.features)
                  : 0,
              0.0) {}

Outcome Model::process(const double* values, Workspace& workspace) {
  if (!complete(values, workspace)) return left_out();
  values = workspace.input.data();
  if (buffer_initial(values, workspace)) return {};

  transform_.apply(values, workspace.block.data());
  Outcome outcome;
  if (shingle_.completes() && forest_.ready()) {
    shingle_.preview(workspace.block.data(), workspace.query.data());
    outcome = judge(corrector_, recent_.data(), values, workspace);
    // The score of a mere guess says nothing of what scores are usual.
    if (settings_.verdicts && !is_guess(workspace)) thresholder_.update(outcome.score);
  }
  learn_statistics(values, workspace);
  learn_point(workspace);
  remember(values);
  ++inputs_;
  return outcome;
}

void Model::prefetch_step(const double* values, Workspace& workspace) const noexcept {
  if (!shingle_.completes() || !forest_.ready()) return;
  // To fill in what is missing may take a walk of its own.
  const auto lacks = [](double value) { return std::isnan(value); };
  if (std::any_of(values, values + settings_.features, lacks)) return;
  transform_.apply(values, workspace.block.data());
  shingle_.preview(workspace.block.data(), workspace.query.data());
  forest_.prefetch_step(workspace.query.data(), workspace);
}

// Judges workspace.query, whose inputs are `before` (all but the newest, oldest first) and
// `newest`.
Outcome Model::judge(Corrector& corrector, const double* before, const double* newest,
                     Workspace& workspace) const {
  Outcome outcome;
  outcome.score = forest_.score(workspace.query.data(), workspace);
  if (!settings_.verdicts) return outcome;
  const Grading grading = thresholder_.grade(outcome.score);
  outcome.grade = grading.grade;
  outcome.threshold = grading.threshold;
  outcome.confidence = confidence();
  if (outcome.grade > 0.0 && !(settings_.corrector && settings_.shingle_size > 1)) {
    explain(corrector.explain(forest_, workspace), before, newest, outcome, workspace);
    if (is_tolerated(newest, outcome, workspace)) outcome.tolerate();
  } else if (outcome.grade > 0.0) {
    const Judgement judgement =
        corrector.judge(inputs_, grading, {forest_, transform_, thresholder_}, workspace);
    outcome.grade = judgement.grade;
    outcome.suppression = judgement.suppression;
    if (judgement.block) explain(*judgement.block, before, newest, outcome, workspace);
    if (is_tolerated(newest, outcome, workspace)) {
      outcome.tolerate();
      corrector.take_back(judgement);
    }
  }
  return outcome;
}

// Whether a rule ignores the anomaly that was just explained. Where nothing is expected nothing is
// near it.
bool Model::is_tolerated(const double* newest, const Outcome& outcome,
                         const Workspace& workspace) const noexcept {
  if (outcome.grade <= 0.0 || !outcome.has_expected) return false;
  const Explanation& explanation = workspace.explanation;
  const double* actual = outcome.relative_index < 0 ? explanation.past_values.data() : newest;
  return settings_.tolerates(actual, explanation.expected.data());
}

// Copies the input to workspace.input with its missing values filled in. False if they cannot be.
bool Model::complete(const double* values, Workspace& workspace) const noexcept {
  const auto features = static_cast<std::size_t>(settings_.features);
  bool lacks = false;
  for (std::size_t i = 0; i < features; ++i) {
    const bool missing = std::isnan(values[i]);
    lacks = lacks || missing;
    workspace.lacking[i] = missing ? 1 : 0;
    workspace.input[i] = values[i];
  }
  if (!lacks) return true;
  const bool too_early =
      settings_.guesses() && inputs_ < std::max<std::int64_t>(1, settings_.start_normalization());
  if (settings_.imputation == Imputation::none || too_early) {
    std::fill(workspace.lacking.begin(), workspace.lacking.end(), std::uint8_t{0});
    return false;
  }
  for (std::size_t i = 0; i < features; ++i) {
    if (workspace.lacking[i] != 0) workspace.input[i] = stand_in(i);
  }
  if (settings_.imputation == Imputation::forest) ask_forest(workspace);
  return true;
}

double Model::stand_in(std::size_t feature) const noexcept {
  switch (settings_.imputation) {
    case Imputation::none:
    case Imputation::zero:
      break;
    case Imputation::fixed:
      return settings_.fixed_values[feature];
    case Imputation::linear:
      return transform_.last(feature) + slopes_[feature];
    case Imputation::previous:
    case Imputation::forest:
      return transform_.last(feature);
  }
  return 0.0;
}

// Replaces what stands in workspace.input for missing values by what the forest expects there; a
// forest that knows too little leaves it.
void Model::ask_forest(Workspace& workspace) const noexcept {
  if (!shingle_.completes() || !forest_.ready() || settings_.shingle_size == 1) return;
  const auto features = static_cast<std::size_t>(settings_.features);
  const std::size_t newest = features * static_cast<std::size_t>(settings_.shingle_size - 1);
  transform_.apply(workspace.input.data(), workspace.block.data());
  shingle_.preview(workspace.block.data(), workspace.query.data());
  for (std::size_t i = 0; i < workspace.missing.size(); ++i) {
    workspace.missing[i] = i >= newest && workspace.lacking[i - newest] != 0;
  }
  forest_.impute(workspace.query.data(), workspace);
  for (std::size_t i = 0; i < features; ++i) {
    if (workspace.lacking[i] == 0) continue;
    workspace.input[i] = transform_.undo(i, workspace.query[newest + i]);
  }
}

// The first inputs wait until there are enough to know their scale; then all of them are
// transformed by the statistics of the whole buffer and learned in order (§8).
bool Model::buffer_initial(const double* values, Workspace& workspace) {
  const std::int64_t wanted = settings_.start_normalization();
  if (inputs_ >= wanted) return false;
  const auto features = static_cast<std::size_t>(settings_.features);
  initial_.insert(initial_.end(), values, values + features);
  learn_statistics(values, workspace);
  if (++inputs_ < wanted) return true;

  for (std::size_t first = 0; first < initial_.size(); first += features) {
    const double* input = initial_.data() + first;
    transform_.apply(input, first == 0 ? nullptr : input - features, workspace.block.data());
    learn_point(workspace);
    remember(input);
  }
  std::vector<double>().swap(initial_);
  return true;
}

// Brings what the corrector found at this block to the unit of the inputs.
void Model::explain(std::size_t block, const double* before, const double* newest, Outcome& outcome,
                    Workspace& workspace) const noexcept {
  const auto features = static_cast<std::size_t>(settings_.features);
  const std::size_t first = block * features;
  const std::int64_t relative_index =
      static_cast<std::int64_t>(block) - (settings_.shingle_size - 1);
  Explanation& explanation = workspace.explanation;
  outcome.relative_index = static_cast<std::int32_t>(relative_index);
  outcome.has_expected = settings_.shingle_size > 1;
  const double* actual = relative_index < 0 ? before + first : newest;
  if (outcome.has_expected) {
    for (std::size_t i = 0; i < features; ++i) {
      // The input before the oldest one is not known any more, but its step tells it.
      const double previous = block > 0 ? before[first - features + i]
                              : transform_.differences()
                                  ? actual[i] - transform_.undo(i, workspace.query[first + i], 0.0)
                                  : 0.0;
      explanation.expected[i] = transform_.undo(i, workspace.expected[first + i], previous);
    }
  }
  if (outcome.grade <= 0.0) return;
  if (relative_index < 0) {
    std::copy_n(actual, features, explanation.past_values.begin());
  }
  double total = 0.0;
  for (std::size_t i = 0; i < features; ++i) total += workspace.attribution.at(first + i);
  for (std::size_t i = 0; i < features; ++i) {
    // A score that comes from elsewhere altogether blames no feature more than another.
    explanation.attribution[i] = total > 0.0 ? workspace.attribution.at(first + i) / total
                                             : 1.0 / static_cast<double>(features);
  }
}

void Model::remember(const double* values) noexcept {
  const auto features = static_cast<std::ptrdiff_t>(settings_.features);
  if (recent_.empty()) return;
  std::copy(recent_.begin() + features, recent_.end(), recent_.begin());
  std::copy_n(values, features, recent_.end() - features);
}

void Model::learn_statistics(const double* values, const Workspace& workspace) noexcept {
  for (std::size_t i = 0; i < slopes_.size(); ++i) {
    slopes_[i] = inputs_ == 0 ? 0.0 : values[i] - transform_.last(i);
  }
  if (!settings_.guesses()) {
    transform_.learn(values);
    return;
  }
  const auto guesses =
      std::count(workspace.lacking.begin(), workspace.lacking.end(), std::uint8_t{1});
  quality_.update(1.0 - static_cast<double>(guesses) / static_cast<double>(settings_.features));
  transform_.learn(values, workspace.lacking.data());
}

// A shingle of which half is nothing but guess is not offered to the forest, which would learn its
// own guesses (§8).
void Model::learn_point(Workspace& workspace) {
  shingle_.push(workspace.block.data());
  if (!guessed_.empty()) {
    std::copy(guessed_.begin() + 1, guessed_.end(), guessed_.begin());
    guessed_.back() = is_guess(workspace) ? 1 : 0;
    const auto guesses = std::count(guessed_.begin(), guessed_.end(), 1U);
    if (2 * guesses >= settings_.shingle_size) return;
  }
  if (shingle_.full()) forest_.update(shingle_.data(), workspace);
}

// Whether the input that is worked on is nothing but guess.
bool Model::is_guess(const Workspace& workspace) const noexcept {
  return settings_.guesses() && std::find(workspace.lacking.begin(), workspace.lacking.end(),
                                          std::uint8_t{0}) == workspace.lacking.end();
}

// How much of the horizon 1 / time_decay has been seen (§11): 0 until the forest gives scores, then
// rising to the share of values that were there, which is 1 where nothing is guessed.
double Model::confidence() const noexcept {
  const double seen = static_cast<double>(inputs_) * settings_.time_decay;
  const double warm_up =
      static_cast<double>(std::min(inputs_, settings_.output_after)) * settings_.time_decay;
  const double quality = settings_.guesses() && quality_.count() > 0 ? quality_.mean() : 1.0;
  if (seen <= 0.0) return 0.0;
  if (seen >= 20.0) return quality;
  return quality * std::max(0.0, (std::exp(seen) - std::exp(warm_up)) / std::expm1(seen));
}

std::size_t Model::size_in_bytes() const noexcept {
  return sizeof(Model) + (initial_.capacity() + recent_.capacity()) * sizeof(double) +
         transform_.size_in_bytes() + shingle_.size_in_bytes() + forest_.size_in_bytes() +
         corrector_.size_in_bytes() + guessed_.capacity() * sizeof(std::uint32_t) +
         slopes_.capacity() * sizeof(double);
}

}  // namespace anomalyd
