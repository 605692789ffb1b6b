// The aggregation of the engine that our influencers are compared with (influencers reference, §3),
// to meet its published numbers. Ours is influence_combine.hpp; both share raw scores, the gamma
// function and the ceilings.
#pragma once

#include <vector>

namespace anomalyd {

// How a joint and an extreme probability are weighed, and how many smallest ones the latter is of.
struct ReferenceStyle {
  double joint_weight;
  double extreme_weight;
  int most;
};

struct ReferenceAnswer {
  double raw;
  double ln_p;
};

constexpr ReferenceStyle people_style{0.0, 1.0, 1};
constexpr ReferenceStyle attributes_style{0.5, 0.5, 5};
constexpr ReferenceStyle detectors_style{0.5, 0.5, 1};

// Aggregates ln p of one or more children; `ln_cutoff`: above it a probability is usual.
ReferenceAnswer reference_aggregate(std::vector<double> ln_p, const ReferenceStyle& style,
                                    double ln_cutoff);

}  // namespace anomalyd
