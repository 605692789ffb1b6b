// Vectors whose first element starts a cache line, so that a row of boxes is not split over two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

namespace anomalyd {

template <class T>
struct AlignedAllocator {
  using value_type = T;
  static constexpr std::align_val_t alignment{64};

  AlignedAllocator() noexcept = default;
  template <class Other>
  AlignedAllocator(const AlignedAllocator<Other>&) noexcept {}

  T* allocate(std::size_t count) {
    return static_cast<T*>(::operator new(count * sizeof(T), alignment));
  }
  void deallocate(T* memory, std::size_t) noexcept { ::operator delete(memory, alignment); }

  template <class Other>
  bool operator==(const AlignedAllocator<Other>&) const noexcept {
    return true;
  }
  template <class Other>
  bool operator!=(const AlignedAllocator<Other>&) const noexcept {
    return false;
  }
};

// Asks for these bytes to be brought near; reads nothing.
inline void prefetch(const void* first, std::size_t bytes) noexcept {
  const char* const begin = static_cast<const char*>(first);
  const char* const end = begin + bytes;
  const char* line = begin - reinterpret_cast<std::uintptr_t>(begin) % 64;
  for (; line < end; line += 64) __builtin_prefetch(line, 0, 2);
  // GCC takes a function that does nothing but ask for a pure one, and drops calls of it.
  __asm__ volatile("");
}

template <class T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

}  // namespace anomalyd
