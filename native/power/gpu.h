// One physical GPU as NVML sees it: what it is, what of it can be metered, and one reading of all its meters.
// Thread rules: a Gpu belongs to one thread at a time; NVML itself is thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "power/nvml_library.h"

namespace canopy::nvml {

/// Where a GPU's momentary power comes from, best first. NVML's power call means different things: on Ampere and newer,
/// but for the A100 (GA100), it is the average of the last second; elsewhere it is the power of the moment.
enum class PowerSource { INSTANT_GPU, INSTANT_MODULE, USAGE_INSTANT, USAGE_AVERAGE, NONE };

/// `instant-gpu`, `instant-module` (a superchip: the CPU is in it), `usage-instant`, `usage-average-1s`, `none`.
const char* nameOf(PowerSource source);

struct GpuProcess {
  unsigned pid = 0;
  std::optional<std::uint64_t> usedBytes;
};

/// What stays the same while a server runs. Empty optionals and texts: NVML does not say.
struct GpuDescription {
  unsigned index =
      0;  ///< NVML's, as nvidia-smi shows it; CUDA counts otherwise, so devices are matched by uuid or bus id
  std::string name;
  std::string uuid;
  std::string pciBusId;  ///< domain of eight digits, upper case: 00000000:3B:00.0
  std::string vbiosVersion;
  std::optional<unsigned> architecture;  ///< NVML's number: 7 Ampere, 8 Ada, 9 Hopper, 10 Blackwell
  int computeMajor = 0;
  int computeMinor = 0;
  std::optional<unsigned> enforcedPowerLimitMilliwatts;
  std::optional<unsigned> defaultPowerLimitMilliwatts;
  std::optional<unsigned> minimumPowerLimitMilliwatts;
  std::optional<unsigned> maximumPowerLimitMilliwatts;
  std::optional<unsigned> maximumSmClockMHz;
  std::optional<unsigned> maximumMemoryClockMHz;
  std::optional<std::uint64_t> memoryBytes;
  std::optional<bool> persistenceMode;
  std::optional<bool> ecc;
  std::optional<bool> mig;
  std::vector<GpuProcess> computeProcesses;  ///< all that hold a context now, this one included
  Status computeProcessesStatus;
  Status energyCounterStatus;
  Status instantGpuStatus;
  Status instantModuleStatus;
  Status powerUsageStatus;
  bool powerUsageIsAverage = false;
  PowerSource powerSource = PowerSource::NONE;
  /// Why this GPU is not metered; empty where it is. With MIG on, power belongs to all instances together.
  std::string refusal;
};

/// Columns of a reading. Time stamps are monotonic seconds in the middle of the call that they belong to.
enum Column : std::size_t {
  ENERGY_SECONDS,
  ENERGY_MILLIJOULES,
  POWER_SECONDS,
  POWER_MILLIWATTS,
  SM_CLOCK_MHZ,
  MEMORY_CLOCK_MHZ,
  EVENT_REASONS,
  TEMPERATURE_CELSIUS,
  UTILISATION_PERCENT,
  MEMORY_USED_BYTES,
  PERFORMANCE_STATE,
  COLUMN_COUNT,
};

/// Names of the columns for JavaScript, by Column.
extern const std::array<const char*, COLUMN_COUNT> COLUMN_NAMES;

/// NaN where the meter gave nothing.
using GpuReading = std::array<double, COLUMN_COUNT>;

/// A call that failed during readings.
struct ReadFailure {
  Status status;  ///< of the first time
  double firstSeconds = 0.0;
  std::uint64_t times = 0;
};

class Gpu {
 public:
  /// Asks for everything in the description and tries each meter once.
  Gpu(std::shared_ptr<const Library> library, unsigned index, Handle handle);

  const GpuDescription& description() const { return description_; }
  const Library& library() const { return *library_; }
  Handle handle() const { return handle_; }

  /// Every meter once: energy and power first, close together. A meter that the driver does not have is not asked
  /// again; a lost GPU is not asked at all, since each call on it may hang.
  GpuReading read();

  /// By the name of the call.
  const std::map<std::string, ReadFailure>& failures() const { return failures_; }

  /// `key` is a UUID, or a PCI bus id in CUDA's form (0000:3b:00.0) or NVML's; case does not matter.
  bool matches(const std::string& key) const;

 private:
  void describe();
  void describePower();
  void describeProcesses();
  void readPower(GpuReading& reading);
  /// True where the call gave a value; otherwise notes the failure and, where it is final, drops the meter.
  bool took(const Status& status, Column column);
  bool asked(Column column) const { return !lost_ && !dropped_[column]; }

  std::shared_ptr<const Library> library_;
  Handle handle_;
  GpuDescription description_;
  std::map<std::string, ReadFailure> failures_;
  std::array<bool, COLUMN_COUNT> dropped_{};
  bool lost_ = false;
};

/// Every GPU that the driver shows. One that cannot be opened is in `failures` by its index, not in the result.
std::vector<Gpu> listGpus(const std::shared_ptr<const Library>& library, std::map<unsigned, Status>& failures,
                          Status& countStatus);

/// A PCI bus id in NVML's long form; empty where the text is none.
std::string longPciBusId(const std::string& text);

/// Watts of the moment from one field value; its own result code is in the status.
Status readInstantPower(const Library& library, Handle handle, unsigned scope, double& milliwatts);

}  // namespace canopy::nvml
