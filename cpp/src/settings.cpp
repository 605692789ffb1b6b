#include "anomalyd/settings.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <stdexcept>

namespace anomalyd {
namespace {

template <class Number>
void require(bool holds, const char* field, const char* bounds, Number value) {
  if (holds) return;
  std::ostringstream text;
  text << field << " must be " << bounds << ", got " << value;
  throw std::invalid_argument(text.str());
}

bool within(std::int64_t value, std::int64_t low, std::int64_t high) {
  return low <= value && value <= high;
}

}  // namespace

std::int64_t Settings::forest_output_after() const noexcept {
  const std::int64_t inputs = std::max(start_normalization(), output_after);
  return std::max<std::int64_t>(1, inputs - shingle_size + 1);
}

bool Settings::tolerates(const double* actual, const double* expected) const noexcept {
  const auto holds = [&](const std::vector<Tolerance>& rule) {
    for (std::size_t i = 0; i < rule.size(); ++i) {
      if (!rule[i].covers(actual[i], expected[i])) return false;
    }
    return true;
  };
  return std::any_of(tolerances.begin(), tolerances.end(), holds);
}

void Settings::validate() const {
  require(within(features, 1, 1'000), "features", "from 1 to 1000", features);
  require(within(shingle_size, 1, 128), "shingle_size", "from 1 to 128", shingle_size);
  require(within(dimensions(), 1, 32'768), "features", "at most 32768 / shingle_size", features);
  require(within(trees, 1, 1'000), "trees", "from 1 to 1000", trees);
  // The bound keeps a search that is as deep as the tree within a thread's stack.
  require(within(sample_size, 2, 8'192), "sample_size", "from 2 to 8192", sample_size);
  // Written so that a NaN fails too.
  require(time_decay >= 0.0 && time_decay < 1.0, "time_decay", "from 0 to below 1", time_decay);
  require(within(output_after, 1, 1'000'000), "output_after", "from 1 to 1000000", output_after);
  require(initial_accept_fraction >= 0.0 && initial_accept_fraction <= 1.0,
          "initial_accept_fraction", "from 0 to 1", initial_accept_fraction);
  const std::size_t fixed =
      imputation == Imputation::fixed ? static_cast<std::size_t>(features) : 0;
  require(fixed_values.size() == fixed, "fixed_values",
          fixed == 0 ? "empty unless imputation is FIXED" : "one number per feature for FIXED",
          fixed_values.size());
  for (const double value : fixed_values) {
    require(std::isfinite(value), "fixed_values", "finite", value);
  }
  for (const std::vector<Tolerance>& rule : tolerances) {
    require(rule.size() == static_cast<std::size_t>(features), "tolerances",
            "one per feature in each rule", rule.size());
    for (const Tolerance& each : rule) {
      for (const double bound : {each.over, each.below, each.over_ratio, each.below_ratio}) {
        require(bound >= 0.0, "tolerances", "0 or more", bound);
      }
    }
  }
}

bool operator==(const Tolerance& a, const Tolerance& b) noexcept {
  return a.over == b.over && a.below == b.below && a.over_ratio == b.over_ratio &&
         a.below_ratio == b.below_ratio;
}

bool operator==(const Settings& a, const Settings& b) noexcept {
  return a.features == b.features && a.shingle_size == b.shingle_size && a.trees == b.trees &&
         a.sample_size == b.sample_size && a.time_decay == b.time_decay &&
         a.output_after == b.output_after &&
         a.initial_accept_fraction == b.initial_accept_fraction && a.transform == b.transform &&
         a.corrector == b.corrector && a.imputation == b.imputation &&
         a.fixed_values == b.fixed_values && a.tolerances == b.tolerances &&
         a.verdicts == b.verdicts;
}

}  // namespace anomalyd
