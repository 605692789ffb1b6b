// Checkpoints: a restored model is the saved one to the bit, and no bytes do harm.
#include "anomalyd/checkpoint.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "stream.hpp"

namespace anomalyd {
namespace {

using Bytes = std::vector<std::uint8_t>;

BytesView view(const Bytes& bytes) { return {bytes.data(), bytes.size()}; }

// The benchmark stream, rounded to multiples of `step` so that points repeat; 0 = not rounded.
std::vector<double> rows(std::uint64_t seed, std::size_t steps, const Settings& settings,
                         double step) {
  std::vector<double> values =
      testing::stream_rows(seed, steps, static_cast<std::size_t>(settings.features));
  if (step > 0.0) {
    for (double& value : values) value = std::round(value / step) * step;
  }
  return values;
}

void feed(Model& model, Workspace& workspace, const std::vector<double>& values, std::size_t from,
          std::size_t until, std::size_t features) {
  for (std::size_t t = from; t < until; ++t) model.process(&values[t * features], workspace);
}

void expect_same_future(Model& one, Model& other, const Settings& settings,
                        const std::vector<double>& values, std::size_t from) {
  const auto features = static_cast<std::size_t>(settings.features);
  Workspace workspace(settings);
  Workspace other_workspace(settings);
  for (std::size_t t = from; t < values.size() / features; ++t) {
    const Outcome a = one.process(&values[t * features], workspace);
    const Outcome b = other.process(&values[t * features], other_workspace);
    ASSERT_EQ(a.score, b.score) << t;
    ASSERT_EQ(a.grade, b.grade) << t;
    ASSERT_EQ(a.confidence, b.confidence) << t;
    ASSERT_EQ(a.threshold, b.threshold) << t;
    ASSERT_EQ(a.suppression, b.suppression) << t;
    ASSERT_EQ(a.relative_index, b.relative_index) << t;
    ASSERT_EQ(a.has_expected, b.has_expected) << t;
    if (a.has_expected) {
      ASSERT_EQ(workspace.explanation.expected, other_workspace.explanation.expected);
    }
    if (a.grade <= 0.0) continue;
    ASSERT_EQ(workspace.explanation.attribution, other_workspace.explanation.attribution);
    if (a.relative_index == 0) continue;
    ASSERT_EQ(workspace.explanation.past_values, other_workspace.explanation.past_values);
  }
}

Bytes sealed(Bytes bytes) {
  bytes.resize(bytes.size() - 4);
  Writer writer;
  writer.append(view(bytes));
  writer.value(crc32c(view(bytes)));
  return writer.take();
}

std::string refusal(const Bytes& bytes, const Settings& settings) {
  try {
    restore_checkpoint(view(bytes), settings);
  } catch (const CheckpointError& error) {
    return error.what();
  }
  return "";
}

Settings small() {
  Settings settings;
  settings.trees = 4;
  settings.sample_size = 24;
  settings.shingle_size = 3;
  settings.output_after = 12;
  return settings;
}

Bytes small_checkpoint(std::size_t steps) {
  const Settings settings = small();
  Model model(settings, 7);
  Workspace workspace(settings);
  feed(model, workspace, rows(3, steps, settings, 10.0), 0, steps, 1);
  return save_checkpoint(model, 5, settings);
}

TEST(Checksum, HasThePublishedCheckValue) {
  const std::string text = "123456789";
  EXPECT_EQ(crc32c({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}), 0xE3069283U);
  Bytes bytes;
  for (std::uint32_t i = 0; i < 100; ++i) {
    EXPECT_EQ(crc32c(view(bytes)), portable_crc32c(view(bytes))) << i;
    bytes.push_back(static_cast<std::uint8_t>(i * i + 7));
  }
}

TEST(OrderedBits, AreInTheOrderOfTheFloats) {
  const std::vector<float> floats{-1e38F, -2.0F, -1e-45F, -0.0F, 0.0F, 1e-45F, 1.0F, 1e38F};
  for (std::size_t i = 0; i < floats.size(); ++i) {
    EXPECT_EQ(from_ordered_bits(ordered_bits(floats[i])), floats[i]);
    if (i == 0) continue;
    EXPECT_LT(ordered_bits(floats[i - 1]), ordered_bits(floats[i]));
  }
}

TEST(Bits, ComeBackWhateverTheirWidths) {
  std::mt19937 random(1);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::pair<std::uint32_t, unsigned>> numbers;
    Writer writer;
    for (int i = 0; i < round; ++i) {
      const unsigned width = static_cast<unsigned>(random() % 33);
      const auto number = static_cast<std::uint32_t>(random() & ((std::uint64_t{1} << width) - 1));
      numbers.emplace_back(number, width);
      writer.bits(number, width);
    }
    writer.align();
    writer.value(std::uint32_t{77});
    Reader reader({writer.bytes().data(), writer.bytes().size()});
    for (const auto& [number, width] : numbers) ASSERT_EQ(reader.bits(width), number);
    reader.align();
    std::uint32_t behind = 0;
    reader.value(behind);
    EXPECT_EQ(behind, 77U);
    EXPECT_EQ(reader.left(), 0U);
  }
}

TEST(Bits, AreCountedForEveryNumberOfChoices) {
  EXPECT_EQ(bits_for(0), 0U);
  EXPECT_EQ(bits_for(1), 0U);
  for (unsigned bits = 1; bits < 64; ++bits) {
    EXPECT_EQ(bits_for((std::uint64_t{1} << (bits - 1)) + 1), bits);
    EXPECT_EQ(bits_for(std::uint64_t{1} << bits), bits);
  }
  EXPECT_EQ(bits_for(~std::uint64_t{0}), 64U);
}

TEST(Bits, RiceCodesAreReadWithWhatFollows) {
  struct Step {
    std::uint32_t high;
    std::uint32_t low;
    std::uint64_t other;
  };
  const std::vector<Step> steps{{0, 1, 5},  {1, 0, 0},  {7, 6, 1}, {8, 7, 2},   {9, 0, 4},
                                {40, 3, 3}, {70, 5, 6}, {0, 0, 7}, {200, 7, 7}, {2, 2, 2}};
  for (const unsigned width : {3U, 31U, 45U, 61U}) {
    Writer writer;
    for (const Step& step : steps) {
      for (std::uint32_t i = 0; i < step.high; ++i) writer.bits(1, 1);
      writer.bits(0, 1);
      writer.bits(step.low, 3);
      const std::uint64_t other = step.other << (width - 3);
      writer.bits(static_cast<std::uint32_t>(other), std::min(width, 32U));
      if (width > 32) writer.bits(static_cast<std::uint32_t>(other >> 32), width - 32);
    }
    writer.align();
    Writer same;
    for (const Step& step : steps) {
      same.rice(step.high << 3 | step.low, 3, step.other << (width - 3), width);
    }
    same.align();
    EXPECT_EQ(same.bytes(), writer.bytes()) << width;
    Reader reader({writer.bytes().data(), writer.bytes().size()});
    for (const Step& step : steps) {
      std::uint64_t other = 0;
      EXPECT_EQ(reader.rice(3, 200, width, other), step.high << 3 | step.low) << width;
      EXPECT_EQ(other, step.other << (width - 3)) << width;
    }
    reader.align();
    EXPECT_EQ(reader.left(), 0U);
    Reader bounded({writer.bytes().data(), writer.bytes().size()});
    std::uint64_t other = 0;
    const auto read_all = [&] {
      for (std::size_t i = 0; i < steps.size(); ++i) bounded.rice(3, 199, width, other);
    };
    EXPECT_THROW(read_all(), CheckpointError);
    Reader cut({writer.bytes().data(), writer.bytes().size() - 1});
    const auto read_on = [&] {
      for (std::size_t i = 0; i < steps.size(); ++i) cut.rice(3, 200, width, other);
    };
    EXPECT_THROW(read_on(), CheckpointError);
  }
}

TEST(Bits, ManyAtOnceAreTheSameAsOneByOne) {
  for (unsigned width = 1; width <= 32; ++width) {
    for (const std::size_t count : {0U, 1U, 7U, 100U}) {
      for (unsigned before = 0; before < 17; ++before) {
        const auto number = [&](std::size_t i) {
          return static_cast<std::uint32_t>((i + 1) * 2654435761U) >> (32 - width);
        };
        Writer writer;
        writer.bits(before, before);
        for (std::size_t i = 0; i < count; ++i) writer.bits(number(i), width);
        writer.bits(1, 3);
        writer.align();
        Reader reader({writer.bytes().data(), writer.bytes().size()});
        reader.bits(before);
        std::size_t read = 0;
        reader.bits(count, width, [&](std::size_t i, std::uint32_t value) {
          EXPECT_EQ(i, read++);
          EXPECT_EQ(value, number(i)) << width << " " << before << " " << i;
        });
        EXPECT_EQ(read, count);
        EXPECT_EQ(reader.bits(3), 1U);
        reader.align();
        EXPECT_EQ(reader.left(), 0U);
        Reader cut({writer.bytes().data(), count * width / 8});
        EXPECT_THROW(cut.bits(count + 8, width, [](std::size_t, std::uint32_t) {}),
                     CheckpointError);
      }
    }
  }
}

struct Case {
  std::string name;
  Settings settings;
  double step;
};

class Restored : public ::testing::TestWithParam<Case> {};

TEST_P(Restored, AnswersAsTheSavedModelWould) {
  const auto& [name, settings, step] = GetParam();
  const auto features = static_cast<std::size_t>(settings.features);
  for (const std::size_t length : {0, 1, 9, 10, 11, 17, 31, 60, 300, 502, 900}) {
    const std::vector<double> values = rows(length, length + 400, settings, step);
    Model saved(settings, length);
    Workspace workspace(settings);
    feed(saved, workspace, values, 0, length, features);
    const Bytes bytes = save_checkpoint(saved, -3, settings);
    const SavedModel restored = restore_checkpoint(view(bytes), settings);
    EXPECT_EQ(restored.last_timestamp, -3);
    EXPECT_EQ(restored.model->updates(), saved.updates());
    EXPECT_EQ(save_checkpoint(*restored.model, -3, settings), bytes) << "one model, one checkpoint";
    expect_same_future(saved, *restored.model, settings, values, length);
    EXPECT_EQ(save_checkpoint(*restored.model, 0, settings), save_checkpoint(saved, 0, settings));
  }
}

std::vector<Case> cases() {
  Settings wide = small();
  wide.features = 5;
  Settings single = small();
  single.shingle_size = 1;
  single.features = 2;
  Settings plain = small();
  plain.transform = TransformMethod::none;
  plain.corrector = false;
  Settings even = small();
  even.time_decay = 0.0;
  even.sample_size = 2;
  return {{"defaults", {}, 0.0},      {"defaults_repeating", {}, 20.0},
          {"wide", wide, 0.0},        {"single", single, 5.0},
          {"plain", plain, 0.0},      {"smallest_sample", even, 0.0},
          {"constant", small(), 1e6}, {"small", small(), 0.0}};
}

INSTANTIATE_TEST_SUITE_P(Settings, Restored, ::testing::ValuesIn(cases()),
                         [](const auto& of) { return of.param.name; });

TEST(Checkpoint, IsOfOneConfiguration) {
  const Bytes bytes = small_checkpoint(50);
  Settings other = small();
  other.output_after += 1;
  EXPECT_EQ(refusal(bytes, small()), "");
  EXPECT_EQ(refusal(bytes, other), "of a model with other settings");
}

TEST(Checkpoint, SaysWhatIsWrongWithIt) {
  const Bytes bytes = small_checkpoint(50);
  Bytes changed = bytes;
  EXPECT_EQ(refusal({}, small()), "not a model checkpoint");
  changed[0] ^= 1;
  EXPECT_EQ(refusal(changed, small()), "not a model checkpoint");
  changed = bytes;
  changed[8] = 2;
  EXPECT_EQ(refusal(changed, small()),
            "checkpoint version 2 is unknown; this is version 1, written by a newer anomalyd?");
  changed = bytes;
  changed[100] ^= 0x10;
  EXPECT_EQ(refusal(changed, small()), "damaged: the checksum differs");
  changed = bytes;
  changed.pop_back();
  EXPECT_EQ(refusal(changed, small()), "damaged: it has " + std::to_string(bytes.size() - 1) +
                                           " bytes, not " + std::to_string(bytes.size()));
}

TEST(Checkpoint, NoDamagePassesTheChecksum) {
  const Bytes bytes = small_checkpoint(200);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_NE(
        refusal({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length)}, small()), "");
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Bytes changed = bytes;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1U << (bit % 8)));
    ASSERT_NE(refusal(changed, small()), "") << bit;
  }
}

// Somebody who writes the checksum anew gets an error or a model that works.
TEST(Checkpoint, ForgedBytesDoNoHarm) {
  const Settings settings = small();
  Workspace workspace(settings);
  const std::vector<double> values = rows(3, 100, settings, 0.0);
  std::mt19937_64 random(1);
  int refused = 0;
  int passed = 0;
  for (const std::size_t steps : {0, 5, 14, 300}) {
    const Bytes bytes = small_checkpoint(steps);
    for (int round = 0; round < 2000; ++round) {
      Bytes changed = bytes;
      for (std::uint64_t i = random() % 4; i < 4; ++i) {
        changed[24 + random() % (bytes.size() - 28)] = static_cast<std::uint8_t>(random());
      }
      try {
        const SavedModel restored = restore_checkpoint(view(sealed(changed)), settings);
        feed(*restored.model, workspace, values, 0, 60, 1);
        ++passed;
      } catch (const CheckpointError&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(passed, 100);
}

}  // namespace
}  // namespace anomalyd
