// The part of NVML's binary interface that the addon uses, in names of our own: no NVIDIA header is needed to build,
// and the library is bound at run time (nvml_library.h). Numbers and layouts are public and stable;
// testing/nvml_abi_test.cc compares them with a real nvml.h where the build finds one.
// Power is in milliwatts, energy in millijoules, clocks in MHz, temperatures in degrees Celsius, memory in bytes.
#pragma once

#include <cstdint>

namespace canopy::nvml {

using Handle = struct OpaqueDevice*;
using Return = int;

constexpr Return SUCCESS = 0;
constexpr Return UNINITIALIZED = 1;
constexpr Return NOT_SUPPORTED = 3;
constexpr Return NO_PERMISSION = 4;
constexpr Return INSUFFICIENT_SIZE = 7;
constexpr Return DRIVER_NOT_LOADED = 9;
constexpr Return FUNCTION_NOT_FOUND = 13;
constexpr Return GPU_IS_LOST = 15;
constexpr Return UNKNOWN_ERROR = 999;

constexpr int CLOCK_SM = 1;
constexpr int CLOCK_MEMORY = 2;
constexpr int TEMPERATURE_GPU = 0;
constexpr unsigned ARCHITECTURE_AMPERE = 7;
constexpr unsigned MIG_ENABLED = 1;

/// Reasons for a clock below the highest, a mask. The first three are everyday; the others cost speed.
constexpr std::uint64_t REASON_IDLE = 0x1;
constexpr std::uint64_t REASON_APPLICATION_CLOCKS = 0x2;
constexpr std::uint64_t REASON_SOFTWARE_POWER_CAP = 0x4;
constexpr std::uint64_t REASON_HARDWARE_SLOWDOWN = 0x8;
constexpr std::uint64_t REASON_SYNC_BOOST = 0x10;
constexpr std::uint64_t REASON_SOFTWARE_THERMAL = 0x20;
constexpr std::uint64_t REASON_HARDWARE_THERMAL = 0x40;
constexpr std::uint64_t REASON_POWER_BRAKE = 0x80;

constexpr unsigned FIELD_POWER_INSTANT = 186;
constexpr unsigned SCOPE_GPU = 0;
constexpr unsigned SCOPE_MODULE = 1;  ///< a superchip: GPU and CPU together

enum class ValueType : int {
  REAL = 0,
  UNSIGNED_INT = 1,
  UNSIGNED_LONG = 2,
  UNSIGNED_LONG_LONG = 3,
  SIGNED_LONG_LONG = 4,
};

union Value {
  double real;
  unsigned unsignedInt;
  unsigned long unsignedLong;
  unsigned long long unsignedLongLong;
  long long signedLongLong;
};

/// Its time stamp is of the realtime clock (us since 1970): never mixed with the monotonic one that samples carry.
struct FieldValue {
  unsigned fieldId;
  unsigned scopeId;
  long long timestamp;
  long long latencyMicroseconds;
  ValueType valueType;
  Return result;  ///< of this value; undefined value where it is not SUCCESS
  Value value;
};

struct PciInfo {
  char busIdLegacy[16];
  unsigned domain;
  unsigned bus;
  unsigned device;
  unsigned pciDeviceId;
  unsigned pciSubSystemId;
  char busId[32];
};

struct Memory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

struct Utilization {
  unsigned gpu;
  unsigned memory;
};

struct ProcessInfo {
  unsigned pid;
  unsigned long long usedGpuMemory;
  unsigned gpuInstanceId;
  unsigned computeInstanceId;
};

}  // namespace canopy::nvml

/// Every function that is bound: its exported name and its type. The list is the only macro: the table of pointers, the
/// look-up and the comparison with the real header are made from it.
#define CANOPY_NVML_FUNCTIONS(X)                                                        \
  X(nvmlInit_v2, Return())                                                              \
  X(nvmlShutdown, Return())                                                             \
  X(nvmlErrorString, const char*(Return))                                               \
  X(nvmlSystemGetDriverVersion, Return(char*, unsigned))                                \
  X(nvmlSystemGetNVMLVersion, Return(char*, unsigned))                                  \
  X(nvmlSystemGetCudaDriverVersion_v2, Return(int*))                                    \
  X(nvmlDeviceGetCount_v2, Return(unsigned*))                                           \
  X(nvmlDeviceGetHandleByIndex_v2, Return(unsigned, Handle*))                           \
  X(nvmlDeviceGetPciInfo_v3, Return(Handle, PciInfo*))                                  \
  X(nvmlDeviceGetName, Return(Handle, char*, unsigned))                                 \
  X(nvmlDeviceGetUUID, Return(Handle, char*, unsigned))                                 \
  X(nvmlDeviceGetVbiosVersion, Return(Handle, char*, unsigned))                         \
  X(nvmlDeviceGetArchitecture, Return(Handle, unsigned*))                               \
  X(nvmlDeviceGetCudaComputeCapability, Return(Handle, int*, int*))                     \
  X(nvmlDeviceGetTotalEnergyConsumption, Return(Handle, unsigned long long*))           \
  X(nvmlDeviceGetPowerUsage, Return(Handle, unsigned*))                                 \
  X(nvmlDeviceGetFieldValues, Return(Handle, int, FieldValue*))                         \
  X(nvmlDeviceGetEnforcedPowerLimit, Return(Handle, unsigned*))                         \
  X(nvmlDeviceGetPowerManagementDefaultLimit, Return(Handle, unsigned*))                \
  X(nvmlDeviceGetPowerManagementLimitConstraints, Return(Handle, unsigned*, unsigned*)) \
  X(nvmlDeviceGetClockInfo, Return(Handle, int, unsigned*))                             \
  X(nvmlDeviceGetMaxClockInfo, Return(Handle, int, unsigned*))                          \
  X(nvmlDeviceGetCurrentClocksThrottleReasons, Return(Handle, unsigned long long*))     \
  X(nvmlDeviceGetTemperature, Return(Handle, int, unsigned*))                           \
  X(nvmlDeviceGetUtilizationRates, Return(Handle, Utilization*))                        \
  X(nvmlDeviceGetMemoryInfo, Return(Handle, Memory*))                                   \
  X(nvmlDeviceGetPerformanceState, Return(Handle, int*))                                \
  X(nvmlDeviceGetPersistenceMode, Return(Handle, int*))                                 \
  X(nvmlDeviceGetEccMode, Return(Handle, int*, int*))                                   \
  X(nvmlDeviceGetMigMode, Return(Handle, unsigned*, unsigned*))                         \
  X(nvmlDeviceGetComputeRunningProcesses_v3, Return(Handle, unsigned*, ProcessInfo*))   \
  X(nvmlDeviceSetGpuLockedClocks, Return(Handle, unsigned, unsigned))                   \
  X(nvmlDeviceResetGpuLockedClocks, Return(Handle))
