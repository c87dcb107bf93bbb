// Locks the SM clocks of GPUs for as long as the object lives; the destructor lets them float again. Needs root.
// A process that is killed (SIGKILL) leaves them locked: `nvidia-smi -rgc` resets them.
// Thread rules: one thread.
#pragma once

#include <vector>

#include "power/gpu.h"

namespace canopy::nvml {

class ClockLock {
 public:
  /// Throws canopy::Error with NVML's code (e.g. ERR_CANOPY_NVML_NO_PERMISSION) where one GPU refuses; those that were
  /// locked before it are then reset.
  ClockLock(std::vector<Gpu> gpus, unsigned smClockMHz);
  ~ClockLock();
  ClockLock(const ClockLock&) = delete;
  ClockLock& operator=(const ClockLock&) = delete;

  /// Resets all; what refused is returned. A second call does nothing.
  std::vector<Status> release();

 private:
  std::vector<Gpu> locked_;
};

}  // namespace canopy::nvml
