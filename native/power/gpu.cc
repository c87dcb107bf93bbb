#include "power/gpu.h"

#include <strings.h>

#include <cstdio>
#include <limits>
#include <utility>

#include "power/monotonic_clock.h"

namespace canopy::nvml {
namespace {

constexpr double MISSING = std::numeric_limits<double>::quiet_NaN();

/// By reference: arguments are evaluated in any order, the call that fills `value` among them.
template <typename T, typename V>
std::optional<T> valueIf(const Status& status, const V& value) {
  return status.ok() ? std::optional<T>(value) : std::nullopt;
}

double numberOf(const FieldValue& field) {
  switch (field.valueType) {
    case ValueType::REAL:
      return field.value.real;
    case ValueType::UNSIGNED_INT:
      return field.value.unsignedInt;
    case ValueType::UNSIGNED_LONG:
      return static_cast<double>(field.value.unsignedLong);
    case ValueType::UNSIGNED_LONG_LONG:
      return static_cast<double>(field.value.unsignedLongLong);
    case ValueType::SIGNED_LONG_LONG:
      return static_cast<double>(field.value.signedLongLong);
  }
  return MISSING;
}

}  // namespace

const std::array<const char*, COLUMN_COUNT> COLUMN_NAMES = {
    "energySeconds",      "energyMillijoules", "powerSeconds",     "powerMilliwatts",
    "smClockMHz",         "memoryClockMHz",    "eventReasons",     "temperatureCelsius",
    "utilisationPercent", "memoryUsedBytes",   "performanceState",
};

const char* nameOf(PowerSource source) {
  switch (source) {
    case PowerSource::INSTANT_GPU:
      return "instant-gpu";
    case PowerSource::INSTANT_MODULE:
      return "instant-module";
    case PowerSource::USAGE_INSTANT:
      return "usage-instant";
    case PowerSource::USAGE_AVERAGE:
      return "usage-average-1s";
    case PowerSource::NONE:
      return "none";
  }
  return "none";
}

std::string longPciBusId(const std::string& text) {
  unsigned domain = 0;
  unsigned bus = 0;
  unsigned device = 0;
  unsigned function = 0;
  int end = 0;
  if (std::sscanf(text.c_str(), "%8x:%2x:%2x.%1x%n", &domain, &bus, &device, &function, &end) != 4) return "";
  if (static_cast<std::size_t>(end) != text.size()) return "";
  char id[32];
  std::snprintf(id, sizeof id, "%08X:%02X:%02X.%X", domain, bus, device, function);
  return id;
}

Status readInstantPower(const Library& library, Handle handle, unsigned scope, double& milliwatts) {
  FieldValue field{};
  field.fieldId = FIELD_POWER_INSTANT;
  field.scopeId = scope;
  Status status = CANOPY_NVML_CALL(library, nvmlDeviceGetFieldValues, handle, 1, &field);
  if (!status.ok()) return status;
  // The call succeeds even where the one value that was asked for does not.
  if (field.result != SUCCESS) {
    return {field.result, "nvmlDeviceGetFieldValues(NVML_FI_DEV_POWER_INSTANT)", library.textOf(field.result)};
  }
  milliwatts = numberOf(field);
  return status;
}

Gpu::Gpu(std::shared_ptr<const Library> library, unsigned index, Handle handle)
    : library_(std::move(library)), handle_(handle) {
  description_.index = index;
  describe();
  describePower();
  describeProcesses();
}

void Gpu::describe() {
  const Library& nvml = *library_;
  GpuDescription& of = description_;
  char text[96] = "";
  const auto textOf = [&](const Status& status) { return status.ok() ? std::string(text) : std::string(); };
  of.name = textOf(CANOPY_NVML_CALL(nvml, nvmlDeviceGetName, handle_, text, unsigned{sizeof text}));
  of.uuid = textOf(CANOPY_NVML_CALL(nvml, nvmlDeviceGetUUID, handle_, text, unsigned{sizeof text}));
  of.vbiosVersion = textOf(CANOPY_NVML_CALL(nvml, nvmlDeviceGetVbiosVersion, handle_, text, unsigned{sizeof text}));
  PciInfo pci{};
  if (CANOPY_NVML_CALL(nvml, nvmlDeviceGetPciInfo_v3, handle_, &pci).ok()) {
    std::snprintf(text, sizeof text, "%08X:%02X:%02X.0", pci.domain, pci.bus, pci.device);
    of.pciBusId = text;
  }
  unsigned number = 0;
  unsigned pending = 0;
  of.architecture = valueIf<unsigned>(CANOPY_NVML_CALL(nvml, nvmlDeviceGetArchitecture, handle_, &number), number);
  (void)CANOPY_NVML_CALL(nvml, nvmlDeviceGetCudaComputeCapability, handle_, &of.computeMajor, &of.computeMinor);
  of.maximumSmClockMHz =
      valueIf<unsigned>(CANOPY_NVML_CALL(nvml, nvmlDeviceGetMaxClockInfo, handle_, CLOCK_SM, &number), number);
  of.maximumMemoryClockMHz =
      valueIf<unsigned>(CANOPY_NVML_CALL(nvml, nvmlDeviceGetMaxClockInfo, handle_, CLOCK_MEMORY, &number), number);
  Memory memory{};
  of.memoryBytes =
      valueIf<std::uint64_t>(CANOPY_NVML_CALL(nvml, nvmlDeviceGetMemoryInfo, handle_, &memory), memory.total);
  int state = 0;
  int pendingState = 0;
  of.persistenceMode = valueIf<bool>(CANOPY_NVML_CALL(nvml, nvmlDeviceGetPersistenceMode, handle_, &state), state);
  of.ecc = valueIf<bool>(CANOPY_NVML_CALL(nvml, nvmlDeviceGetEccMode, handle_, &state, &pendingState), state);
  // Its only values are 0 and 1 (MIG_ENABLED).
  of.mig = valueIf<bool>(CANOPY_NVML_CALL(nvml, nvmlDeviceGetMigMode, handle_, &number, &pending), number);
  if (of.mig == true) {
    of.refusal =
        "MIG is on: power and energy belong to all instances of the GPU together; turn MIG off (nvidia-smi -mig 0)";
  }
}

void Gpu::describePower() {
  const Library& nvml = *library_;
  GpuDescription& of = description_;
  unsigned number = 0;
  unsigned second = 0;
  of.enforcedPowerLimitMilliwatts =
      valueIf<unsigned>(CANOPY_NVML_CALL(nvml, nvmlDeviceGetEnforcedPowerLimit, handle_, &number), number);
  of.defaultPowerLimitMilliwatts =
      valueIf<unsigned>(CANOPY_NVML_CALL(nvml, nvmlDeviceGetPowerManagementDefaultLimit, handle_, &number), number);
  if (CANOPY_NVML_CALL(nvml, nvmlDeviceGetPowerManagementLimitConstraints, handle_, &number, &second).ok()) {
    of.minimumPowerLimitMilliwatts = number;
    of.maximumPowerLimitMilliwatts = second;
  }
  unsigned long long millijoules = 0;
  of.energyCounterStatus = CANOPY_NVML_CALL(nvml, nvmlDeviceGetTotalEnergyConsumption, handle_, &millijoules);
  double milliwatts = 0.0;
  of.instantGpuStatus = readInstantPower(nvml, handle_, SCOPE_GPU, milliwatts);
  of.instantModuleStatus = readInstantPower(nvml, handle_, SCOPE_MODULE, milliwatts);
  of.powerUsageStatus = CANOPY_NVML_CALL(nvml, nvmlDeviceGetPowerUsage, handle_, &number);
  const bool ga100 = of.computeMajor == 8 && of.computeMinor == 0;
  of.powerUsageIsAverage = of.architecture.value_or(ARCHITECTURE_AMPERE) >= ARCHITECTURE_AMPERE && !ga100;
  of.powerSource = of.instantGpuStatus.ok()      ? PowerSource::INSTANT_GPU
                   : of.instantModuleStatus.ok() ? PowerSource::INSTANT_MODULE
                   : !of.powerUsageStatus.ok()   ? PowerSource::NONE
                   : of.powerUsageIsAverage      ? PowerSource::USAGE_AVERAGE
                                                 : PowerSource::USAGE_INSTANT;
  if (of.refusal.empty() && !of.energyCounterStatus.ok() && of.powerSource == PowerSource::NONE) {
    of.refusal = "no meter answers: " + of.energyCounterStatus.message() + "; " + of.powerUsageStatus.message();
  }
}

void Gpu::describeProcesses() {
  // Twice the room of the first answer: processes may come between the two calls.
  unsigned count = 0;
  Status status = CANOPY_NVML_CALL(*library_, nvmlDeviceGetComputeRunningProcesses_v3, handle_, &count, nullptr);
  if (status.code == INSUFFICIENT_SIZE) {
    count = 2 * count + 8;
    std::vector<ProcessInfo> processes(count);
    status = CANOPY_NVML_CALL(*library_, nvmlDeviceGetComputeRunningProcesses_v3, handle_, &count, processes.data());
    if (status.ok()) {
      for (unsigned i = 0; i < count; i++) {
        const bool known = processes[i].usedGpuMemory != std::numeric_limits<unsigned long long>::max();
        description_.computeProcesses.push_back(
            {processes[i].pid, known ? std::optional<std::uint64_t>(processes[i].usedGpuMemory) : std::nullopt});
      }
    }
  }
  description_.computeProcessesStatus = status;
}

bool Gpu::took(const Status& status, Column column) {
  if (status.ok()) return true;
  ReadFailure& failure = failures_[status.call];
  if (failure.times++ == 0) {
    failure.status = status;
    failure.firstSeconds = monotonicSeconds();
  }
  if (status.code == GPU_IS_LOST) lost_ = true;
  if (status.code == NOT_SUPPORTED || status.code == FUNCTION_NOT_FOUND) dropped_[column] = true;
  return false;
}

void Gpu::readPower(GpuReading& reading) {
  double milliwatts = MISSING;
  unsigned number = 0;
  Status status;
  const double before = monotonicSeconds();
  switch (description_.powerSource) {
    case PowerSource::INSTANT_GPU:
      status = readInstantPower(*library_, handle_, SCOPE_GPU, milliwatts);
      break;
    case PowerSource::INSTANT_MODULE:
      status = readInstantPower(*library_, handle_, SCOPE_MODULE, milliwatts);
      break;
    case PowerSource::USAGE_INSTANT:
    case PowerSource::USAGE_AVERAGE:
      status = CANOPY_NVML_CALL(*library_, nvmlDeviceGetPowerUsage, handle_, &number);
      milliwatts = number;
      break;
    case PowerSource::NONE:
      return;
  }
  const double after = monotonicSeconds();
  if (!took(status, POWER_MILLIWATTS)) return;
  reading[POWER_SECONDS] = 0.5 * (before + after);
  reading[POWER_MILLIWATTS] = milliwatts;
}

GpuReading Gpu::read() {
  const Library& nvml = *library_;
  GpuReading reading;
  reading.fill(MISSING);
  if (asked(ENERGY_MILLIJOULES)) {
    unsigned long long millijoules = 0;
    const double before = monotonicSeconds();
    const Status status = CANOPY_NVML_CALL(nvml, nvmlDeviceGetTotalEnergyConsumption, handle_, &millijoules);
    const double after = monotonicSeconds();
    if (took(status, ENERGY_MILLIJOULES)) {
      reading[ENERGY_SECONDS] = 0.5 * (before + after);
      reading[ENERGY_MILLIJOULES] = static_cast<double>(millijoules);
    }
  }
  if (asked(POWER_MILLIWATTS)) readPower(reading);
  unsigned number = 0;
  const auto readClock = [&](int clock, Column column) {
    if (!asked(column)) return;
    if (took(CANOPY_NVML_CALL(nvml, nvmlDeviceGetClockInfo, handle_, clock, &number), column)) reading[column] = number;
  };
  readClock(CLOCK_SM, SM_CLOCK_MHZ);
  readClock(CLOCK_MEMORY, MEMORY_CLOCK_MHZ);
  unsigned long long reasons = 0;
  if (asked(EVENT_REASONS) &&
      took(CANOPY_NVML_CALL(nvml, nvmlDeviceGetCurrentClocksThrottleReasons, handle_, &reasons), EVENT_REASONS)) {
    reading[EVENT_REASONS] = static_cast<double>(reasons);
  }
  if (asked(TEMPERATURE_CELSIUS) &&
      took(CANOPY_NVML_CALL(nvml, nvmlDeviceGetTemperature, handle_, TEMPERATURE_GPU, &number), TEMPERATURE_CELSIUS)) {
    reading[TEMPERATURE_CELSIUS] = number;
  }
  Utilization utilization{};
  if (asked(UTILISATION_PERCENT) &&
      took(CANOPY_NVML_CALL(nvml, nvmlDeviceGetUtilizationRates, handle_, &utilization), UTILISATION_PERCENT)) {
    reading[UTILISATION_PERCENT] = utilization.gpu;
  }
  Memory memory{};
  if (asked(MEMORY_USED_BYTES) &&
      took(CANOPY_NVML_CALL(nvml, nvmlDeviceGetMemoryInfo, handle_, &memory), MEMORY_USED_BYTES)) {
    reading[MEMORY_USED_BYTES] = static_cast<double>(memory.used);
  }
  int state = 0;
  if (asked(PERFORMANCE_STATE) &&
      took(CANOPY_NVML_CALL(nvml, nvmlDeviceGetPerformanceState, handle_, &state), PERFORMANCE_STATE)) {
    reading[PERFORMANCE_STATE] = state;
  }
  return reading;
}

bool Gpu::matches(const std::string& key) const {
  if (!description_.uuid.empty() && strcasecmp(key.c_str(), description_.uuid.c_str()) == 0) return true;
  const std::string id = longPciBusId(key);
  return !id.empty() && id == description_.pciBusId;
}

std::vector<Gpu> listGpus(const std::shared_ptr<const Library>& library, std::map<unsigned, Status>& failures,
                          Status& countStatus) {
  std::vector<Gpu> gpus;
  unsigned count = 0;
  countStatus = CANOPY_NVML_CALL(*library, nvmlDeviceGetCount_v2, &count);
  if (!countStatus.ok()) return gpus;
  for (unsigned index = 0; index < count; index++) {
    Handle handle = nullptr;
    const Status status = CANOPY_NVML_CALL(*library, nvmlDeviceGetHandleByIndex_v2, index, &handle);
    if (status.ok()) {
      gpus.emplace_back(library, index, handle);
    } else {
      failures.emplace(index, status);
    }
  }
  return gpus;
}

}  // namespace canopy::nvml
