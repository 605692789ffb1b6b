// Steps per second on the benchmark stream: one hot model, and many models in turn.
// Usage: core_bench [trees=30] [features=1] [shingle_size=8] [models=1000]
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <vector>

#include "anomalyd/forest.hpp"
#include "anomalyd/model.hpp"
#include "anomalyd/workspace.hpp"
#include "stream.hpp"

namespace {

using namespace anomalyd;
// Processor time of this thread: a shared machine's other work does not count.
double seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Best of several repetitions.
template <class Work>
void report(const char* name, std::size_t steps, Work&& work) {
  double best = 1e300;
  for (int repetition = 0; repetition < 5; ++repetition) {
    const double start = seconds();
    work();
    best = std::min(best, seconds() - start);
  }
  std::printf("%-34s %9.0f steps/s\n", name, static_cast<double>(steps) / best);
}

constexpr std::size_t warm_up = 5000;

void hot(const Settings& settings) {
  const auto features = static_cast<std::size_t>(settings.features);
  constexpr std::size_t steps = 20'000;
  const std::vector<double> rows = testing::stream_rows(42, warm_up + 6 * steps, features);
  Workspace workspace(settings);

  Forest forest(settings, 1);
  std::vector<float> points(rows.begin(), rows.end());
  std::size_t at = 0;
  const auto point = [&] {
    const float* shingle = points.data() + at * features;
    std::copy_n(shingle, settings.dimensions(), workspace.query.begin());
    ++at;
    return shingle;
  };
  while (at < warm_up) forest.update(point(), workspace);
  std::printf("%-34s %9zu bytes\n", "forest after 5,000 updates", forest.size_in_bytes());
  double sum = 0.0;
  report("forest, hot: score + update", steps, [&] {
    for (std::size_t i = 0; i < steps; ++i) {
      const float* shingle = point();
      sum += forest.score(workspace.query.data(), workspace);
      forest.update(shingle, workspace);
    }
  });
  at = warm_up;
  report("forest, hot: score", steps, [&] {
    at = warm_up;
    for (std::size_t i = 0; i < steps; ++i) {
      point();
      sum += forest.score(workspace.query.data(), workspace);
    }
  });

  Model model(settings, 1);
  std::size_t row = 0;
  for (; row < warm_up; ++row) model.process(&rows[row * features], workspace);
  report("model, hot: full step", steps, [&] {
    for (std::size_t i = 0; i < steps; ++i) {
      sum += model.process(&rows[row++ * features], workspace).grade;
    }
  });
  std::printf("%-34s %9zu bytes   (checksum %.6f)\n", "model after 5,000 updates and more",
              model.size_in_bytes(), sum);
}

void in_turn(const Settings& settings, std::size_t count) {
  const auto features = static_cast<std::size_t>(settings.features);
  constexpr std::size_t seen = 1500;
  constexpr std::size_t rounds = 10;
  Workspace workspace(settings);
  std::vector<std::unique_ptr<Model>> models;
  for (std::size_t i = 0; i < count; ++i) {
    models.push_back(std::make_unique<Model>(settings, i));
    const std::vector<double> rows = testing::stream_rows(i, seen, features);
    for (std::size_t t = 0; t < seen; ++t) models[i]->process(&rows[t * features], workspace);
  }
  std::uint64_t t = seen;
  std::vector<double> row(count * features);
  double elapsed = 0.0;
  double sum = 0.0;
  for (std::size_t round = 0; round < rounds; ++round, ++t) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = testing::stream_value(i / features, t, i % features, features);
    }
    const double start = seconds();
    for (std::size_t i = 0; i < count; ++i) {
      sum += models[i]->process(&row[i * features], workspace).score;
    }
    elapsed += seconds() - start;
  }
  std::printf("%-34s %9.0f steps/s   (%zu models, checksum %.6f)\n", "models in turn: full step",
              static_cast<double>(rounds * count) / elapsed, count, sum);
}

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int i, std::int64_t fallback) {
    return argc > i ? std::atoll(argv[i]) : fallback;
  };
  Settings settings;
  settings.trees = argument(1, settings.trees);
  settings.features = argument(2, settings.features);
  settings.shingle_size = argument(3, settings.shingle_size);
  settings.validate();
  hot(settings);
  in_turn(settings, static_cast<std::size_t>(argument(4, 1000)));
  return 0;
}
