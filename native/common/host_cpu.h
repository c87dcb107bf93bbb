// The processor that this process runs on, for a profile's record.
#pragma once

#include <string>
#include <vector>

namespace canopy {

struct HostCpu {
  std::string model;                         ///< as the kernel names it; empty where it does not
  std::vector<std::string> instructionSets;  ///< those that kernels choose by, weakest first; empty off x86-64
  int usableThreads = 0;                     ///< logical CPUs in this process's affinity mask
  int usableCores = 0;                       ///< physical cores behind them
  double quotaCpus = 0;                      ///< CPU time per time that the container may use; 0 without a quota

  /// Physical cores within the quota, at least 1. Two hardware threads of a core share its arithmetic and its path to
  /// memory, so a second one adds nothing to a step.
  int defaultThreads() const;
};

/// Reads /proc and /sys; whatever cannot be read is left at its default.
HostCpu hostCpu();

}  // namespace canopy
