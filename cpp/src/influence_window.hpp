// One window while it is judged; private to the sources of Influence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "anomalyd/influence.hpp"

namespace anomalyd {

struct FoundValue {
  double score;
  double ln_p;
  std::int64_t field;
  std::int64_t value;
};

// The rows of one window, in the order of their entities.
struct Influence::Window {
  struct Share {
    std::size_t row;  // position within the window
    std::size_t field;
    std::int64_t value;
    double score;
    std::int64_t carriers;
    double ln_p;  // of the score without the value's documents
  };

  std::vector<Share> shares;
  std::int64_t start;
  std::int64_t tick;
  std::vector<std::int64_t> entity;
  std::vector<double> score;
  std::vector<const double*> features;
  std::vector<const std::int64_t*> values;
  std::vector<double> ln_p;
  std::vector<FoundValue> found;
};

}  // namespace anomalyd
