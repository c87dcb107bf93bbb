#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/error.h"
#include "power/clock_lock.h"
#include "power/gpu.h"
#include "testing/check.h"
#include "testing/environment.h"

using namespace canopy;
using namespace canopy::nvml;
using canopy::testing::Environment;

namespace {

struct Listed {
  std::vector<Gpu> gpus;
  std::map<unsigned, Status> failures;
  Status countStatus;
};

Listed listed(const char* path = CANOPY_FAKE_NVML) {
  Listed result;
  std::string reason;
  const auto library = Library::open(path, reason);
  CHECK_EQUAL(reason, std::string());
  if (library != nullptr) result.gpus = listGpus(library, result.failures, result.countStatus);
  return result;
}

GpuDescription describedWith(std::initializer_list<std::pair<std::string, std::string>> variables,
                             const char* path = CANOPY_FAKE_NVML) {
  const Environment environment(variables);
  const Listed result = listed(path);
  CHECK_EQUAL(result.gpus.size(), std::size_t{1});
  return result.gpus.empty() ? GpuDescription{} : result.gpus[0].description();
}

std::string textOf(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

TEST("without the library there is a reason") {
  std::string reason;
  CHECK(Library::open("libnone.so.1", reason) == nullptr);
  CHECK_EQUAL(reason, std::string("libnone.so.1: cannot open shared object file: No such file or directory"));
}

TEST("a driver that does not run is a reason with its code") {
  for (const auto& [code, text] : {std::pair{"9", "nvmlInit_v2: Driver Not Loaded (9)"},
                                   std::pair{"4", "nvmlInit_v2: Insufficient Permissions (4)"},
                                   std::pair{"18", "nvmlInit_v2: Unknown Error (18)"}}) {
    const Environment environment{{"FAKE_NVML_ERRORS", std::string("nvmlInit_v2:") + code}};
    std::string reason;
    CHECK(Library::open(CANOPY_FAKE_NVML, reason) == nullptr);
    CHECK_EQUAL(reason, std::string(text));
  }
}

TEST("a GPU is described") {
  const GpuDescription gpu = describedWith({{"FAKE_NVML_PROCESSES", "4711,4712"}});
  CHECK_EQUAL(gpu.name, std::string("NVIDIA Fake 80GB"));
  CHECK_EQUAL(gpu.uuid, std::string("GPU-0fa4e000-0000-4000-8000-000000000000"));
  CHECK_EQUAL(gpu.pciBusId, std::string("00000000:1B:00.0"));
  CHECK_EQUAL(gpu.enforcedPowerLimitMilliwatts.value_or(0), 650000U);
  CHECK_EQUAL(gpu.defaultPowerLimitMilliwatts.value_or(0), 700000U);
  CHECK_EQUAL(gpu.maximumSmClockMHz.value_or(0), 1980U);
  CHECK_EQUAL(gpu.maximumMemoryClockMHz.value_or(0), 2619U);
  CHECK_EQUAL(gpu.memoryBytes.value_or(0), std::uint64_t{80000000000});
  CHECK(gpu.persistenceMode == true && gpu.ecc == true && gpu.mig == false);
  CHECK_EQUAL(gpu.refusal, std::string());
  CHECK_EQUAL(gpu.computeProcesses.size(), std::size_t{2});
  CHECK_EQUAL(gpu.computeProcesses[1].pid, 4712U);
  CHECK_EQUAL(gpu.computeProcesses[1].usedBytes.value_or(0), std::uint64_t{1} << 30);
}

TEST("the power call is the last second's average from Ampere on, but for the A100") {
  for (const auto& [capability, average] :
       {std::pair{"7.0", false}, std::pair{"8.0", false}, std::pair{"8.6", true}, std::pair{"9.0", true}}) {
    const GpuDescription gpu = describedWith({{"FAKE_NVML_CAPABILITY", capability}});
    CHECK_EQUAL(gpu.powerUsageIsAverage, average);
    CHECK(gpu.powerSource == PowerSource::INSTANT_GPU);
    const GpuDescription without =
        describedWith({{"FAKE_NVML_CAPABILITY", capability}, {"FAKE_NVML_ERRORS", "nvmlDeviceGetFieldValues:3"}});
    CHECK(without.powerSource == (average ? PowerSource::USAGE_AVERAGE : PowerSource::USAGE_INSTANT));
  }
}

TEST("a field value has a code of its own; the module stands in for the GPU") {
  const GpuDescription gpu = describedWith({{"FAKE_NVML_ERRORS", "instant-gpu:3"}});
  CHECK_EQUAL(gpu.instantGpuStatus.message(),
              std::string("nvmlDeviceGetFieldValues(NVML_FI_DEV_POWER_INSTANT): Not Supported (3)"));
  CHECK(gpu.powerSource == PowerSource::INSTANT_MODULE);
}

TEST("every code of a meter is a value, and the other meter goes on") {
  for (const int code : {1, 3, 4, 15, 999}) {
    const GpuDescription gpu =
        describedWith({{"FAKE_NVML_ERRORS", "nvmlDeviceGetTotalEnergyConsumption:" + std::to_string(code)}});
    CHECK_EQUAL(gpu.energyCounterStatus.code, code);
    CHECK_EQUAL(gpu.refusal, std::string());
    CHECK(gpu.powerSource == PowerSource::INSTANT_GPU);
  }
  CHECK_EQUAL((Status{NOT_SUPPORTED, "f", "t"}.errorCode()), std::string("ERR_CANOPY_NVML_NOT_SUPPORTED"));
  CHECK_EQUAL((Status{27, "f", "t"}.errorCode()), std::string("ERR_CANOPY_NVML_27"));
}

TEST("a GPU without any meter is refused with both reasons") {
  const GpuDescription gpu =
      describedWith({{"FAKE_NVML_ERRORS",
                      "nvmlDeviceGetTotalEnergyConsumption:3,nvmlDeviceGetPowerUsage:4,nvmlDeviceGetFieldValues:3"}});
  CHECK_EQUAL(gpu.refusal, std::string("no meter answers: nvmlDeviceGetTotalEnergyConsumption: Not Supported (3); "
                                       "nvmlDeviceGetPowerUsage: Insufficient Permissions (4)"));
}

TEST("an old driver lacks functions; reasons go by their old name") {
  const GpuDescription gpu = describedWith({{"FAKE_NVML_REASONS", "64"}}, CANOPY_FAKE_NVML_OLD);
  CHECK_EQUAL(gpu.instantGpuStatus.code, FUNCTION_NOT_FOUND);
  CHECK(gpu.powerSource == PowerSource::USAGE_AVERAGE);
  for (const char* path : {CANOPY_FAKE_NVML, CANOPY_FAKE_NVML_OLD}) {
    const Environment environment{{"FAKE_NVML_REASONS", "64"}};
    Listed result = listed(path);
    CHECK_EQUAL(result.gpus[0].read()[EVENT_REASONS], static_cast<double>(REASON_HARDWARE_THERMAL));
  }
}

TEST("MIG is refused") {
  const GpuDescription gpu = describedWith({{"FAKE_NVML_MIG", "1"}});
  CHECK(gpu.mig == true);
  CHECK(gpu.refusal.starts_with("MIG is on"));
}

TEST("devices are found by uuid or bus id, in CUDA's form or NVML's") {
  const Environment environment{{"FAKE_NVML_DEVICES", "3"}};
  const Listed result = listed();
  CHECK_EQUAL(result.gpus.size(), std::size_t{3});
  const Gpu& third = result.gpus[2];
  for (const char* key : {"GPU-0fa4e000-0000-4000-8000-000000000002", "gpu-0FA4E000-0000-4000-8000-000000000002",
                          "0000:1d:00.0", "00000000:1D:00.0"}) {
    CHECK(third.matches(key));
    CHECK(!result.gpus[0].matches(key));
  }
  for (const char* key : {"2", "", "1d:00.0", "0000:1d:00.0x", "GPU-"}) CHECK(!third.matches(key));
}

TEST("a GPU that cannot be opened does not hide the others") {
  const Environment environment{{"FAKE_NVML_DEVICES", "3"}, {"FAKE_NVML_ERRORS", "handle-1:15"}};
  const Listed result = listed();
  CHECK_EQUAL(result.gpus.size(), std::size_t{2});
  CHECK_EQUAL(result.gpus[1].description().index, 2U);
  CHECK_EQUAL(result.failures.at(1).errorCode(), std::string("ERR_CANOPY_NVML_GPU_IS_LOST"));
}

TEST("a lost GPU reads as missing and is not asked again") {
  const Environment environment{{"FAKE_NVML_LOST_MS", "0"}};
  Listed result = listed();
  for (int i = 0; i < 3; i++) {
    for (const double value : result.gpus[0].read()) CHECK(std::isnan(value));
  }
  // The description was refused too: no meter answered.
  CHECK(!result.gpus[0].description().refusal.empty());
  CHECK_EQUAL(result.gpus[0].failures().size(), std::size_t{1});
  CHECK_EQUAL(result.gpus[0].failures().begin()->second.times, std::uint64_t{1});
  CHECK_EQUAL(result.gpus[0].failures().begin()->second.status.code, GPU_IS_LOST);
}

TEST("time stamps lie in the middle of a slow call") {
  // 1,000 W since the monotonic clock's zero: a joule each millisecond, so that the counter is that clock.
  const Environment environment{
      {"FAKE_NVML_LATENCY_US", "4000"}, {"FAKE_NVML_TRACE", "100000:1000000"}, {"FAKE_NVML_EPOCH", "0"}};
  Listed result = listed();
  // On a busy machine the thread may be held up inside a call; a stamp at an end of the call is off by 2 ms every time.
  double least = INFINITY;
  for (int i = 0; i < 20 && !(least < 0.5e-3); i++) {
    const GpuReading reading = result.gpus[0].read();
    least = std::min(least, std::abs(reading[ENERGY_SECONDS] - 1e-6 * reading[ENERGY_MILLIJOULES]));
  }
  CHECK_CLOSE(least, 0.0, 0.5e-3);
}

TEST("clocks are locked while the lock lives, and reset by its destructor") {
  const std::string name = "canopy-fake-nvml-" + std::to_string(getpid()) + ".log";
  const std::string log = (std::filesystem::temp_directory_path() / name).string();
  {
    const Environment environment{{"FAKE_NVML_DEVICES", "2"}, {"FAKE_NVML_LOG", log}};
    Listed result = listed();
    std::vector<Gpu> gpus = result.gpus;
    {
      const ClockLock lock(std::move(gpus), 1410);
      CHECK_EQUAL(result.gpus[0].read()[SM_CLOCK_MHZ], 1410.0);
    }
    CHECK_EQUAL(result.gpus[0].read()[SM_CLOCK_MHZ], 1755.0);
    CHECK_EQUAL(textOf(log), std::string("lock 0 1410\nlock 1 1410\nreset 0 (was 1410)\nreset 1 (was 1410)\n"));
    unlink(log.c_str());
  }
  const Environment environment{{"FAKE_NVML_DEVICES", "2"}, {"FAKE_NVML_LOG", log}, {"FAKE_NVML_ERRORS", "lock-1:4"}};
  Listed result = listed();
  CHECK_THROWS(ClockLock(result.gpus, 1410), Error, "clocks cannot be locked at 1410 MHz");
  CHECK_EQUAL(textOf(log), std::string("lock 0 1410\nreset 0 (was 1410)\n"));
  unlink(log.c_str());
}
