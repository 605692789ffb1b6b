// Reading and writing the bytes of a checkpoint: little-endian numbers, and numbers of any number
// of bits. The layout is docs/formats/model-checkpoint-v1.md.
//
// Writer and Reader are the two archives that a part's state() is shown to, so that a part lists
// its fields once for both directions. require() states what must hold of what was read; it means
// nothing to the writer.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "anomalyd/box.hpp"

namespace anomalyd {

// Bytes that are no checkpoint, a damaged one, or one of another version or configuration. The
// text says which.
class CheckpointError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// More inputs than any model sees; sums of a few such numbers stay within 64 bits.
constexpr std::int64_t most_inputs = std::int64_t{1} << 48;

// Whether the difference of two such points in time, or numbers of windows, stays within 64 bits.
constexpr bool possible_time(std::int64_t time) noexcept {
  return -most_inputs <= time && time <= most_inputs;
}

// A checkpoint's bytes, kept by somebody else.
struct BytesView {
  const std::uint8_t* data;
  std::size_t size;
};

// CRC-32C (Castagnoli): reflected polynomial 0x82F63B78, start and final complement all ones.
std::uint32_t crc32c(BytesView bytes) noexcept;
// The same by instructions that every processor has.
std::uint32_t portable_crc32c(BytesView bytes) noexcept;

// Floats as integers in the same order, so that a float between two others is an integer between
// theirs. -0.0 comes before 0.0.
inline std::uint32_t ordered_bits(float value) noexcept {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
}

inline float from_ordered_bits(std::uint32_t ordered) noexcept {
  const std::uint32_t bits = (ordered & 0x80000000U) != 0 ? ordered ^ 0x80000000U : ~ordered;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

// The number that these bytes hold, lowest first. Always with a constant size, so that the loop
// becomes one load.
inline std::uint64_t little_endian(const std::uint8_t* at, std::size_t size) noexcept {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < size; ++i) number |= std::uint64_t{at[i]} << (8 * i);
  return number;
}

// How many bits tell the numbers 0 to count - 1 apart.
inline unsigned bits_for(std::uint64_t count) noexcept {
  return count <= 1 ? 0U : 64U - static_cast<unsigned>(__builtin_clzll(count - 1));
}

class Writer {
 public:
  void value(double number) { word(number); }
  void value(float number) { word(number); }
  void value(std::uint32_t number) { integer(number, 4); }
  void value(std::uint64_t number) { integer(number, 8); }
  void value(std::int64_t number) { integer(static_cast<std::uint64_t>(number), 8); }
  template <class Number>
  void values(const std::vector<Number>& numbers) {
    for (const Number number : numbers) value(number);
  }
  void require(bool, const char*) const noexcept {}
  void append(BytesView bytes) { bytes_.insert(bytes_.end(), bytes.data, bytes.data + bytes.size); }

  // The lowest `width` (up to 32) bits, behind those written before; align() fills the last byte.
  void bits(std::uint32_t number, unsigned width) {
    pending_ |= std::uint64_t{number} << pending_bits_;
    pending_bits_ += width;
    if (pending_bits_ < 32) return;
    integer(pending_ & 0xFFFFFFFFU, 4);
    pending_ >>= 32;
    pending_bits_ -= 32;
  }
  // A number in Rice's code: as many ones as its upper part, a zero, then `low_bits` bits; and
  // behind it the lowest `width` (up to 64) bits of another number.
  void rice(std::uint32_t number, unsigned low_bits, std::uint64_t other, unsigned width) {
    for (std::uint32_t ones = number >> low_bits; ones > 0; --ones) bits(1, 1);
    bits(0, 1);
    bits(number & ((std::uint32_t{1} << low_bits) - 1), low_bits);
    bits(static_cast<std::uint32_t>(other), std::min(width, 32U));
    if (width > 32) bits(static_cast<std::uint32_t>(other >> 32), width - 32);
  }
  void align() {
    integer(pending_, (pending_bits_ + 7) / 8);
    pending_ = 0;
    pending_bits_ = 0;
  }

  const std::vector<std::uint8_t>& bytes() const noexcept { return bytes_; }
  std::vector<std::uint8_t> take() noexcept { return std::move(bytes_); }

 private:
  template <class Number>
  void word(Number number) {
    static_assert(sizeof(Number) == 4 || sizeof(Number) == 8);
    std::conditional_t<sizeof(Number) == 4, std::uint32_t, std::uint64_t> bits_of;
    std::memcpy(&bits_of, &number, sizeof(number));
    integer(bits_of, sizeof(number));
  }
  void integer(std::uint64_t number, std::size_t size) {
    std::uint8_t little[8];
    for (std::size_t i = 0; i < size; ++i) little[i] = static_cast<std::uint8_t>(number >> (8 * i));
    bytes_.insert(bytes_.end(), little, little + size);
  }

  std::vector<std::uint8_t> bytes_;
  std::uint64_t pending_ = 0;
  unsigned pending_bits_ = 0;
};

// Every member function throws CheckpointError where the bytes end too early or hold what cannot
// be; nothing is allocated by a count before the bytes that it counts are known to be there.
class Reader {
 public:
  explicit Reader(BytesView bytes) noexcept : at_(bytes.data), end_(bytes.data + bytes.size) {}

