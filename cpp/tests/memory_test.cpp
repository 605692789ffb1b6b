// What a model may hold, and that a step takes no memory (§2).
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "anomalyd/model.hpp"
#include "anomalyd/workspace.hpp"
#include "stream.hpp"

// Sanitizers bring their own operator new.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ANOMALYD_SANITIZED 1
#else
#define ANOMALYD_SANITIZED 0
#endif

namespace {

std::atomic<std::size_t> allocations{0};

}  // namespace

#if !ANOMALYD_SANITIZED
namespace {

void* allocate(std::size_t size, std::size_t alignment) {
  ++allocations;
  void* memory = nullptr;
  if (posix_memalign(&memory, alignment, size) != 0) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, std::max(sizeof(void*), static_cast<std::size_t>(alignment)));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
#endif

namespace anomalyd {
namespace {

constexpr std::size_t inputs = ANOMALYD_SANITIZED ? 5'000 : 200'000;

TEST(Memory, OfAModelIsBoundedForGood) {
  const Settings settings;
  Model model(settings, 42);
  Workspace workspace(settings);
  std::size_t most = 0;
  for (std::size_t t = 0; t < inputs; ++t) {
    const double value = testing::stream_value(42, t, 0, 1);
    model.process(&value, workspace);
    most = std::max(most, model.size_in_bytes());
  }
  EXPECT_LE(most, 240'000U);
}

TEST(Memory, IsNotAskedForByAStep) {
  if (ANOMALYD_SANITIZED) GTEST_SKIP() << "sanitizers count allocations of their own";
  const Settings settings;
  Model model(settings, 42);
  Workspace workspace(settings);
  const auto process = [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      const double value = testing::stream_value(42, t, 0, 1);
      model.process(&value, workspace);
    }
  };
  process(0, 50'000);
  const std::size_t before = allocations;
  process(50'000, 60'000);
  EXPECT_EQ(allocations, before);
}

}  // namespace
}  // namespace anomalyd
