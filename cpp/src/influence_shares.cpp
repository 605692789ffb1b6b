// The values of fields that no model is split by.
#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "anomalyd/influence.hpp"
#include "influence_window.hpp"

namespace anomalyd {
namespace {

const double ln_small = std::log(0.05);  // a row above it is usual: nobody is to blame
constexpr double least_share = 0.4;      // of a row's ln p that a value must account for

}  // namespace

// The values of a further field, by what is left of unusual rows without them.
//
// A value accounts for the share w = 1 - ln p' / ln p of a row, p' being the row's probability
// without the value's documents, and p^w is its probability of that. Rows that are usual say
// nothing, so only the smallest probabilities of the value's carriers are known. Simes' test needs
// no others: the smallest n p(i) / i, which holds when entities rise together, too.
void Influence::weigh_shares(Window& window, std::size_t field, bool learn, Influences& found) {
  struct Value {
    double carriers = 1.0;
    std::vector<double> ln_p;
  };
  std::map<std::int64_t, Value> by_value;
  for (const Window::Share& share : window.shares) {
    if (share.field != field) continue;
    Value& value = by_value[share.value];
    value.carriers = std::max(value.carriers, static_cast<double>(share.carriers));
    const double ln_row = window.ln_p[share.row];
    if (std::isnan(window.score[share.row]) || ln_row > ln_small) continue;
    const double part = std::clamp(1.0 - share.ln_p / ln_row, 0.0, 1.0);
    if (part >= least_share) value.ln_p.push_back(part * ln_row);
  }
  std::vector<std::int64_t> codes;
  std::vector<double> ln_p;
  double largest_raw = 0.0;
  for (auto& [code, value] : by_value) {
    std::sort(value.ln_p.begin(), value.ln_p.end());
    const double carriers = std::max(value.carriers, static_cast<double>(value.ln_p.size()));
    double ln_value = 0.0;
    for (std::size_t i = 0; i < value.ln_p.size(); ++i) {
      ln_value =
          std::min(ln_value, value.ln_p[i] + std::log(carriers / static_cast<double>(i + 1)));
    }
    codes.push_back(code);
    ln_p.push_back(ln_value);
    if (ln_value <= ln_unusual) largest_raw = std::max(largest_raw, raw_score(ln_value));
  }
  report(window, field, learn, largest_raw, codes, ln_p, found);
  found.level_window.push_back(window.start);
  found.level_field.push_back(static_cast<std::int64_t>(field));
  found.level_ln_probability.push_back(0.0);
  found.level_raw.push_back(0.0);
  found.level_score.push_back(0.0);
  found.level_count.push_back(static_cast<std::int64_t>(window.shares.size()));
}

}  // namespace anomalyd
