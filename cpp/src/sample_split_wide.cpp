// SampleSplit by AVX2. Only what stands between the two pragmas is compiled for it: what the linker
// may share with other files is not.
#include "sample_split_wide.hpp"

#if ANOMALYD_WIDE
#include <immintrin.h>

#include <algorithm>
#include <array>

namespace anomalyd {
namespace {

// For each set of lanes: the others in their order, then those of the set in theirs, a byte each.
constexpr std::array<std::uint64_t, 256> make_partitions() noexcept {
  std::array<std::uint64_t, 256> partitions{};
  for (std::uint32_t set = 0; set < 256; ++set) {
    unsigned place = 0;
    for (const std::uint32_t wanted : {0U, 1U}) {
      for (std::uint64_t lane = 0; lane < 8; ++lane) {
        if ((set >> lane & 1U) != wanted) continue;
        partitions[set] |= lane << (8 * place++);
      }
    }
  }
  return partitions;
}

constexpr std::array<std::uint64_t, 256> partitions = make_partitions();

}  // namespace
}  // namespace anomalyd

#pragma GCC push_options
#pragma GCC target("avx2")
#include "sample_split_kernel.hpp"

namespace anomalyd {
namespace {

class WideSplit {
 public:
  WideSplit(const PointStore& store, SampleSplit& split)
      : values_(store.at(0)), coordinates_(split.coordinates.data()) {
    const std::size_t size = split.sample.size();
    split.starts.resize(size + SampleSplit::padding);
    split.starts_above.resize(size + SampleSplit::padding);
    for (std::size_t i = 0; i < size; ++i) {
      split.starts[i] = static_cast<std::uint32_t>(store.at(split.sample[i]) - values_);
    }
    order_ = split.order.data();
    starts_ = split.starts.data();
    above_ = split.above.data();
    starts_above_ = split.starts_above.data();
  }

  Bounds along(SampleSplit::Range part, std::uint32_t dimension) noexcept {
    const float* const values = values_ + dimension;
    const std::uint32_t* const starts = starts_ + part.first;
    newest_ = gather(values, starts);
    const __m256 first = _mm256_broadcastss_ps(_mm256_castps256_ps128(newest_));
    __m256 low = _mm256_blendv_ps(first, newest_, _mm256_castsi256_ps(below(part.size)));
    __m256 high = low;
    if (part.size > 8) {
      _mm256_storeu_ps(coordinates_, newest_);
      for (std::size_t i = 8; i < part.size; i += 8) {
        const __m256 next = gather(values, starts + i);
        _mm256_storeu_ps(coordinates_ + i, next);
        const __m256 those =
            _mm256_blendv_ps(first, next, _mm256_castsi256_ps(below(part.size - i)));
        low = _mm256_min_ps(low, those);
        high = _mm256_max_ps(high, those);
      }
    }
    const __m128 least4 = _mm_min_ps(_mm256_castps256_ps128(low), _mm256_extractf128_ps(low, 1));
    const __m128 most4 = _mm_max_ps(_mm256_castps256_ps128(high), _mm256_extractf128_ps(high, 1));
    const __m128 least2 = _mm_min_ps(least4, _mm_movehl_ps(least4, least4));
    const __m128 most2 = _mm_max_ps(most4, _mm_movehl_ps(most4, most4));
    return {_mm_cvtss_f32(_mm_min_ss(least2, _mm_movehdup_ps(least2))),
            _mm_cvtss_f32(_mm_max_ss(most2, _mm_movehdup_ps(most2)))};
  }

  std::size_t cut(SampleSplit::Range part, float cut) noexcept {
    const __m256 bound = _mm256_set1_ps(cut);
    std::uint32_t* const order = order_ + part.first;
    std::uint32_t* const starts = starts_ + part.first;
    if (part.size <= 8) {
      // All of it at once, and what stands behind it stays where it is.
      const Sides sides = parted(newest_, bound, part.size);
      store(arranged(load(starts), sides.rising), starts);
      store(arranged(load(order), sides.rising), order);
      return sides.left;
    }
    std::size_t left = 0;
    std::size_t right = 0;
    for (std::size_t i = 0; i < part.size; i += 8) {
      const std::size_t count = std::min<std::size_t>(part.size - i, 8);
      const Sides sides = parted(_mm256_loadu_ps(coordinates_ + i), bound, count);
      const std::uint32_t rest = ~sides.rising & 0xFFU;
      const __m256i numbers = load(order + i);
      const __m256i floats = load(starts + i);
      // What stands here was read already, but behind the part is another part's.
      const std::size_t room = part.size - left;
      store_some(arranged(numbers, sides.rising), room, order + left);
      store_some(arranged(floats, sides.rising), room, starts + left);
      store(arranged(numbers, rest), above_ + right);
      store(arranged(floats, rest), starts_above_ + right);
      left += sides.left;
      right += count - sides.left;
    }
    for (std::size_t i = 0; i < right; i += 8) {
      store_some(load(above_ + i), right - i, order + left + i);
      store_some(load(starts_above_ + i), right - i, starts + left + i);
    }
    return left;
  }

 private:
  struct Sides {
    std::uint32_t rising;  // lanes above the cut, or behind the part
    std::size_t left;
  };
  static Sides parted(__m256 coordinates, __m256 bound, std::size_t count) noexcept {
    const auto over = static_cast<std::uint32_t>(
        _mm256_movemask_ps(_mm256_cmp_ps(coordinates, bound, _CMP_GT_OQ)));
    const std::uint32_t rising = over | (0xFFU << count & 0xFFU);
    return {rising, static_cast<std::size_t>(8 - __builtin_popcount(rising))};
  }
  static __m256i load(const std::uint32_t* from) noexcept {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  }
  static void store(__m256i values, std::uint32_t* to) noexcept {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), values);
  }
  // As many of them as there is room for. Where that is all, many processors are far quicker.
  static void store_some(__m256i values, std::size_t room, std::uint32_t* to) noexcept {
    if (room >= 8) return store(values, to);
    _mm256_maskstore_epi32(reinterpret_cast<int*>(to), below(room), values);
  }
  static __m256 gather(const float* values, const std::uint32_t* starts) noexcept {
    return _mm256_i32gather_ps(values, load(starts), 4);
  }
  // All ones in the first `count` lanes.
  static __m256i below(std::size_t count) noexcept {
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), lanes);
  }
  // The lanes that are not in the set, then those in it.
  static __m256i arranged(__m256i values, std::uint32_t set) noexcept {
    const __m128i bytes = _mm_cvtsi64_si128(static_cast<long long>(partitions[set]));
    return _mm256_permutevar8x32_epi32(values, _mm256_cvtepu8_epi32(bytes));
  }

  const float* values_;
  float* coordinates_;
  std::uint32_t* order_;
  std::uint32_t* starts_;
  std::uint32_t* above_;
  std::uint32_t* starts_above_;
  __m256 newest_;  // coordinates of the first eight
};

}  // namespace

void wide_read_cuts(Reader& reader, const PointStore& store, SampleSplit& split,
                    Tree::Node* nodes) {
  read_cuts<WideSplit>(reader, store, split, nodes);
}

}  // namespace anomalyd
#pragma GCC pop_options
#endif
