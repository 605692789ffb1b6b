// The walk of score.hpp by AVX2. Only what stands between the two pragmas is compiled for it: what
// the linker may share with other files is not.
#include "score_wide.hpp"

#if ANOMALYD_WIDE
#include <immintrin.h>

#include <algorithm>
#include <optional>

#include "anomalyd/visitor.hpp"

#pragma GCC push_options
#pragma GCC target("avx2")
#include "score_wide_kernel.hpp"

namespace anomalyd {
namespace {

// Coordinates of a query of eight, by their numbers.
struct SmallQuery {
  __m256 values;

  explicit SmallQuery(const float* query) noexcept : values(_mm256_loadu_ps(query)) {}
  __m256 at(__m256i dimensions, __m256i) const noexcept {
    return _mm256_permutevar8x32_ps(values, dimensions);
  }
};

// The same of a query of any length.
struct AnyQuery {
  const float* values;

  explicit AnyQuery(const float* query) noexcept : values(query) {}
  // Reads nothing where `live` is 0.
  __m256 at(__m256i dimensions, __m256i live) const noexcept {
    return _mm256_mask_i32gather_ps(_mm256_setzero_ps(), values, dimensions,
                                    _mm256_castsi256_ps(live), 4);
  }
};

// Where the walks down eight trees are.
class Walkers {
 public:
  static constexpr std::size_t count = 8;

  // Starts at the roots of the trees, at most eight.
  void start(const Tree* trees, std::size_t there) noexcept {
    alignas(32) std::uint32_t sizes[count] = {};
    const Tree::Node* nodes[count] = {};
    for (std::size_t t = 0; t < there; ++t) {
      sizes[t] = static_cast<std::uint32_t>(trees[t].mass());
      nodes[t] = trees[t].nodes();
    }
    // In the order in which the low halves of two registers are put together.
    even_ = addresses(nodes[0], nodes[1], nodes[4], nodes[5]);
    odd_ = addresses(nodes[2], nodes[3], nodes[6], nodes[7]);
    first_ = _mm256_setzero_si256();
    size_ = _mm256_load_si256(reinterpret_cast<const __m256i*>(sizes));
    steps_ = _mm256_setzero_si256();
  }

  // One step down all that are not at their leaf; false if all are.
  template <class Query>
  bool step(const Query& query, Trails& trails, std::size_t step, std::size_t place) noexcept {
    const __m256i one = _mm256_set1_epi32(1);
    const __m256i parted = _mm256_cmpgt_epi32(size_, one);
    const __m256 even = nodes(even_, _mm256_unpacklo_epi32(parted, parted));
    const __m256 odd = nodes(odd_, _mm256_unpackhi_epi32(parted, parted));
    const __m256 cut = _mm256_shuffle_ps(even, odd, _MM_SHUFFLE(2, 0, 2, 0));
    const __m256i rest = _mm256_castps_si256(_mm256_shuffle_ps(even, odd, _MM_SHUFFLE(3, 1, 3, 1)));
    const __m256i dimension = _mm256_and_si256(rest, _mm256_set1_epi32(0xFFFF));
    const __m256i left = _mm256_srli_epi32(rest, 16);
    const __m256i live =
        _mm256_andnot_si256(_mm256_cmpeq_epi32(dimension, _mm256_set1_epi32(Tree::copies)), parted);
    if (_mm256_testz_si256(live, live) != 0) return false;
    const __m256i right = _mm256_and_si256(
        live, _mm256_castps_si256(_mm256_cmp_ps(query.at(dimension, live), cut, _CMP_GT_OQ)));
    const __m256i skipped =
        _mm256_sub_epi32(_mm256_and_si256(right, _mm256_sub_epi32(left, one)), live);
    const __m256i bytes = _mm256_slli_epi32(skipped, 3);
    even_ = _mm256_add_epi64(even_, _mm256_unpacklo_epi32(bytes, _mm256_setzero_si256()));
    odd_ = _mm256_add_epi64(odd_, _mm256_unpackhi_epi32(bytes, _mm256_setzero_si256()));
    const __m256i entered = _mm256_blendv_epi8(left, _mm256_sub_epi32(size_, left), right);
    // Where a walk has ended, what is noted is never read.
    note(trails.row(step) + place, _mm256_add_epi32(first_, _mm256_andnot_si256(right, left)),
         _mm256_sub_epi32(size_, entered));
    first_ = _mm256_add_epi32(first_, _mm256_and_si256(right, left));
    size_ = _mm256_blendv_epi8(size_, entered, live);
    steps_ = _mm256_sub_epi32(steps_, live);
    return true;
  }

