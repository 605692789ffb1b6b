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
      corrector_(settings) {}

Outcome Model::process(const double* values, Workspace& workspace) {
  if (buffer_initial(values, workspace)) return {};

  transform_.apply(values, workspace.block.data());
  Outcome outcome;
  if (shingle_.completes() && forest_.ready()) {
    shingle_.preview(workspace.block.data(), workspace.query.data());
    outcome.score = forest_.score(workspace.query.data(), workspace);
    const Grading grading = thresholder_.grade(outcome.score);
    outcome.grade = grading.grade;
    outcome.threshold = grading.threshold;
    outcome.confidence = confidence();
    double corrected_score = outcome.score;
    if (outcome.grade > 0.0 && !(settings_.corrector && settings_.shingle_size > 1)) {
      explain(corrector_.explain(forest_, workspace), outcome, workspace);
    } else if (outcome.grade > 0.0) {
      const Judgement judgement = corrector_.judge(inputs_, outcome.score, outcome.grade,
                                                   {forest_, transform_, thresholder_}, workspace);
      outcome.grade = judgement.grade;
      outcome.suppression = judgement.suppression;
      corrected_score = judgement.corrected_score;
      if (judgement.block) explain(*judgement.block, outcome, workspace);
    }
    thresholder_.update(outcome.score, corrected_score);
  }
  transform_.learn(values);
  learn_point(workspace);
  remember(values);
  ++inputs_;
  return outcome;
}

// The first inputs wait until there are enough to know their scale; then all of them are
// transformed by the statistics of the whole buffer and learned in order (§8).
bool Model::buffer_initial(const double* values, Workspace& workspace) {
  const std::int64_t wanted = settings_.start_normalization();
  if (inputs_ >= wanted) return false;
  const auto features = static_cast<std::size_t>(settings_.features);
  initial_.insert(initial_.end(), values, values + features);
  transform_.learn(values);
  if (++inputs_ < wanted) return true;

  for (std::size_t first = 0; first < initial_.size(); first += features) {
    transform_.apply(initial_.data() + first, workspace.block.data());
    learn_point(workspace);
    remember(initial_.data() + first);
  }
  std::vector<double>().swap(initial_);
  return true;
}

// Brings what the corrector found at this block to the unit of the inputs.
void Model::explain(std::size_t block, Outcome& outcome, Workspace& workspace) const noexcept {
  const auto features = static_cast<std::size_t>(settings_.features);
  const std::size_t first = block * features;
  const std::int64_t relative_index =
      static_cast<std::int64_t>(block) - (settings_.shingle_size - 1);
  Explanation& explanation = workspace.explanation;
  outcome.relative_index = static_cast<std::int32_t>(relative_index);
  outcome.has_expected = settings_.shingle_size > 1;
  if (outcome.has_expected) {
    for (std::size_t i = 0; i < features; ++i) {
      explanation.expected[i] = transform_.undo(i, workspace.expected[first + i]);
    }
  }
  if (outcome.grade <= 0.0) return;
  if (relative_index < 0) {
    std::copy_n(recent_.begin() + static_cast<std::ptrdiff_t>(first), features,
                explanation.past_values.begin());
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

void Model::learn_point(Workspace& workspace) {
  shingle_.push(workspace.block.data());
  if (shingle_.full()) forest_.update(shingle_.data(), workspace);
}

// How much of the horizon 1 / time_decay has been seen (§11): 0 until the forest gives scores, then
// rising to 1.
double Model::confidence() const noexcept {
  const double seen = static_cast<double>(inputs_) * settings_.time_decay;
  const double warm_up =
      static_cast<double>(std::min(inputs_, settings_.output_after)) * settings_.time_decay;
  if (seen <= 0.0) return 0.0;
  if (seen >= 20.0) return 1.0;
  return std::max(0.0, (std::exp(seen) - std::exp(warm_up)) / std::expm1(seen));
}

std::size_t Model::size_in_bytes() const noexcept {
  return sizeof(Model) + (initial_.capacity() + recent_.capacity()) * sizeof(double) +
         transform_.size_in_bytes() + shingle_.size_in_bytes() + forest_.size_in_bytes() +
         corrector_.size_in_bytes();
}

}  // namespace anomalyd
