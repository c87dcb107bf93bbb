// A libnvidia-ml.so.1 for tests: it replays a power trace and fails where it is told to. Loaded by path, or by
// LD_LIBRARY_PATH under the unchanged product. The environment is read by an nvmlInit_v2 that no other is open beside:
//
//   FAKE_NVML_TRACE       steps of the power of GPU 0, `ms:mW,ms:mW,...`, repeated for ever; default 1000:100000.
//                         GPU i draws i + 1 times as much
//   FAKE_NVML_EPOCH       monotonic second at which the trace and the energy counter begin; default now
//   FAKE_NVML_REFRESH_MS  counter and momentary power stand still for so long; default 0
//   FAKE_NVML_DEVICES     number of GPUs, default 1
//   FAKE_NVML_CAPABILITY  compute capability `major.minor`, default 9.0; 8.x is Ampere, 7.x Volta
//   FAKE_NVML_ERRORS      `name:code,...`: that function always answers so. Names of field values: instant-gpu,
//                         instant-module
//   FAKE_NVML_LOST_MS     from then on every call on a GPU answers GPU_IS_LOST
//   FAKE_NVML_RESET_MS    the energy counter starts again from zero then
//   FAKE_NVML_FACTOR      the counter grows so many times as fast as the truth, default 1
//   FAKE_NVML_LATENCY_US  each call on a GPU takes so long, half of it before the value is taken
//   FAKE_NVML_MIG         1: MIG is on
//   FAKE_NVML_PROCESSES   process ids, `1234,1235`
//   FAKE_NVML_REASONS     mask of clock event reasons, default 0
//   FAKE_NVML_LOG         file to which locking and resetting of clocks is appended
//
// Built with FAKE_NVML_OLD it is a driver from before 535: no field values, the old name of the reasons.
#include <time.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "power/monotonic_clock.h"
#include "power/nvml_abi.h"

using namespace canopy;
using namespace canopy::nvml;

namespace {

struct Step {
  double milliseconds;
  double milliwatts;
};

struct Fake {
  std::vector<Step> steps;
  double cycleMilliseconds = 0.0;
  double cycleMicrojoules = 0.0;
  double epochSeconds = 0.0;
  double refreshMilliseconds = 0.0;
  double lostMilliseconds = INFINITY;
  double resetMilliseconds = INFINITY;
  double factor = 1.0;
  double latencyMicroseconds = 0.0;
  unsigned devices = 1;
  int major = 9;
  int minor = 0;
  bool mig = false;
  unsigned long long reasons = 0;
  std::vector<unsigned> processes;
  std::map<std::string, Return> errors;
  std::string log;
  unsigned lockedMHz[16] = {};
};

Fake fake;
std::mutex lock;
unsigned users = 0;  // under lock: inits without their shutdown

std::string environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? otherwise : value;
}

double number(const char* name, double otherwise) {
  return std::stod(environment(name, std::to_string(otherwise).c_str()));
}

/// `a:b,c:d` as pairs of text.
std::vector<std::pair<std::string, std::string>> pairs(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> result;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string item = text.substr(at, end - at);
    const std::size_t colon = item.find(':');
    result.emplace_back(item.substr(0, colon), colon == std::string::npos ? "" : item.substr(colon + 1));
    at = end + 1;
  }
  return result;
}

void configure() {
  fake = Fake{};
  for (const auto& [milliseconds, milliwatts] : pairs(environment("FAKE_NVML_TRACE", "1000:100000"))) {
    fake.steps.push_back({std::stod(milliseconds), std::stod(milliwatts)});
    fake.cycleMilliseconds += fake.steps.back().milliseconds;
    fake.cycleMicrojoules += fake.steps.back().milliseconds * fake.steps.back().milliwatts;
  }
  const std::string epoch = environment("FAKE_NVML_EPOCH", "");
  fake.epochSeconds = epoch.empty() ? monotonicSeconds() : std::stod(epoch);
  fake.refreshMilliseconds = number("FAKE_NVML_REFRESH_MS", 0.0);
  fake.lostMilliseconds = number("FAKE_NVML_LOST_MS", INFINITY);
  fake.resetMilliseconds = number("FAKE_NVML_RESET_MS", INFINITY);
  fake.factor = number("FAKE_NVML_FACTOR", 1.0);
  fake.latencyMicroseconds = number("FAKE_NVML_LATENCY_US", 0.0);
  fake.devices = static_cast<unsigned>(number("FAKE_NVML_DEVICES", 1.0));
  std::sscanf(environment("FAKE_NVML_CAPABILITY", "9.0").c_str(), "%d.%d", &fake.major, &fake.minor);
  fake.mig = environment("FAKE_NVML_MIG", "0") == "1";
  fake.reasons = static_cast<unsigned long long>(number("FAKE_NVML_REASONS", 0.0));
  for (const auto& [pid, unused] : pairs(environment("FAKE_NVML_PROCESSES", ""))) {
    fake.processes.push_back(static_cast<unsigned>(std::stoul(pid)));
  }
  for (const auto& [name, code] : pairs(environment("FAKE_NVML_ERRORS", ""))) fake.errors[name] = std::stoi(code);
  fake.log = environment("FAKE_NVML_LOG", "");
}