  void finish(Trails& trails, std::size_t place) const noexcept {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(trails.steps.data() + place), steps_);
    note(trails.row(0) + place, first_, size_);
  }

 private:
  static __m256i addresses(const void* a, const void* b, const void* c, const void* d) noexcept {
    return _mm256_set_epi64x(reinterpret_cast<long long>(d), reinterpret_cast<long long>(c),
                             reinterpret_cast<long long>(b), reinterpret_cast<long long>(a));
  }
  // The nodes at four addresses; reads nothing where `there` is 0.
  static __m256 nodes(__m256i addresses, __m256i there) noexcept {
    static_assert(sizeof(Tree::Node) == 8);
    return _mm256_castsi256_ps(_mm256_mask_i64gather_epi64(
        _mm256_setzero_si256(), static_cast<const long long*>(nullptr), addresses, there, 1));
  }
  static void note(std::uint32_t* to, __m256i first, __m256i size) noexcept {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                        _mm256_or_si256(first, _mm256_slli_epi32(size, 16)));
  }

  __m256i even_;
  __m256i odd_;
  __m256i first_;
  __m256i size_;
  __m256i steps_;
};

template <class Query>
void descend_all(const Tree* first, std::size_t count, const Query& query,
                 Trails& trails) noexcept {
  constexpr std::size_t most = Trails::abreast / Walkers::count;
  Walkers walkers[most];
  bool walking[most] = {};
  std::size_t groups = 0;
  for (std::size_t place = 0; place < count; place += Walkers::count, ++groups) {
    walkers[groups].start(first + place, std::min(Walkers::count, count - place));
    walking[groups] = true;
  }
  bool some = true;
  for (std::size_t step = 1; some; ++step) {
    some = false;
    for (std::size_t g = 0; g < groups; ++g) {
      walking[g] = walking[g] && walkers[g].step(query, trails, step, g * Walkers::count);
      some = some || walking[g];
    }
  }
  for (std::size_t g = 0; g < groups; ++g) walkers[g].finish(trails, g * Walkers::count);
}

}  // namespace

double wide_sum_of_scores(const Tree* first, std::size_t count, const PointStore& store,
                          const float* query, Trails& trails, ScratchBox& scratch,
                          bool many_registers) noexcept {
  const std::size_t dimensions = store.dimensions();
  if (dimensions == WideLanes::count) {
    descend_all(first, count, SmallQuery(query), trails);
  } else {
    descend_all(first, count, AnyQuery(query), trails);
  }
  // Points of eight floats need few registers, and are slower by the instructions for many.
  const std::optional<double> sum = many_registers && dimensions > WideLanes::count
                                        ? climb_many_registers(first, count, store, query, trails)
                                        : climb_wide(first, count, store, query, trails);
  if (sum) return *sum;
  if (dimensions == lanes) {
    return climb_all(first, count, store, query, trails, RegisterBox<PortableLanes, 1>{});
  }
  return climb_all(first, count, store, query, trails, MemoryBox(scratch, dimensions));
}

bool wide_enclose(const PointIndex* first, const PointIndex* last, const PointStore& store,
                  float* lower, float* upper) noexcept {
  return by_wide_box(store, [&](const auto& points, const auto& blank) {
    auto box = blank.another();
    box.take({lower, upper});
    box.include(first, last, points);
    box.give(lower, upper);
  });
}

}  // namespace anomalyd
#pragma GCC pop_options
#endif
