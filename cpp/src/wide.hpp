// Whether code for AVX2 can be compiled here, and whether this processor runs it.
#pragma once

// Clang has no pragma that compiles a part of a file for another processor.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define ANOMALYD_WIDE 1
#else
#define ANOMALYD_WIDE 0
#endif

#if ANOMALYD_WIDE
namespace anomalyd {

inline bool is_wide() noexcept {
  static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
  return has_avx2;
}

// Whether it has the 32 registers of AVX-512, for eight floats each.
inline bool has_many_registers() noexcept {
  static const bool has_avx512 =
      __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512vl") != 0;
  return has_avx512;
}

}  // namespace anomalyd
#endif
