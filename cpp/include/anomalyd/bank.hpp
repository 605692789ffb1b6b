// Many models of one configuration, worked on in batches (decision 6 of the architecture).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "anomalyd/checkpoint.hpp"
#include "anomalyd/model.hpp"
#include "anomalyd/settings.hpp"
#include "anomalyd/workspace.hpp"

namespace anomalyd {

// Rows to process: row i is the input values[i * features ...] of model models[i] at timestamps[i].
struct Batch {
  std::size_t rows;
  const std::int64_t* models;
  const std::int64_t* timestamps;  // epoch milliseconds; increasing within each model
  const double* values;            // NaN = missing, see Model::process()
};

// Questions about shingles: question i is about model models[i] and the inputs
// values[i * dimensions ...], oldest first. Models may repeat.
struct Questions {
  std::size_t rows;
  const std::int64_t* models;
  const double* values;
};

// Where the answers go, one per row and in the rows' order. The last three have `features` elements
// per row, all NaN where a row has no such explanation.
struct Columns {
  double* score;
  double* grade;
  double* confidence;
  double* threshold;
  std::int8_t* suppression;      // of enum Suppression
  std::int64_t* relative_index;  // 0 where nothing is explained
  double* attribution;
  double* expected;
  double* past_values;
  std::uint8_t* imputed;  // `features` per row: 1 where the value was filled in
};

constexpr std::int64_t longest_horizon = 10'000;

// Every member function may be called from any thread; calls take turns. A call that throws
// std::invalid_argument has changed nothing.
class ModelBank {
 public:
  // Validates the settings. `threads` from 1 to 256.
  ModelBank(const Settings& settings, std::int64_t threads);

  // Makes one empty model per seed and returns their numbers. Numbers of removed models come back.
  std::vector<std::int64_t> add(const std::vector<std::uint64_t>& seeds);

  // Throws std::invalid_argument for an unknown or repeated number.
  void remove(const std::vector<std::int64_t>& models);

  // Judges and learns every row: rows of one model in the given order, models on up to `threads`
  // threads. The answers do not depend on how many. Rows that cannot be completed get NaN
  // everywhere and leave no trace but their timestamp. Throws std::invalid_argument for an unknown
  // model, an infinite value or a timestamp that is not above the one before of the same model.
  void process(const Batch& batch, const Columns& columns);

  // Answer a question each by the models as they are now: how anomalous the newest input of the
  // shingle is, which of its values make it so, what is expected in place of NaN, and which `count`
  // stored points are nearest (see Model). Leave no trace. Throw
  // std::invalid_argument for an unknown model or an infinite value.
  void rescore(const Questions& questions, const Columns& columns) const;
  void attribute(const Questions& questions, double* high, double* low) const;
  void impute(const Questions& questions, double* to) const;
  void neighbours(const Questions& questions, std::int64_t count, const NeighbourColumns& to) const;

  // What each model expects of its next `horizon` inputs: horizon * features values per model.
  // Leaves no trace. Throws std::invalid_argument for an unknown model.
  void forecast(const std::vector<std::int64_t>& models, std::int64_t horizon,
                const ForecastColumns& to) const;

  // The bytes of each model, of which restore() makes it again, in this bank or another one with
  // the same settings. Throws std::invalid_argument for an unknown model.
  std::vector<std::vector<std::uint8_t>> checkpoint(const std::vector<std::int64_t>& models) const;

  // Makes one model per checkpoint, which goes on to the bit where the saved one stood, and returns
  // their numbers. Throws std::invalid_argument that says which one is not a checkpoint of a model
  // with this bank's settings, and why.
  std::vector<std::int64_t> restore(const std::vector<BytesView>& checkpoints);

  std::vector<std::int64_t> updates(const std::vector<std::int64_t>& models) const;
  std::vector<std::int64_t> size_in_bytes(const std::vector<std::int64_t>& models) const;
  std::size_t size() const;
  const Settings& settings() const noexcept { return settings_; }

 private:
  struct Member {
    std::unique_ptr<Model> model;
    std::int64_t last_timestamp;
  };
  struct Schedule;

  std::vector<std::int64_t> adopt(std::vector<Member> members);
  void require_known(std::int64_t model) const;
  Schedule schedule(const Batch& batch) const;
  void validate(const Questions& questions) const;
  template <class Ask>
  void ask(const Questions& questions, const Ask& ask) const;
  void validate(const Batch& batch, const Schedule& schedule) const;

  const Settings settings_;
  const std::size_t threads_;
  mutable std::mutex mutex_;
  std::vector<Member> members_;
  std::vector<std::int64_t> free_;
  mutable std::vector<Workspace> workspaces_;  // one per thread
};

}  // namespace anomalyd
