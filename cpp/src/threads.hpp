// How work is shared by threads.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <exception>
#include <system_error>
#include <thread>
#include <vector>

namespace anomalyd {

// Runs job(worker) on up to `workers` threads, the caller's being worker 0, and rethrows the first
// exception.
template <class Job>
void on_threads(std::size_t workers, const Job& job) {
  std::vector<std::exception_ptr> failures(workers);
  const auto guarded = [&](std::size_t worker) noexcept {
    try {
      job(worker);
    } catch (...) {
      failures[worker] = std::current_exception();
    }
  };
  std::vector<std::thread> threads;
  threads.reserve(workers - 1);
  for (std::size_t worker = 1; worker < workers; ++worker) {
    try {
      threads.emplace_back(guarded, worker);
    } catch (const std::system_error&) {
      break;  // the system gives no more threads: those that run share the work
    }
  }
  guarded(0);
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

// Runs job(i, worker) for every i below `count`, each once.
template <class Job>
void on_threads_each(std::size_t threads, std::size_t count, const Job& job) {
  std::atomic<std::size_t> next{0};
  on_threads(std::max<std::size_t>(1, std::min(threads, count)), [&](std::size_t worker) {
    for (std::size_t i = next++; i < count; i = next++) job(i, worker);
  });
}

// The models of a batch that a thread works on, a few of them known ahead. It takes a stretch of
// neighbours at a time.
class Queue {
 public:
  static constexpr std::size_t known = 5;

  // `next` is the first model that no thread has taken, of so many.
  Queue(std::atomic<std::size_t>& next, std::size_t stretch, std::size_t count) noexcept
      : next_(next), stretch_(stretch), count_(count) {
    for (std::size_t& model : models_) model = take();
  }

  // Whether there is one so many steps ahead, at most known - 1, and which.
  bool has(std::size_t ahead) const noexcept { return models_[ahead] != count_; }
  std::size_t operator[](std::size_t ahead) const noexcept { return models_[ahead]; }

  void advance() noexcept {
    std::copy(models_.begin() + 1, models_.end(), models_.begin());
    models_.back() = take();
  }

 private:
  std::size_t take() noexcept {
    if (at_ == end_) {
      at_ = std::min(next_.fetch_add(stretch_), count_);
      end_ = std::min(at_ + stretch_, count_);
    }
    return at_ < end_ ? at_++ : count_;
  }

  std::atomic<std::size_t>& next_;
  std::size_t stretch_;
  std::size_t count_;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  std::array<std::size_t, known> models_;
};

}  // namespace anomalyd
