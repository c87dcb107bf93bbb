#include "power/clock_lock.h"

#include <utility>

#include "common/error.h"

namespace canopy::nvml {

ClockLock::ClockLock(std::vector<Gpu> gpus, unsigned smClockMHz) {
  for (Gpu& gpu : gpus) {
    const Status status =
        CANOPY_NVML_CALL(gpu.library(), nvmlDeviceSetGpuLockedClocks, gpu.handle(), smClockMHz, smClockMHz);
    if (!status.ok()) {
      release();
      throw Error(status.errorCode(), "GPU " + gpu.description().uuid + ": clocks cannot be locked at " +
                                          std::to_string(smClockMHz) + " MHz: " + status.message() +
                                          (status.code == NO_PERMISSION ? "; locking needs root" : ""));
    }
    locked_.push_back(std::move(gpu));
  }
}

ClockLock::~ClockLock() { release(); }

std::vector<Status> ClockLock::release() {
  std::vector<Status> refused;
  for (const Gpu& gpu : locked_) {
    const Status status = CANOPY_NVML_CALL(gpu.library(), nvmlDeviceResetGpuLockedClocks, gpu.handle());
    if (!status.ok()) refused.push_back(status);
  }
  locked_.clear();
  return refused;
}

}  // namespace canopy::nvml
