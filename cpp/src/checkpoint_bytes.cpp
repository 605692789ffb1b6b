#include "anomalyd/checkpoint_bytes.hpp"

#include <array>

namespace anomalyd {
namespace {

using Table = std::array<std::array<std::uint32_t, 256>, 8>;

// tables[k][b]: what the byte b does to the checksum when k more bytes follow it.
constexpr Table make_tables() noexcept {
  Table tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t rest = byte;
    for (int bit = 0; bit < 8; ++bit) {
      rest = (rest & 1U) != 0 ? (rest >> 1) ^ 0x82F63B78U : rest >> 1;
    }
    tables[0][byte] = rest;
  }
  for (std::size_t k = 1; k < tables.size(); ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8) ^ tables[0][before & 0xFFU];
    }
  }
  return tables;
}

constexpr Table tables = make_tables();

#if defined(__x86_64__) && defined(__GNUC__)
// By the processor's own instruction for this polynomial.
__attribute__((target("sse4.2"))) std::uint32_t own_crc32c(BytesView bytes) noexcept {
  std::uint64_t wide = 0xFFFFFFFFU;
  const std::uint8_t* at = bytes.data;
  std::size_t left = bytes.size;
  for (; left >= 8; left -= 8, at += 8) {
    wide = __builtin_ia32_crc32di(wide, little_endian(at, 8));
  }
  auto rest = static_cast<std::uint32_t>(wide);
  for (; left > 0; --left, ++at) rest = __builtin_ia32_crc32qi(rest, *at);
  return ~rest;
}
#endif

}  // namespace

void Reader::fail(const char* what) { throw CheckpointError(std::string("damaged: ") + what); }

std::uint32_t crc32c(BytesView bytes) noexcept {
#if defined(__x86_64__) && defined(__GNUC__)
  static const bool has_own = __builtin_cpu_supports("sse4.2") != 0;
  if (has_own) return own_crc32c(bytes);
#endif
  return portable_crc32c(bytes);
}

// Eight bytes at a time (Kounavis and Berry, 2005).
std::uint32_t portable_crc32c(BytesView bytes) noexcept {
  std::uint32_t rest = 0xFFFFFFFFU;
  const std::uint8_t* at = bytes.data;
  std::size_t left = bytes.size;
  for (; left >= 8; left -= 8, at += 8) {
    const std::uint32_t first = rest ^ static_cast<std::uint32_t>(little_endian(at, 4));
    rest = tables[7][first & 0xFFU] ^ tables[6][(first >> 8) & 0xFFU] ^
           tables[5][(first >> 16) & 0xFFU] ^ tables[4][first >> 24] ^ tables[3][at[4]] ^
           tables[2][at[5]] ^ tables[1][at[6]] ^ tables[0][at[7]];
  }
  for (; left > 0; --left, ++at) rest = (rest >> 8) ^ tables[0][(rest ^ *at) & 0xFFU];
  return ~rest;
}

}  // namespace anomalyd
