// A model as bytes that outlive the process, and back (docs/formats/model-checkpoint-v1.md).
//
// A restored model answers every further input with the bits that the saved one would have
// answered. What can be computed from the rest is not stored: boxes, the shape of the trees, masses
// and reference counts follow from the points, the samples and the cuts.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "anomalyd/checkpoint_bytes.hpp"
#include "anomalyd/model.hpp"
#include "anomalyd/settings.hpp"

namespace anomalyd {

constexpr std::uint32_t checkpoint_version = 1;

// A model and the timestamp of its last row.
struct SavedModel {
  std::unique_ptr<Model> model;
  std::int64_t last_timestamp;
};

std::vector<std::uint8_t> save_checkpoint(const Model& model, std::int64_t last_timestamp,
                                          const Settings& settings);

// `settings` must outlive the model. Throws CheckpointError for bytes that are not a checkpoint of
// this version and of a model with these settings; whatever the bytes, memory grows with their
// number only.
SavedModel restore_checkpoint(BytesView bytes, const Settings& settings);

}  // namespace anomalyd
