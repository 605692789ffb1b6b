// Any bytes are refused with a CheckpointError or are a model that works: it learns, answers
// questions, and its own checkpoint is read again. The input is a whole checkpoint of the settings
// of the golden files; what would keep every change out (length, checksum) is made right.
#include <cmath>
#include <limits>
#include <vector>

#include "anomalyd/checkpoint.hpp"
#include "sealed.hpp"

namespace {

using namespace anomalyd;

constexpr std::size_t length_at = 20;  // behind magic, version and fingerprint

Settings golden_settings() {
  Settings settings;
  settings.features = 2;
  settings.shingle_size = 4;
  settings.trees = 6;
  settings.sample_size = 32;
  settings.output_after = 20;
  return settings;
}

void ask(const Model& model, const std::vector<double>& shingle, Workspace& workspace) {
  std::vector<double> one(shingle.size());
  std::vector<double> other(shingle.size());
  std::vector<double> points(2 * shingle.size());
  std::vector<std::int64_t> trees(2);
  model.rescore(shingle.data(), workspace);
  model.attribute(shingle.data(), one.data(), other.data(), workspace);
  model.forecast(2, {one.data(), other.data(), points.data()}, workspace);
  model.neighbours(shingle.data(), 2, {points.data(), one.data(), trees.data()}, workspace);
  std::vector<double> gaps(shingle);
  gaps[3] = gaps[6] = std::numeric_limits<double>::quiet_NaN();
  model.impute(gaps.data(), one.data(), workspace);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Settings settings = golden_settings();
  static Workspace workspace(settings);
  std::vector<std::uint8_t> bytes(data, data + size);
  seal(bytes, length_at);
  SavedModel saved{};
  try {
    saved = restore_checkpoint({bytes.data(), bytes.size()}, settings);
  } catch (const CheckpointError&) {
    return 0;
  }
  const std::vector<std::uint8_t> again = save_checkpoint(*saved.model, 5, settings);
  try {
    restore_checkpoint({again.data(), again.size()}, settings);
  } catch (const CheckpointError& error) {
    promise(false, error.what());
  }
  std::vector<double> inputs;
  for (int t = 0; t < 24; ++t) {
    inputs.push_back(60.0 + 40.0 * std::sin(t));
    inputs.push_back(t == 12 ? 400.0 : 20.0 * (t % 3));
  }
  for (std::size_t at = 0; at < inputs.size(); at += 2) {
    const Outcome outcome = saved.model->process(&inputs[at], workspace);
    promise(outcome.grade >= 0.0 && outcome.grade <= 1.0, "a grade is from 0 to 1");
  }
  ask(*saved.model, {inputs.end() - 8, inputs.end()}, workspace);
  return 0;
}
