#include "cuda/device_state.h"

#if defined(CANOPY_HAS_CUDA) || defined(CANOPY_CUDA_EMULATION)

#include <cstdio>

#include "cuda/runtime.h"

namespace canopy {
namespace {

std::string versionText(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string uuidText(const cudaUUID_t& uuid) {
  std::string text = "GPU-";
  for (int i = 0; i < 16; i++) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned>(static_cast<unsigned char>(uuid.bytes[i])));
    if (i == 4 || i == 6 || i == 8 || i == 10) text += "-";
    text += digits;
  }
  return text;
}

std::string reasonOf(cudaError_t error, const CudaState& state) {
  if (state.driverVersion == 0) return "no NVIDIA driver is installed on this machine";
  if (error == cudaErrorInsufficientDriver) {
    return "the driver serves CUDA " + versionText(state.driverVersion) + ", this build needs " +
           versionText(state.runtimeVersion) + ": update the driver, or build with an older toolkit";
  }
  return std::string(cudaGetErrorName(error)) + ": " + cudaGetErrorString(error);
}

CudaDevice deviceOf(int index, const cudaDeviceProp& properties) {
  CudaDevice device;
  device.index = index;
  device.name = properties.name;
  device.uuid = uuidText(properties.uuid);
  char bus[32] = "";
  if (cudaDeviceGetPCIBusId(bus, sizeof bus, index) == cudaSuccess) device.pciBus = bus;
  device.computeMajor = properties.major;
  device.computeMinor = properties.minor;
  device.multiprocessors = properties.multiProcessorCount;
  device.memoryBytes = static_cast<std::int64_t>(properties.totalGlobalMem);
  return device;
}

}  // namespace

CudaState cudaState() {
  CudaState state;
  cudaRuntimeGetVersion(&state.runtimeVersion);
  cudaDriverGetVersion(&state.driverVersion);
  int count = 0;
  cudaError_t error = cudaGetDeviceCount(&count);
  for (int index = 0; error == cudaSuccess && index < count; index++) {
    cudaDeviceProp properties{};
    error = cudaGetDeviceProperties(&properties, index);
    if (error == cudaSuccess) state.devices.push_back(deviceOf(index, properties));
  }
  if (error != cudaSuccess) {
    state.devices.clear();
    state.reason = reasonOf(error, state);
  } else if (count == 0) {
    state.reason = "the driver shows no GPU to this process (CUDA_VISIBLE_DEVICES?)";
  }
  (void)cudaGetLastError();  // else the next launch would report what failed here
  return state;
}

}  // namespace canopy

#else

namespace canopy {

CudaState cudaState() {
  CudaState state;
  state.reason = "the addon was built without CUDA: put nvcc in PATH and build it again";
  return state;
}

}  // namespace canopy

#endif
