// Any bytes are refused with a CheckpointError or are a model that works. The fuzzer writes what
// stands between the frame and the checksum; both are made right for it, or it would never get in.
#include <cmath>

#include "anomalyd/checkpoint.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace anomalyd;
  Settings settings;
  settings.trees = 3;
  settings.sample_size = 16;
  settings.shingle_size = 3;
  settings.output_after = 12;
  Workspace workspace(settings);
  constexpr std::size_t frame = 20;  // magic, version, fingerprint
  const std::vector<std::uint8_t> empty = save_checkpoint(Model(settings, 1), 0, settings);
  Writer writer;
  writer.append({empty.data(), frame});
  writer.value(static_cast<std::uint32_t>(size));
  writer.append({data, size});
  writer.value(crc32c({writer.bytes().data(), writer.bytes().size()}));
  try {
    const SavedModel saved =
        restore_checkpoint({writer.bytes().data(), writer.bytes().size()}, settings);
    for (int t = 0; t < 60; ++t) {
      const double value = std::sin(t) + (t == 50 ? 40.0 : 0.0);
      saved.model->process(&value, workspace);
    }
  } catch (const CheckpointError&) {
  }
  return 0;
}
