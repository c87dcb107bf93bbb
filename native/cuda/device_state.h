// What CUDA finds on this host, or why it finds nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace canopy {

struct CudaDevice {
  int index = 0;  ///< CUDA's own; NVML counts in another order: match by uuid or PCI address
  std::string name;
  std::string uuid;    ///< GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx
  std::string pciBus;  ///< domain:bus:device.function
  int computeMajor = 0;
  int computeMinor = 0;
  int multiprocessors = 0;
  std::int64_t memoryBytes = 0;
};

/// Versions are CUDA's: 13000 is 13.0. The driver's is the newest runtime that it can serve.
struct CudaState {
  int driverVersion = 0;   ///< 0 without a driver
  int runtimeVersion = 0;  ///< of this build; 0 in a build without CUDA
  std::vector<CudaDevice> devices;
  std::string reason;  ///< why there are no devices; empty where there are
};

/// Initialises the driver, not a context. Only in the process's main program: never before a fork, not in pool workers.
/// Throws nothing: whatever fails is the reason.
CudaState cudaState();

}  // namespace canopy
