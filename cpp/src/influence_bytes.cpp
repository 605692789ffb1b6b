// The state of influencers as bytes (docs/formats/influence-state-v1.md).
#include <algorithm>
#include <stdexcept>

#include "anomalyd/influence.hpp"

namespace anomalyd {
namespace {

constexpr std::uint8_t magic[8] = {'i', 'n', 'f', 'l', 'u', 'e', 'n', 'c'};
constexpr std::uint32_t version = 1;
constexpr std::size_t header = 16;  // magic, version, length of the body
constexpr std::size_t trailer = 4;  // checksum
constexpr std::size_t least_field_bytes = 2 * 8 * (2048 + 1201);  // pooled weights and sketches

void append(std::vector<std::uint8_t>& bytes, std::uint32_t number) {
  for (unsigned i = 0; i < 4; ++i) bytes.push_back(static_cast<std::uint8_t>(number >> (8 * i)));
}

void require(bool holds, const char* what) {
  if (!holds) throw CheckpointError(what);
}

}  // namespace

std::vector<std::uint8_t> Influence::to_bytes() const {
  Writer writer;
  for (const std::int64_t each :
       {shape_.fields, shape_.features, shape_.interval, shape_.period, last_tick_}) {
    writer.value(each);
  }
  for (const Dependence& each : dependence_) {
    writer.value(each.total);
    writer.value(each.weight);
  }
  for (const Tails& each : combined_) each.write(writer);
  forest_.write(writer);
  distances_.write(writer);
  Population::state(population_, writer);
  for (const QuantileSketch& sketch : sketches_) QuantileSketch::state(sketch, writer);
  maxima_.write(writer);

  const std::vector<std::uint8_t> body = writer.take();
  if (body.size() > 0xFFFFFFFFU) throw std::length_error("the state has more than 4 GiB");
  std::vector<std::uint8_t> bytes(magic, magic + sizeof(magic));
  append(bytes, version);
  append(bytes, static_cast<std::uint32_t>(body.size()));
  bytes.insert(bytes.end(), body.begin(), body.end());
  append(bytes, crc32c({bytes.data(), bytes.size()}));
  return bytes;
}

Influence Influence::from_bytes(BytesView bytes) {
  require(bytes.size >= sizeof(magic) && std::equal(magic, magic + sizeof(magic), bytes.data),
          "not a state of influencers");
  require(bytes.size >= header + trailer, "damaged: it ends too early");
  require(little_endian(bytes.data + 8, 4) == version,
          "the version of this state of influencers is unknown; it is of a newer release, or "
          "damaged");
  const std::size_t length = little_endian(bytes.data + 12, 4);
  require(bytes.size == header + length + trailer, "damaged: its length is not what it says");
  require(crc32c({bytes.data, header + length}) == little_endian(bytes.data + header + length, 4),
          "damaged: the checksum is wrong");

  Reader reader({bytes.data + header, length});
  InfluenceShape shape;
  std::int64_t last_tick = 0;
  for (std::int64_t* each :
       {&shape.fields, &shape.features, &shape.interval, &shape.period, &last_tick}) {
    reader.value(*each);
  }
  reader.require(shape.fields >= 1 && shape.fields <= 1000 && shape.features >= 0 &&
                     shape.features <= 1000 && shape.interval > 0 &&
                     shape.period >= shape.interval && shape.period <= most_inputs,
                 "its shape is impossible");
  reader.require(possible_time(last_tick), "a window out of time");
  // Before a place is made for each.
  reader.require(static_cast<std::size_t>(shape.fields) <= reader.left() / least_field_bytes,
                 "it ends too early");
  Influence state(shape);
  state.last_tick_ = last_tick;
  for (Dependence& each : state.dependence_) {
    reader.value(each.total);
    reader.value(each.weight);
    reader.require(each.weight >= 0.0, "a weight is negative");
  }
  for (Tails& each : state.combined_) each.read(reader);
  state.forest_.read(reader);
  state.distances_.read(reader);
  Population::state(state.population_, reader);
  for (QuantileSketch& sketch : state.sketches_) QuantileSketch::state(sketch, reader);
  state.maxima_.read(reader);
  reader.require(reader.left() == 0, "something follows its end");
  return state;
}

}  // namespace anomalyd
