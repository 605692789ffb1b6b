#include "anomalyd/checkpoint.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace anomalyd {
namespace {

constexpr std::array<std::uint8_t, 8> magic{'a', 'n', 'o', 'm', 'a', 'l', 'y', 'd'};
constexpr std::size_t header_size = 24;
constexpr std::size_t checksum_size = 4;

// FNV-1a over the settings as a checkpoint would write them: equal for equal settings, on every
// machine.
std::uint64_t fingerprint(const Settings& settings) {
  Writer writer;
  writer.value(settings.features);
  writer.value(settings.shingle_size);
  writer.value(settings.trees);
  writer.value(settings.sample_size);
  writer.value(settings.time_decay);
  writer.value(settings.output_after);
  writer.value(settings.initial_accept_fraction);
  writer.value(static_cast<std::uint32_t>(settings.transform));
  writer.value(static_cast<std::uint32_t>(settings.corrector));
  if (settings.imputation != Imputation::none) {
    // Later than version 1's first files, whose fingerprints must not change.
    writer.value(static_cast<std::uint32_t>(settings.imputation));
    writer.values(settings.fixed_values);
  }
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const std::uint8_t byte : writer.bytes()) hash = (hash ^ byte) * 0x100000001B3ULL;
  return hash;
}

void refuse_unless(bool holds, const std::string& text) {
  if (!holds) throw CheckpointError(text);
}

}  // namespace

std::vector<std::uint8_t> save_checkpoint(const Model& model, std::int64_t last_timestamp,
                                          const Settings& settings) {
  Writer body;
  body.value(last_timestamp);
  model.save(body);

  Writer writer;
  writer.append({magic.data(), magic.size()});
  writer.value(checkpoint_version);
  writer.value(fingerprint(settings));
  writer.value(static_cast<std::uint32_t>(body.bytes().size()));
  writer.append({body.bytes().data(), body.bytes().size()});
  writer.value(crc32c({writer.bytes().data(), writer.bytes().size()}));
  return writer.take();
}

SavedModel restore_checkpoint(BytesView bytes, const Settings& settings) {
  refuse_unless(bytes.size >= magic.size() && std::equal(magic.begin(), magic.end(), bytes.data),
                "not a model checkpoint");
  refuse_unless(bytes.size >= header_size + checksum_size, "damaged: it ends too early");
  Reader header({bytes.data + magic.size(), header_size - magic.size()});
  std::uint32_t version = 0;
  std::uint64_t of_settings = 0;
  std::uint32_t size = 0;
  header.value(version);
  header.value(of_settings);
  header.value(size);
  // The version first: a later one may have its checksum elsewhere.
  refuse_unless(version == checkpoint_version,
                "checkpoint version " + std::to_string(version) + " is unknown; this is version " +
                    std::to_string(checkpoint_version) +
                    (version > checkpoint_version ? ", written by a newer anomalyd?" : ""));
  refuse_unless(bytes.size == header_size + std::size_t{size} + checksum_size,
                "damaged: it has " + std::to_string(bytes.size) + " bytes, not " +
                    std::to_string(header_size + std::size_t{size} + checksum_size));
  Reader checksum({bytes.data + header_size + size, checksum_size});
  std::uint32_t expected = 0;
  checksum.value(expected);
  refuse_unless(crc32c({bytes.data, header_size + size}) == expected,
                "damaged: the checksum differs");
  refuse_unless(of_settings == fingerprint(settings), "of a model with other settings");

  Reader body({bytes.data + header_size, size});
  SavedModel saved{std::make_unique<Model>(settings, 0), 0};
  body.value(saved.last_timestamp);
  saved.model->load(body);
  body.require(body.left() == 0, "more follows than a model");
  return saved;
}

void Model::save(Writer& writer) const {
  state(*this, writer);
  forest_.save(writer);
}

void Model::load(Reader& reader) {
  state(*this, reader);
  forest_.load(reader);
}

}  // namespace anomalyd
