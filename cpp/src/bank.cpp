#include "anomalyd/bank.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "threads.hpp"

namespace anomalyd {
namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();

[[noreturn]] void refuse(const std::string& text) { throw std::invalid_argument(text); }

void write(const std::vector<double>& values, bool given, std::size_t row, double* column) {
  double* to = column + row * values.size();
  if (given) {
    std::copy(values.begin(), values.end(), to);
  } else {
    std::fill_n(to, values.size(), missing);
  }
}

void write(const Outcome& outcome, const Workspace& workspace, std::size_t row,
           const Columns& columns) {
  const Explanation& explanation = workspace.explanation;
  columns.score[row] = outcome.score;
  columns.grade[row] = outcome.grade;
  columns.confidence[row] = outcome.confidence;
  columns.threshold[row] = outcome.threshold;
  columns.suppression[row] = static_cast<std::int8_t>(outcome.suppression);
  columns.relative_index[row] = outcome.relative_index;
  const bool anomalous = outcome.grade > 0.0;
  write(explanation.attribution, anomalous, row, columns.attribution);
  write(explanation.expected, outcome.has_expected, row, columns.expected);
  write(explanation.past_values, anomalous && outcome.relative_index < 0, row, columns.past_values);
  std::copy(workspace.lacking.begin(), workspace.lacking.end(),
            columns.imputed + row * workspace.lacking.size());
}

}  // namespace

// The rows of a batch, model by model: rows[starts[i]] up to rows[starts[i + 1]] are those of
// models[i], in the order in which they came.
struct ModelBank::Schedule {
  std::vector<std::size_t> rows;
  std::vector<std::size_t> starts;
  std::vector<std::int64_t> models;
};

ModelBank::ModelBank(const Settings& settings, std::int64_t threads)
    : settings_((settings.validate(), settings)), threads_(static_cast<std::size_t>(threads)) {
  if (threads < 1 || threads > 256) {
    refuse("threads must be from 1 to 256, got " + std::to_string(threads));
  }
  workspaces_.assign(threads_, Workspace(settings_));
}

std::vector<std::int64_t> ModelBank::add(const std::vector<std::uint64_t>& seeds) {
  const std::lock_guard lock(mutex_);
  std::vector<Member> members;
  members.reserve(seeds.size());
  for (const std::uint64_t seed : seeds) {
    members.push_back(
        {std::make_unique<Model>(settings_, seed), std::numeric_limits<std::int64_t>::min()});
  }
  return adopt(std::move(members));
}

std::vector<std::int64_t> ModelBank::adopt(std::vector<Member> members) {
  std::vector<std::int64_t> numbers;
  numbers.reserve(members.size());
  members_.reserve(members_.size() + members.size());
  for (Member& member : members) {
    if (free_.empty()) {
      members_.push_back(std::move(member));
      numbers.push_back(static_cast<std::int64_t>(members_.size() - 1));
    } else {
      members_[static_cast<std::size_t>(free_.back())] = std::move(member);
      numbers.push_back(free_.back());
      free_.pop_back();
    }
  }
  return numbers;
}

std::vector<std::vector<std::uint8_t>> ModelBank::checkpoint(
    const std::vector<std::int64_t>& models) const {
  const std::lock_guard lock(mutex_);
  for (const std::int64_t model : models) require_known(model);
  std::vector<std::vector<std::uint8_t>> checkpoints(models.size());
  on_threads_each(threads_, models.size(), [&](std::size_t i, std::size_t) {
    const Member& member = members_[static_cast<std::size_t>(models[i])];
    checkpoints[i] = save_checkpoint(*member.model, member.last_timestamp, settings_);
  });
  return checkpoints;
}

std::vector<std::int64_t> ModelBank::restore(const std::vector<BytesView>& checkpoints) {
  const std::lock_guard lock(mutex_);
  std::vector<Member> members(checkpoints.size());
  std::vector<std::string> refusals(checkpoints.size());
  on_threads_each(threads_, checkpoints.size(), [&](std::size_t i, std::size_t) {
    try {
      SavedModel saved = restore_checkpoint(checkpoints[i], settings_);
      members[i] = {std::move(saved.model), saved.last_timestamp};
    } catch (const CheckpointError& error) {
      refusals[i] = error.what();
    }
  });
  for (std::size_t i = 0; i < refusals.size(); ++i) {
    if (!refusals[i].empty()) refuse("checkpoint " + std::to_string(i) + ": " + refusals[i]);
  }
  return adopt(std::move(members));
}

