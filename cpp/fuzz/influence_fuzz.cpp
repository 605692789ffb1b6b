// Any bytes are refused with a CheckpointError or are a state of influencers that works: it judges,
// learns, gives scores anew, and its own bytes are read again. The input is a whole state; what
// would keep every change out (length, checksum) is made right.
#include <cmath>
#include <limits>
#include <vector>

#include "anomalyd/influence.hpp"
#include "sealed.hpp"

namespace {

using namespace anomalyd;

constexpr std::size_t length_at = 12;  // behind magic and version
constexpr std::size_t entities = 6;
constexpr std::int64_t first_tick = 700;  // behind what the golden files have learned

// Rows of three windows, with a model that is warming up and an entity that nothing is known of.
void work(Influence& state) {
  const auto fields = static_cast<std::size_t>(state.shape().fields);
  const auto features = static_cast<std::size_t>(state.shape().features);
  std::vector<std::int64_t> window;
  std::vector<std::int64_t> entity;
  std::vector<std::int64_t> values;
  std::vector<double> score;
  std::vector<double> seen;
  for (std::int64_t tick = first_tick; tick < first_tick + 3; ++tick) {
    for (std::size_t i = 0; i < entities; ++i) {
      window.push_back(tick * state.shape().interval);
      entity.push_back(static_cast<std::int64_t>(i == 5 ? 1000 : i));
      score.push_back(i == 4 ? std::numeric_limits<double>::quiet_NaN() : i == 1 ? 4.0 : 0.7);
      values.insert(values.end(), fields, static_cast<std::int64_t>(i) / 3);
      seen.insert(seen.end(), features, static_cast<double>(i));
    }
  }
  const InfluenceRows rows{window.size(), window.data(), entity.data(),
                           values.data(), score.data(),  seen.data()};
  state.process(rows, false);
  const Influences found = state.process(rows, true);
  std::vector<double> anew(found.score.size());
  state.renormalise(anew.size(), found.field.data(), found.value.data(),
                    found.ln_probability.data(), anew.data());
  anew.insert(anew.end(), found.score.begin(), found.score.end());
  for (const double each : anew) {
    promise(each >= 0.0 && each <= 100.0, "a score is from 0 to 100");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint8_t> bytes(data, data + size);
  seal(bytes, length_at);
  try {
    Influence state = Influence::from_bytes({bytes.data(), bytes.size()});
    const std::vector<std::uint8_t> again = state.to_bytes();
    try {
      Influence::from_bytes({again.data(), again.size()});
    } catch (const CheckpointError& error) {
      promise(false, error.what());
    }
    work(state);
  } catch (const CheckpointError&) {
    // As it should be.
  }
  return 0;
}
