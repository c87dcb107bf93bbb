// CLOCK_MONOTONIC in nanoseconds: the clock of process.hrtime and of the power sampler.
#pragma once

#include <cstdint>
#include <ctime>

namespace canopy {

inline std::int64_t monotonicNanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace canopy