double elapsedMilliseconds() { return (monotonicSeconds() - fake.epochSeconds) * 1e3; }

/// The time that meters show: that of the last refresh.
double shownMilliseconds() {
  const double now = elapsedMilliseconds();
  return fake.refreshMilliseconds > 0.0 ? std::floor(now / fake.refreshMilliseconds) * fake.refreshMilliseconds : now;
}

double milliwattsAt(double milliseconds) {
  double left = std::fmod(milliseconds, fake.cycleMilliseconds);
  for (const Step& step : fake.steps) {
    if (left < step.milliseconds) return step.milliwatts;
    left -= step.milliseconds;
  }
  return fake.steps.back().milliwatts;
}

/// Integral of the power from the epoch on, in microjoules; the epoch is never in the future of a reading.
double microjoulesAt(double milliseconds) {
  const double cycles = std::floor(milliseconds / fake.cycleMilliseconds);
  double left = milliseconds - cycles * fake.cycleMilliseconds;
  double energy = cycles * fake.cycleMicrojoules;
  for (const Step& step : fake.steps) {
    const double taken = std::min(left, step.milliseconds);
    energy += taken * step.milliwatts;
    left -= taken;
    if (left <= 0.0) break;
  }
  return energy;
}

unsigned indexOf(Handle handle) { return static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(handle)) - 1; }
double shareOf(Handle handle) { return 1.0 + indexOf(handle); }

void pause(double microseconds) {
  if (microseconds > 0.0) usleep(static_cast<useconds_t>(microseconds));
}

Return errorOf(const char* name) {
  const auto found = fake.errors.find(name);
  return found == fake.errors.end() ? SUCCESS : found->second;
}

/// Runs a call on a GPU: errors, loss and latency are the same for all.
template <typename Body>
Return onGpu(const char* name, Body body) {
  pause(0.5 * fake.latencyMicroseconds);
  Return result = errorOf(name);
  if (result == SUCCESS && elapsedMilliseconds() >= fake.lostMilliseconds) result = GPU_IS_LOST;
  if (result == SUCCESS) result = body();
  pause(0.5 * fake.latencyMicroseconds);
  return result;
}

Return copy(const std::string& from, char* text, unsigned length) {
  if (from.size() >= length) return INSUFFICIENT_SIZE;
  std::memcpy(text, from.c_str(), from.size() + 1);
  return SUCCESS;
}

void writeLog(const char* format, unsigned index, unsigned megahertz) {
  if (fake.log.empty()) return;
  std::FILE* file = std::fopen(fake.log.c_str(), "a");
  std::fprintf(file, format, index, megahertz);
  std::fclose(file);
}

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT Return nvmlInit_v2() {
  const std::lock_guard<std::mutex> guard(lock);
  // As the driver does: others may be reading meanwhile.
  if (users == 0) configure();
  const Return result = errorOf("nvmlInit_v2");
  if (result == SUCCESS) users++;
  return result;
}

EXPORT Return nvmlShutdown() {
  const std::lock_guard<std::mutex> guard(lock);
  if (users == 0) return UNINITIALIZED;
  users--;
  return SUCCESS;
}

EXPORT const char* nvmlErrorString(Return code) {
  switch (code) {
    case UNINITIALIZED:
      return "Uninitialized";
    case NOT_SUPPORTED:
      return "Not Supported";
    case NO_PERMISSION:
      return "Insufficient Permissions";
    case DRIVER_NOT_LOADED:
      return "Driver Not Loaded";
    case GPU_IS_LOST:
      return "GPU is lost";
    default:
      return "Unknown Error";
  }
}

EXPORT Return nvmlSystemGetDriverVersion(char* text, unsigned length) { return copy("580.1", text, length); }
EXPORT Return nvmlSystemGetNVMLVersion(char* text, unsigned length) { return copy("13.580.1", text, length); }

EXPORT Return nvmlSystemGetCudaDriverVersion_v2(int* version) {
  *version = 13000;
  return SUCCESS;
}

EXPORT Return nvmlDeviceGetCount_v2(unsigned* count) {
  *count = fake.devices;
  return errorOf("nvmlDeviceGetCount_v2");
}