  void value(double& number) { word(number); }
  void value(float& number) {
    word(number);
    require(std::abs(static_cast<double>(number)) <= 1.0001 * largest_coordinate,
            "a coordinate is too large");
  }
  void value(std::uint32_t& number) { number = static_cast<std::uint32_t>(integer(4)); }
  void value(std::uint64_t& number) { number = integer(8); }
  void value(std::int64_t& number) { number = static_cast<std::int64_t>(integer(8)); }
  // As many numbers as the vector has elements.
  template <class Number>
  void values(std::vector<Number>& numbers) {
    for (Number& number : numbers) value(number);
  }
  void require(bool holds, const char* what) const {
    if (!holds) fail(what);
  }

  // A count of things of at least `least_bytes` bytes each that follow.
  std::size_t count(std::size_t least_bytes) {
    const auto number = static_cast<std::size_t>(integer(4));
    require(number <= left() / least_bytes, "a count is larger than what follows");
    return number;
  }

  std::uint32_t bits(unsigned width) {
    fill(width);
    require(width <= pending_bits_, "it ends too early");
    const auto number = static_cast<std::uint32_t>(pending_ & ((std::uint64_t{1} << width) - 1));
    skip(width);
    return number;
  }
  // So many numbers of `width` (1 to 32) bits each, given to use(i, number). None waits for the one
  // before it.
  template <class Use>
  void bits(std::size_t count, unsigned width, Use&& use) {
    // From the byte in which the next bit lies, as long as whole words can be read.
    at_ -= (pending_bits_ + 7) / 8;
    std::size_t offset = (8 - pending_bits_ % 8) % 8;
    const std::uint8_t* const at = at_;
    const std::size_t quick = left() < 16 ? 0 : std::min(count, (left() - 16) * 8 / width);
    for (std::size_t i = 0; i < quick; ++i, offset += width) {
      use(i, static_cast<std::uint32_t>(little_endian(at + offset / 8, 8) >> offset % 8 &
                                        ((std::uint64_t{1} << width) - 1)));
    }
    pending_ = 0;
    pending_bits_ = 0;
    at_ += offset / 8;
    bits(static_cast<unsigned>(offset % 8));
    for (std::size_t i = quick; i < count; ++i) use(i, bits(width));
  }
  // What Writer::rice() wrote: the number, and in `other` the one behind it. Both at once, since
  // where the next one begins is known only then. Refuses upper parts above `most_ones`.
  std::uint32_t rice(unsigned low_bits, std::uint64_t most_ones, unsigned width,
                     std::uint64_t& other) {
    fill(32);
    // 56 bits are there, or nearly nothing is left.
    const auto seen = static_cast<unsigned>(__builtin_ctzll(~pending_ | std::uint64_t{1} << 63));
    const unsigned whole = seen + 1 + low_bits + width;
    if (whole <= pending_bits_) {
      require(seen <= most_ones, "a step is too large");
      const std::uint64_t rest = pending_ >> (seen + 1);
      skip(whole);
      other = rest >> low_bits & ((std::uint64_t{1} << width) - 1);
      return seen << low_bits |
             (static_cast<std::uint32_t>(rest) & ((std::uint32_t{1} << low_bits) - 1));
    }
    std::uint32_t ones = 0;
    while (bits(1) != 0) require(++ones <= most_ones, "a step is too large");
    const std::uint32_t low = bits(low_bits);
    other = bits(std::min(width, 32U));
    if (width > 32) other |= std::uint64_t{bits(width - 32)} << 32;
    return ones << low_bits | low;
  }
  // Goes on at the next whole byte; the bits before it must be 0.
  void align() {
    at_ -= pending_bits_ / 8;
    require((pending_ & ((std::uint64_t{1} << (pending_bits_ % 8)) - 1)) == 0,
            "bits are set that mean nothing");
    pending_ = 0;
    pending_bits_ = 0;
  }

  std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }

 private:
  [[noreturn]] static void fail(const char* what);
  // Brings in bits: 56 or more, or all that there are at the very end. Without asking how many are
  // needed, because that branch is a coin toss for the processor; what is brought in above
  // pending_bits_ is brought in again next time.
  void fill(unsigned width) {
    if (left() >= 8) {
      pending_ |= little_endian(at_, 8) << pending_bits_;
      at_ += (63 - pending_bits_) / 8;
      pending_bits_ |= 56;
      return;
    }
    pending_ &= (std::uint64_t{1} << pending_bits_) - 1;
    while (pending_bits_ < width && left() > 0) {
      pending_ |= integer(1) << pending_bits_;
      pending_bits_ += 8;
    }
  }
  void skip(unsigned width) noexcept {
    pending_ >>= width;
    pending_bits_ -= width;
  }
  template <class Number>
  void word(Number& number) {
    std::conditional_t<sizeof(Number) == 4, std::uint32_t, std::uint64_t> bits_of;
    value(bits_of);
    std::memcpy(&number, &bits_of, sizeof(number));
    require(std::isfinite(number), "a number is not finite");
  }
  std::uint64_t integer(std::size_t size) {
    require(size <= left(), "it ends too early");
    const std::uint64_t number = little_endian(at_, size);
    at_ += size;
    return number;
  }

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  std::uint64_t pending_ = 0;
  unsigned pending_bits_ = 0;
};

}  // namespace anomalyd
