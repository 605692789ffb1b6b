// Stands in for libFuzzer where the compiler has none: shows LLVMFuzzerTestOneInput the given
// files, and then changed copies of them. It does not see which paths were taken, and makes the
// same inputs every time.
//
//   mutate ROUNDS FOUND FILE...    every input is written to FOUND before it is tried, so that a
//   crash leaves it there mutate 0 FOUND FOUND           tries it again
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;

class Mutator {
 public:
  explicit Mutator(const std::vector<Bytes>& corpus) : corpus_(corpus) {}

  // A copy of one of the files with one to six changes.
  Bytes next() {
    Bytes bytes = corpus_[below(corpus_.size())];
    for (std::size_t changes = 1 + below(6); changes > 0; --changes) change(bytes);
    return bytes;
  }

 private:
  // std's distributions differ between libraries.
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }

  // A place in the bytes; half of them near the beginning, where what follows is described.
  std::size_t place(const Bytes& bytes) {
    const std::size_t all = bytes.size();
    return below(2) == 0 ? below(all) : below(std::min<std::size_t>(all, 1 + below(all)) / 8 + 1);
  }

  void change(Bytes& bytes) {
    const std::size_t at = place(bytes);
    const std::size_t length = std::min(1 + below(16), bytes.size() - at);
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    const auto end = begin + static_cast<std::ptrdiff_t>(length);
    switch (below(8)) {
      case 0:
        bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ (1U << below(8)));
        return;
      case 1:
        bytes[at] = static_cast<std::uint8_t>(random_());
        return;
      case 2:
        bytes[at] = static_cast<std::uint8_t>(bytes[at] + below(9) - 4);
        return;
      case 3:
        if (length < bytes.size()) bytes.erase(begin, end);
        return;
      case 4: {
        const Bytes again(begin, end);
        bytes.insert(begin, again.begin(), again.end());
        return;
      }
      case 5: {
        const Bytes& other = corpus_[below(corpus_.size())];
        const std::size_t from = below(other.size());
        std::copy_n(other.begin() + static_cast<std::ptrdiff_t>(from),
                    std::min(length, other.size() - from), begin);
        return;
      }
      default:
        write_number(bytes, at);
    }
  }

  // Puts a number at the edge of its type in: integers of four or eight bytes, floats and doubles.
  void write_number(Bytes& bytes, std::size_t at) {
    static constexpr std::uint64_t edges[] = {
        0,
        1,
        0xFFFFFFFFFFFFFFFF,
        0x7FFFFFFFFFFFFFFF,
        0x8000000000000000,
        0x7FFFFFFF,
        0x80000000,
        0xFFFFFFFF,
        std::uint64_t{1} << 48,
        (std::uint64_t{1} << 48) - 1,
        0x7FF0000000000000,  // infinity
        0x7FF8000000000000,  // not a number
        0x7FEFFFFFFFFFFFFF,  // the largest double
        0x0000000000000001,  // the smallest
        0x3FF0000000000000,  // 1
        0xBFF0000000000000,  // -1
        0x7F7FFFFF,          // the largest float
        0x7F800000,          // infinity as a float
        0x3F800000,          // 1 as a float
    };
    const std::uint64_t number = edges[below(std::size(edges))];
    const std::size_t size = std::min<std::size_t>(below(2) == 0 ? 4 : 8, bytes.size() - at);
    for (std::size_t i = 0; i < size; ++i) {
      bytes[at + i] = static_cast<std::uint8_t>(number >> (8 * i));
    }
  }

  const std::vector<Bytes>& corpus_;
  std::mt19937_64 random_{1};
};

void show(const Bytes& bytes, const char* found) {
  std::ofstream(found, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

}  // namespace

int main(int count, char** arguments) {
  std::vector<Bytes> corpus;
  for (int i = 3; i < count; ++i) {
    std::ifstream file(arguments[i], std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    if (corpus.back().empty()) {
      std::cerr << "nothing in " << arguments[i] << '\n';
      return EXIT_FAILURE;
    }
  }
  if (corpus.empty()) {
    std::cerr << "usage: " << arguments[0] << " ROUNDS FOUND FILE...\n";
    return EXIT_FAILURE;
  }
  const char* found = arguments[2];
  for (const Bytes& bytes : corpus) show(Bytes(bytes), found);
  Mutator mutator(corpus);
  for (int round = std::atoi(arguments[1]); round > 0; --round) show(mutator.next(), found);
  return EXIT_SUCCESS;
}