void ModelBank::remove(const std::vector<std::int64_t>& models) {
  const std::lock_guard lock(mutex_);
  for (const std::int64_t model : models) require_known(model);
  std::vector<std::int64_t> sorted = models;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) refuse("model " + std::to_string(*twice) + " is given twice");
  free_.reserve(free_.size() + models.size());
  for (const std::int64_t model : models) {
    members_[static_cast<std::size_t>(model)].model.reset();
    free_.push_back(model);
  }
}

void ModelBank::process(const Batch& batch, const Columns& columns) {
  const std::lock_guard lock(mutex_);
  const Schedule plan = schedule(batch);
  validate(batch, plan);

  const auto features = static_cast<std::size_t>(settings_.features);
  const std::size_t stretch = std::clamp<std::size_t>(plan.models.size() / (4 * threads_), 1, 16);
  const auto member = [&](std::size_t i) -> Member& {
    return members_[static_cast<std::size_t>(plan.models[i])];
  };
  const auto values = [&](std::size_t at) { return batch.values + plan.rows[at] * features; };
  std::atomic<std::size_t> next{0};
  const auto work = [&](std::size_t worker) {
    Workspace& workspace = workspaces_[worker];
    for (Queue queue(next, stretch, plan.models.size()); queue.has(0); queue.advance()) {
      // Models of a batch are usually cold, and what a step waits for is memory. So while one is
      // worked on, the memory of those behind it is on its way.
      if (queue.has(4)) prefetch(member(queue[4]).model.get(), sizeof(Model));
      if (queue.has(3)) member(queue[3]).model->forest().prefetch_heads();
      if (queue.has(2)) member(queue[2]).model->forest().prefetch_tops();
      if (queue.has(1)) {
        member(queue[1]).model->prefetch_step(values(plan.starts[queue[1]]), workspace);
      }
      Member& now = member(queue[0]);
      for (std::size_t at = plan.starts[queue[0]]; at < plan.starts[queue[0] + 1]; ++at) {
        const std::size_t row = plan.rows[at];
        write(now.model->process(values(at), workspace), workspace, row, columns);
        now.last_timestamp = batch.timestamps[row];
      }
    }
  };
  on_threads(std::max<std::size_t>(1, std::min(threads_, plan.models.size())), work);
}

template <class Ask>
void ModelBank::ask(const Questions& questions, const Ask& ask) const {
  const std::lock_guard lock(mutex_);
  validate(questions);
  const auto dimensions = static_cast<std::size_t>(settings_.dimensions());
  on_threads_each(threads_, questions.rows, [&](std::size_t row, std::size_t worker) {
    const Model& model = *members_[static_cast<std::size_t>(questions.models[row])].model;
    ask(model, questions.values + row * dimensions, row, workspaces_[worker]);
  });
}

void ModelBank::rescore(const Questions& questions, const Columns& columns) const {
  ask(questions,
      [&](const Model& model, const double* shingle, std::size_t row, Workspace& workspace) {
        write(model.rescore(shingle, workspace), workspace, row, columns);
      });
}

void ModelBank::attribute(const Questions& questions, double* high, double* low) const {
  const auto values = static_cast<std::size_t>(settings_.dimensions());
  ask(questions,
      [&](const Model& model, const double* shingle, std::size_t row, Workspace& workspace) {
        model.attribute(shingle, high + row * values, low + row * values, workspace);
      });
}

void ModelBank::impute(const Questions& questions, double* to) const {
  const auto values = static_cast<std::size_t>(settings_.dimensions());
  ask(questions,
      [&](const Model& model, const double* shingle, std::size_t row, Workspace& workspace) {
        model.impute(shingle, to + row * values, workspace);
      });
}

void ModelBank::neighbours(const Questions& questions, std::int64_t count,
                           const NeighbourColumns& to) const {
  if (count < 1 || count > settings_.trees) {
    refuse("count must be from 1 to the number of trees, got " + std::to_string(count));
  }
  const auto wanted = static_cast<std::size_t>(count);
  const std::size_t values = wanted * static_cast<std::size_t>(settings_.dimensions());
  ask(questions, [&](const Model& model, const double* shingle, std::size_t row,
                     Workspace& workspace) {
    model.neighbours(
        shingle, count,
        {to.points + row * values, to.distance + row * wanted, to.trees + row * wanted}, workspace);
  });
}

