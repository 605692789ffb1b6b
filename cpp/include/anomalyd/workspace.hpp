// Scratch memory that a thread lends to every model it works on, so that models hold none of their
// own and a step allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "anomalyd/aligned.hpp"
#include "anomalyd/attribution.hpp"
#include "anomalyd/box.hpp"
#include "anomalyd/explanation.hpp"
#include "anomalyd/score.hpp"
#include "anomalyd/settings.hpp"
#include "anomalyd/tree.hpp"

namespace anomalyd {

struct Workspace {
  explicit Workspace(const Settings& settings)
      : paths(abreast, Path(static_cast<std::size_t>(settings.sample_size),
                            static_cast<std::size_t>(settings.dimensions()))),
        trails(static_cast<std::size_t>(settings.sample_size)),
        input(static_cast<std::size_t>(settings.features), 0.0),
        lacking(static_cast<std::size_t>(settings.features), 0),
        block(static_cast<std::size_t>(settings.features), 0.0F),
        query(padded(static_cast<std::size_t>(settings.dimensions())), 0.0F),
        corrected(query),
        expected(query),
        attribution(static_cast<std::size_t>(settings.dimensions())),
        tree_attribution(attribution),
        shadow(static_cast<std::size_t>(settings.dimensions())),
        missing(static_cast<std::size_t>(settings.dimensions()), false),
        unknown(static_cast<std::size_t>(settings.dimensions())),
        leaves(static_cast<std::size_t>(settings.trees)),
        column(static_cast<std::size_t>(settings.trees)),
        usual_step(static_cast<std::size_t>(settings.features), 0.0),
        explanation(static_cast<std::size_t>(settings.features)) {}

  static constexpr std::size_t abreast = Trails::abreast;

  std::vector<Path> paths;            // `abreast` of them
  Trails trails;                      // down the trees, see score.hpp
  std::vector<double> input;          // one input, completed
  std::vector<std::uint8_t> lacking;  // per feature: 1 where the input had no value of its own
  std::vector<float> block;           // one transformed input
  AlignedVector<float> query;         // one shingle, padded
  AlignedVector<float> corrected;     // without an earlier anomaly
  AlignedVector<float> expected;      // as the forest would have it
  Attribution attribution;            // over the forest
  Attribution tree_attribution;       // of one tree
  ScratchBox shadow;                  // see AttributionVisitor
  std::vector<bool> missing;          // per coordinate
  std::vector<std::size_t> unknown;   // the coordinates that are missing
  std::vector<PointIndex> leaves;     // per tree
  std::vector<float> column;          // one coordinate of those
  std::vector<double> usual_step;     // per feature, see Corrector
  Compaction compaction;              // of the point store, see there
  Explanation explanation;            // of the last outcome, as far as it has one
};

}  // namespace anomalyd
