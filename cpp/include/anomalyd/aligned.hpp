// Vectors whose first element starts a cache line, so that a row of boxes is not split over two.
#pragma once

#include <cstddef>
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
  const char* at = static_cast<const char*>(first);
  for (std::size_t i = 0; i < bytes; i += 64) __builtin_prefetch(at + i, 0, 2);
}

template <class T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

}  // namespace anomalyd
