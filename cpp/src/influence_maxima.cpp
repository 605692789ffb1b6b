#include "anomalyd/influence_maxima.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "anomalyd/checkpoint_bytes.hpp"

namespace anomalyd {
namespace {

constexpr std::int64_t idle_windows = 50;
constexpr std::size_t most = 100000;
constexpr double rise = 1.1;

}  // namespace

double Maxima::faded(const Entry& entry, std::int64_t tick) const noexcept {
  const std::int64_t idle = std::max<std::int64_t>(tick - entry.tick, 0);
  return idle > idle_windows ? 0.0 : entry.raw * std::exp(-decay_ * static_cast<double>(idle));
}

double Maxima::largest(std::int64_t field, std::int64_t value, std::int64_t tick) const {
  const auto found = entries_.find({field, value});
  return found == entries_.end() ? 0.0 : faded(found->second, tick);
}

bool Maxima::raise(std::int64_t field, std::int64_t value, std::int64_t tick, double raw) {
  const auto [found, is_new] = entries_.try_emplace({field, value}, Entry{0.0, tick});
  const double before = faded(found->second, tick);
  found->second = {std::max(before, raw), tick};
  return before > 0.0 && raw > rise * before;
}

// Down to nine tenths, so that it does not happen in every window.
void Maxima::trim(std::int64_t tick) {
  if (entries_.size() <= most) return;
  std::vector<std::int64_t> ticks;
  ticks.reserve(entries_.size());
  for (const auto& [key, entry] : entries_) ticks.push_back(entry.tick);
  const auto first_kept =
      ticks.begin() + static_cast<std::ptrdiff_t>(entries_.size() - most / 10 * 9);
  std::nth_element(ticks.begin(), first_kept, ticks.end());
  const std::int64_t oldest_kept = std::max(*first_kept, tick - idle_windows);
  for (auto it = entries_.begin(); it != entries_.end();) {
    it = it->second.tick < oldest_kept ? entries_.erase(it) : std::next(it);
  }
  // A single window may have raised more than all that may be kept.
  for (auto it = entries_.begin(); entries_.size() > most;) it = entries_.erase(it);
}

template <>
void Maxima::write(Writer& archive) const {
  archive.value(static_cast<std::uint32_t>(entries_.size()));
  for (const auto& [key, entry] : entries_) {
    archive.value(key.first);
    archive.value(key.second);
    archive.value(entry.raw);
    archive.value(entry.tick);
  }
}

template <>
void Maxima::read(Reader& archive) {
  std::pair<std::int64_t, std::int64_t> last;
  for (std::size_t left = archive.count(32); left > 0; --left) {
    std::pair<std::int64_t, std::int64_t> key;
    Entry entry{};
    archive.value(key.first);
    archive.value(key.second);
    archive.value(entry.raw);
    archive.value(entry.tick);
    archive.require(entries_.empty() || last < key, "maxima in the wrong order");
    archive.require(possible_time(entry.tick), "a window out of time");
    archive.require(entry.raw >= 0.0 && entry.raw <= 100.0, "a raw score is out of bounds");
    last = key;
    entries_.emplace_hint(entries_.end(), key, entry);
  }
}

}  // namespace anomalyd
