// The largest raw score of each influencer value: what the newest one is compared with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

namespace anomalyd {

// Maxima fade per window and are forgotten after 50 windows without a new one; beyond 100,000 of
// them the oldest are.
class Maxima {
 public:
  // `decay`: by how much a maximum fades per window, in logarithms.
  explicit Maxima(double decay) noexcept : decay_(decay) {}

  // The value's maximum as of the window number `tick`; 0 where it has none.
  double largest(std::int64_t field, std::int64_t value, std::int64_t tick) const;

  // Takes a raw score in; tells whether it exceeds a maximum, as it was, by more than a tenth.
  bool raise(std::int64_t field, std::int64_t value, std::int64_t tick, double raw);

  // Forgets the idle ones of those beyond the most; to be called once per window.
  void trim(std::int64_t tick);

  std::size_t size() const noexcept { return entries_.size(); }

  template <class Archive>
  void write(Archive& archive) const;
  template <class Archive>
  void read(Archive& archive);

 private:
  struct Entry {
    double raw;         // as of its window
    std::int64_t tick;  // window of the last raw score taken in
  };

  double faded(const Entry& entry, std::int64_t tick) const noexcept;

  double decay_;
  std::map<std::pair<std::int64_t, std::int64_t>, Entry> entries_;
};

}  // namespace anomalyd
