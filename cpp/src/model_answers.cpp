// What a model says of inputs that it does not learn.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "anomalyd/model.hpp"

namespace anomalyd {
namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
constexpr double low_share = 0.1;
constexpr double high_share = 0.9;

bool has_gaps(const double* values, std::int64_t count) noexcept {
  return std::any_of(values, values + count, [](double value) { return std::isnan(value); });
}

struct Neighbour {
  PointIndex point;
  std::int64_t trees;
  double distance;
};

}  // namespace

void Model::transform_shingle(const double* shingle, float* point) const noexcept {
  for (std::int64_t block = 0; block < settings_.shingle_size; ++block) {
    const double* input = shingle + block * settings_.features;
    transform_.apply(input, block == 0 ? nullptr : input - settings_.features,
                     point + block * settings_.features);
  }
}

Outcome Model::rescore(const double* shingle, Workspace& workspace) const {
  std::fill(workspace.lacking.begin(), workspace.lacking.end(), std::uint8_t{0});
  if (has_gaps(shingle, settings_.dimensions())) return left_out();
  if (!forest_.ready()) return {};
  transform_shingle(shingle, workspace.query.data());
  Corrector corrector(settings_);
  const double* newest = shingle + (settings_.shingle_size - 1) * settings_.features;
  return judge(corrector, shingle, newest, workspace);
}

// The shingle moves on by one block at a time, whose values are what the forest expects there.
void Model::forecast(std::int64_t horizon, const ForecastColumns& to, Workspace& workspace) const {
  const auto features = static_cast<std::size_t>(settings_.features);
  const auto steps = static_cast<std::size_t>(horizon);
  if (!shingle_.full() || !forest_.ready() || settings_.shingle_size == 1) {
    for (double* column : {to.values, to.low, to.high}) {
      std::fill_n(column, steps * features, nothing);
    }
    return;
  }
  const std::size_t dimensions = static_cast<std::size_t>(settings_.dimensions());
  const std::size_t newest = dimensions - features;
  float* query = workspace.query.data();
  std::copy_n(shingle_.data(), dimensions, query);
  for (std::size_t step = 0; step < steps; ++step) {
    std::copy(query + features, query + dimensions, query);
    for (std::size_t i = 0; i < dimensions; ++i) workspace.missing[i] = i >= newest;
    forest_.impute(query, workspace);
    for (std::size_t i = 0; i < features; ++i) {
      std::vector<float>& column = workspace.column;
      std::transform(workspace.leaves.begin(), workspace.leaves.end(), column.begin(),
                     [&](PointIndex leaf) { return forest_.store().at(leaf)[newest + i]; });
      std::sort(column.begin(), column.end());
      const auto at = [&](double share) {
        return column[static_cast<std::size_t>(share * static_cast<double>(column.size() - 1))];
      };
      const std::size_t cell = step * features + i;
      const double previous = step == 0 ? transform_.last(i) : to.values[cell - features];
      to.values[cell] = transform_.undo(i, query[newest + i], previous);
      to.low[cell] = transform_.undo(i, at(low_share), previous);
      to.high[cell] = transform_.undo(i, at(high_share), previous);
    }
  }
}

void Model::attribute(const double* shingle, double* high, double* low,
                      Workspace& workspace) const {
  const auto dimensions = static_cast<std::size_t>(settings_.dimensions());
  if (has_gaps(shingle, settings_.dimensions()) || !forest_.ready()) {
    std::fill_n(high, dimensions, nothing);
    std::fill_n(low, dimensions, nothing);
    return;
  }
  transform_shingle(shingle, workspace.query.data());
  forest_.attribute(workspace.query.data(), workspace);
  std::copy(workspace.attribution.high.begin(), workspace.attribution.high.end(), high);
  std::copy(workspace.attribution.low.begin(), workspace.attribution.low.end(), low);
}

void Model::impute(const double* shingle, double* to, Workspace& workspace) const {
  const auto features = static_cast<std::size_t>(settings_.features);
  const auto dimensions = static_cast<std::size_t>(settings_.dimensions());
  std::copy_n(shingle, dimensions, to);
  std::size_t known = 0;
  for (std::size_t i = 0; i < dimensions; ++i) {
    // A step is unknown, too, if the value before it is.
    const bool from_gap = transform_.differences() && i >= features && std::isnan(to[i - features]);
    workspace.missing[i] = std::isnan(to[i]) || from_gap;
    if (!workspace.missing[i]) ++known;
  }
  if (known == 0 || known == dimensions || !forest_.ready()) return;
  transform_shingle(shingle, workspace.query.data());
  forest_.impute(workspace.query.data(), workspace);
  for (std::size_t i = 0; i < dimensions; ++i) {
    if (!std::isnan(to[i])) continue;
    const double previous = i < features ? transform_.last(i) : to[i - features];
    to[i] = transform_.undo(i % features, workspace.query[i], previous);
  }
}

void Model::neighbours(const double* shingle, std::int64_t count, const NeighbourColumns& to,
                       Workspace& workspace) const {
  const auto features = static_cast<std::size_t>(settings_.features);
  const auto dimensions = static_cast<std::size_t>(settings_.dimensions());
  const auto wanted = static_cast<std::size_t>(count);
  std::fill_n(to.points, wanted * dimensions, nothing);
  std::fill_n(to.distance, wanted, nothing);
  std::fill_n(to.trees, wanted, std::int64_t{0});
  if (has_gaps(shingle, settings_.dimensions()) || !forest_.ready()) return;
  transform_shingle(shingle, workspace.query.data());
  forest_.neighbours(workspace.query.data(), workspace);

  std::vector<PointIndex> leaves = workspace.leaves;
  std::sort(leaves.begin(), leaves.end());
  std::vector<Neighbour> found;
  for (const PointIndex leaf : leaves) {
    if (!found.empty() && found.back().point == leaf) {
      ++found.back().trees;
      continue;
    }
    const float* point = forest_.store().at(leaf);
    const double squares = std::inner_product(point, point + dimensions, workspace.query.data(),
                                              0.0, std::plus<>(), [](float a, float b) {
                                                const double difference =
                                                    static_cast<double>(a) - static_cast<double>(b);
                                                return difference * difference;
                                              });
    found.push_back({leaf, 1, std::sqrt(squares)});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Neighbour& a, const Neighbour& b) { return a.distance < b.distance; });
  for (std::size_t n = 0; n < std::min(wanted, found.size()); ++n) {
    to.distance[n] = found[n].distance;
    to.trees[n] = found[n].trees;
    const float* point = forest_.store().at(found[n].point);
    double* values = to.points + n * dimensions;
    for (std::size_t i = 0; i < dimensions; ++i) {
      // Steps are counted from the same first input as the shingle's own.
      values[i] =
          i < features && transform_.differences()
              ? shingle[i]
              : transform_.undo(i % features, point[i], i < features ? 0.0 : values[i - features]);
    }
  }
}

}  // namespace anomalyd
