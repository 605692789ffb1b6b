// What both fuzzers do to their inputs first.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <vector>

#include "anomalyd/checkpoint_bytes.hpp"

namespace anomalyd {

constexpr std::size_t checksum_size = 4;

inline void put(std::vector<std::uint8_t>& bytes, std::size_t at, std::uint64_t number,
                std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    bytes[at + i] = static_cast<std::uint8_t>(number >> (8 * i));
  }
}

// Makes length and checksum of a frame right, or hardly any changed bytes would get past them.
// `length_at`: where the frame holds the length of the body, which follows it. Bytes shorter than a
// frame stay as they are.
inline void seal(std::vector<std::uint8_t>& bytes, std::size_t length_at) {
  const std::size_t body = length_at + 4;
  if (bytes.size() < body + checksum_size) return;
  const std::size_t end = bytes.size() - checksum_size;
  put(bytes, length_at, end - body, 4);
  put(bytes, end, crc32c({bytes.data(), end}), checksum_size);
}

// Ends the program if a promise is broken, as a sanitizer does.
inline void promise(bool kept, const char* what) {
  if (kept) return;
  std::cerr << "broken: " << what << '\n';
  std::abort();
}

}  // namespace anomalyd