EXPORT Return nvmlDeviceGetHandleByIndex_v2(unsigned index, Handle* handle) {
  *handle = reinterpret_cast<Handle>(static_cast<std::uintptr_t>(index) + 1);
  const Return result = errorOf("nvmlDeviceGetHandleByIndex_v2");
  return result == SUCCESS ? errorOf(("handle-" + std::to_string(index)).c_str()) : result;
}

EXPORT Return nvmlDeviceGetPciInfo_v3(Handle handle, PciInfo* info) {
  return onGpu("nvmlDeviceGetPciInfo_v3", [&] {
    *info = PciInfo{};
    info->bus = 0x1b + indexOf(handle);
    std::snprintf(info->busId, sizeof info->busId, "00000000:%02X:00.0", info->bus);
    return SUCCESS;
  });
}

EXPORT Return nvmlDeviceGetName(Handle, char* text, unsigned length) {
  return onGpu("nvmlDeviceGetName", [&] { return copy("NVIDIA Fake 80GB", text, length); });
}

EXPORT Return nvmlDeviceGetUUID(Handle handle, char* text, unsigned length) {
  return onGpu("nvmlDeviceGetUUID", [&] {
    char uuid[64];
    std::snprintf(uuid, sizeof uuid, "GPU-0fa4e000-0000-4000-8000-%012x", indexOf(handle));
    return copy(uuid, text, length);
  });
}

EXPORT Return nvmlDeviceGetVbiosVersion(Handle, char* text, unsigned length) {
  return onGpu("nvmlDeviceGetVbiosVersion", [&] { return copy("96.00.74.00.01", text, length); });
}

EXPORT Return nvmlDeviceGetArchitecture(Handle, unsigned* architecture) {
  return onGpu("nvmlDeviceGetArchitecture", [&] {
    *architecture = fake.major == 7 ? 5 : fake.major == 8 ? 7 : 9;
    return SUCCESS;
  });
}

EXPORT Return nvmlDeviceGetCudaComputeCapability(Handle, int* major, int* minor) {
  return onGpu("nvmlDeviceGetCudaComputeCapability", [&] {
    *major = fake.major;
    *minor = fake.minor;
    return SUCCESS;
  });
}

EXPORT Return nvmlDeviceGetTotalEnergyConsumption(Handle handle, unsigned long long* millijoules) {
  return onGpu("nvmlDeviceGetTotalEnergyConsumption", [&] {
    const double shown = shownMilliseconds();
    const double from = shown >= fake.resetMilliseconds ? fake.resetMilliseconds : 0.0;
    const double microjoules = microjoulesAt(shown) - microjoulesAt(from);
    *millijoules = static_cast<unsigned long long>(fake.factor * shareOf(handle) * microjoules * 1e-3);
    return SUCCESS;
  });
}

EXPORT Return nvmlDeviceGetPowerUsage(Handle handle, unsigned* milliwatts) {
  return onGpu("nvmlDeviceGetPowerUsage", [&] {
    const double shown = shownMilliseconds();
    const bool average = fake.major >= 8 && !(fake.major == 8 && fake.minor == 0);
    const double from = std::max(0.0, shown - 1000.0);
    const double value =
        average && shown > from ? (microjoulesAt(shown) - microjoulesAt(from)) / (shown - from) : milliwattsAt(shown);
    *milliwatts = static_cast<unsigned>(shareOf(handle) * value);
    return SUCCESS;
  });
}

#ifndef FAKE_NVML_OLD
EXPORT Return nvmlDeviceGetFieldValues(Handle handle, int count, FieldValue* values) {
  return onGpu("nvmlDeviceGetFieldValues", [&] {
    for (int i = 0; i < count; i++) {
      const bool module = values[i].scopeId == SCOPE_MODULE;
      // As on a plain card: there is no module.
      const Return asked = errorOf(module ? "instant-module" : "instant-gpu");
      values[i].result = asked != SUCCESS                                  ? asked
                         : module && fake.errors.count("instant-gpu") == 0 ? NOT_SUPPORTED
                                                                           : SUCCESS;
      values[i].valueType = ValueType::UNSIGNED_INT;
      values[i].value.unsignedInt =
          static_cast<unsigned>((module ? 1.5 : 1.0) * shareOf(handle) * milliwattsAt(shownMilliseconds()));
    }
    return SUCCESS;
  });
}

EXPORT Return nvmlDeviceGetCurrentClocksEventReasons(Handle, unsigned long long* reasons) {
  return onGpu("nvmlDeviceGetCurrentClocksEventReasons", [&] {
    *reasons = fake.reasons;
    return SUCCESS;
  });
}
#else
EXPORT Return nvmlDeviceGetCurrentClocksThrottleReasons(Handle, unsigned long long* reasons) {
  return onGpu("nvmlDeviceGetCurrentClocksThrottleReasons", [&] {
    *reasons = fake.reasons;
    return SUCCESS;
  });
}
#endif