void ModelBank::forecast(const std::vector<std::int64_t>& models, std::int64_t horizon,
                         const ForecastColumns& to) const {
  if (horizon < 1 || horizon > longest_horizon) {
    refuse("horizon must be from 1 to " + std::to_string(longest_horizon) + ", got " +
           std::to_string(horizon));
  }
  const std::lock_guard lock(mutex_);
  for (const std::int64_t model : models) require_known(model);
  const auto cells = static_cast<std::size_t>(horizon * settings_.features);
  on_threads_each(threads_, models.size(), [&](std::size_t i, std::size_t worker) {
    const Model& model = *members_[static_cast<std::size_t>(models[i])].model;
    model.forecast(horizon, {to.values + i * cells, to.low + i * cells, to.high + i * cells},
                   workspaces_[worker]);
  });
}

std::vector<std::int64_t> ModelBank::updates(const std::vector<std::int64_t>& models) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::int64_t> counts;
  counts.reserve(models.size());
  for (const std::int64_t model : models) {
    require_known(model);
    counts.push_back(members_[static_cast<std::size_t>(model)].model->updates());
  }
  return counts;
}

std::vector<std::int64_t> ModelBank::size_in_bytes(const std::vector<std::int64_t>& models) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::int64_t> bytes;
  bytes.reserve(models.size());
  for (const std::int64_t model : models) {
    require_known(model);
    bytes.push_back(static_cast<std::int64_t>(
        members_[static_cast<std::size_t>(model)].model->size_in_bytes()));
  }
  return bytes;
}

std::size_t ModelBank::size() const {
  const std::lock_guard lock(mutex_);
  return members_.size() - free_.size();
}

void ModelBank::require_known(std::int64_t model) const {
  const bool known = model >= 0 && model < static_cast<std::int64_t>(members_.size()) &&
                     members_[static_cast<std::size_t>(model)].model != nullptr;
  if (!known) refuse("there is no model " + std::to_string(model));
}

ModelBank::Schedule ModelBank::schedule(const Batch& batch) const {
  // A counting sort over the members: the models in order of their numbers, rows stable within.
  std::vector<std::size_t> counts(members_.size() + 1, 0);
  for (std::size_t row = 0; row < batch.rows; ++row) {
    require_known(batch.models[row]);
    ++counts[static_cast<std::size_t>(batch.models[row])];
  }
  Schedule plan;
  std::size_t start = 0;
  for (std::size_t model = 0; model < members_.size(); ++model) {
    const std::size_t count = counts[model];
    counts[model] = start;  // from here on: where the next row of this model goes
    if (count == 0) continue;
    plan.models.push_back(static_cast<std::int64_t>(model));
    plan.starts.push_back(start);
    start += count;
  }
  plan.starts.push_back(start);
  plan.rows.resize(batch.rows);
  for (std::size_t row = 0; row < batch.rows; ++row) {
    plan.rows[counts[static_cast<std::size_t>(batch.models[row])]++] = row;
  }
  return plan;
}

void ModelBank::validate(const Questions& questions) const {
  const auto dimensions = static_cast<std::size_t>(settings_.dimensions());
  for (std::size_t row = 0; row < questions.rows; ++row) {
    require_known(questions.models[row]);
    const double* values = questions.values + row * dimensions;
    if (std::any_of(values, values + dimensions, [](double value) { return std::isinf(value); })) {
      refuse("values must be finite or NaN, row " + std::to_string(row) + " is not");
    }
  }
}

void ModelBank::validate(const Batch& batch, const Schedule& schedule) const {
  const auto features = static_cast<std::size_t>(settings_.features);
  for (std::size_t i = 0; i < batch.rows * features; ++i) {
    if (std::isinf(batch.values[i])) {
      refuse("values must be finite or NaN, row " + std::to_string(i / features) + " is not");
    }
  }
  for (std::size_t i = 0; i < schedule.models.size(); ++i) {
    std::int64_t last = members_[static_cast<std::size_t>(schedule.models[i])].last_timestamp;
    for (std::size_t at = schedule.starts[i]; at < schedule.starts[i + 1]; ++at) {
      const std::size_t row = schedule.rows[at];
      if (batch.timestamps[row] <= last) {
        refuse("timestamps must increase within a model: model " +
               std::to_string(schedule.models[i]) + ", row " + std::to_string(row) + " has " +
               std::to_string(batch.timestamps[row]) + " after " + std::to_string(last));
      }
      last = batch.timestamps[row];
    }
  }
}

}  // namespace anomalyd
