// CLOCK_MONOTONIC in seconds: the clock of Node's process.hrtime and of every time stamp of power/.
#pragma once

#include <ctime>

namespace canopy {

inline double secondsOf(const timespec& time) {
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

inline double monotonicSeconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return secondsOf(now);
}

}  // namespace canopy