EXPORT Return nvmlDeviceGetEnforcedPowerLimit(Handle, unsigned* milliwatts) {
  return onGpu("nvmlDeviceGetEnforcedPowerLimit", [&] {
    *milliwatts = 650000;
    return SUCCESS;
  });
}

EXPORT Return nvmlDeviceGetPowerManagementDefaultLimit(Handle, unsigned* milliwatts) {
  return onGpu("nvmlDeviceGetPowerManagementDefaultLimit", [&] {
    *milliwatts = 700000;
    return SUCCESS;
  });
}

EXPORT Return nvmlDeviceGetPowerManagementLimitConstraints(Handle, unsigned* least, unsigned* most) {
  return onGpu("nvmlDeviceGetPowerManagementLimitConstraints", [&] {
    *least = 200000;
    *most = 700000;
    return SUCCESS;
  });
}

EXPORT Return nvmlDeviceGetClockInfo(Handle handle, int type, unsigned* megahertz) {
  return onGpu("nvmlDeviceGetClockInfo", [&] {
    const unsigned locked = fake.lockedMHz[indexOf(handle)];
    *megahertz = type == CLOCK_MEMORY ? 2619 : locked > 0 ? locked : 1755;
    return SUCCESS;
  });
}

EXPORT Return nvmlDeviceGetMaxClockInfo(Handle, int type, unsigned* megahertz) {
  return onGpu("nvmlDeviceGetMaxClockInfo", [&] {
    *megahertz = type == CLOCK_MEMORY ? 2619 : 1980;
    return SUCCESS;
  });
}

EXPORT Return nvmlDeviceGetTemperature(Handle, int, unsigned* celsius) {
  return onGpu("nvmlDeviceGetTemperature", [&] {
    *celsius = 41;
    return SUCCESS;
  });
}

EXPORT Return nvmlDeviceGetUtilizationRates(Handle, Utilization* rates) {
  return onGpu("nvmlDeviceGetUtilizationRates", [&] {
    *rates = {97, 60};
    return SUCCESS;
  });
}

EXPORT Return nvmlDeviceGetMemoryInfo(Handle, Memory* memory) {
  return onGpu("nvmlDeviceGetMemoryInfo", [&] {
    *memory = {80000000000ULL, 20000000000ULL, 60000000000ULL};
    return SUCCESS;
  });
}

EXPORT Return nvmlDeviceGetPerformanceState(Handle, int* state) {
  return onGpu("nvmlDeviceGetPerformanceState", [&] {
    *state = 0;
    return SUCCESS;
  });
}

EXPORT Return nvmlDeviceGetPersistenceMode(Handle, int* state) {
  return onGpu("nvmlDeviceGetPersistenceMode", [&] {
    *state = 1;
    return SUCCESS;
  });
}

EXPORT Return nvmlDeviceGetEccMode(Handle, int* current, int* pending) {
  return onGpu("nvmlDeviceGetEccMode", [&] {
    *current = *pending = 1;
    return SUCCESS;
  });
}

EXPORT Return nvmlDeviceGetMigMode(Handle, unsigned* current, unsigned* pending) {
  return onGpu("nvmlDeviceGetMigMode", [&] {
    *current = *pending = fake.mig ? MIG_ENABLED : 0;
    return SUCCESS;
  });
}

EXPORT Return nvmlDeviceGetComputeRunningProcesses_v3(Handle, unsigned* count, ProcessInfo* processes) {
  return onGpu("nvmlDeviceGetComputeRunningProcesses_v3", [&] {
    const auto running = static_cast<unsigned>(fake.processes.size());
    if (running > *count) {
      *count = running;
      return INSUFFICIENT_SIZE;
    }
    *count = running;
    for (unsigned i = 0; i < running; i++) processes[i] = {fake.processes[i], 1ULL << 30, ~0U, ~0U};
    return SUCCESS;
  });
}

EXPORT Return nvmlDeviceSetGpuLockedClocks(Handle handle, unsigned least, unsigned) {
  return onGpu("nvmlDeviceSetGpuLockedClocks", [&] {
    const Return refused = errorOf(("lock-" + std::to_string(indexOf(handle))).c_str());
    if (refused != SUCCESS) return refused;
    fake.lockedMHz[indexOf(handle)] = least;
    writeLog("lock %u %u\n", indexOf(handle), least);
    return SUCCESS;
  });
}

EXPORT Return nvmlDeviceResetGpuLockedClocks(Handle handle) {
  return onGpu("nvmlDeviceResetGpuLockedClocks", [&] {
    writeLog("reset %u (was %u)\n", indexOf(handle), fake.lockedMHz[indexOf(handle)]);
    fake.lockedMHz[indexOf(handle)] = 0;
    return SUCCESS;
  });
}
