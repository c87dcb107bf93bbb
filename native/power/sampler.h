// A thread that reads every meter at fixed times: GPUs by NVML, CPU packages by RAPL.
//
// Deadlines are absolute (start + k x period on CLOCK_MONOTONIC), so they do not drift; one that passes while a reading
// is still under way is missed, counted and not made up for. Columns are laid out before the start: the thread
// allocates nothing. NaN = that meter gave nothing at that time.
//
// Thread rules: one owner calls everything; the sampling thread is the only writer of the columns, and count() says how
// many rows of them are finished, so that they can be read while it runs. gpus() and marks() belong to the owner;
// failures inside gpus() only once stopped.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "power/gpu.h"
#include "power/rapl.h"

namespace canopy {

struct SamplerOptions {
  double periodSeconds = 0.02;
  std::size_t capacity = 0;  ///< rows; ticks beyond them are counted and lost
};

/// A labelled instant in monotonic seconds.
struct Mark {
  std::string label;
  double seconds = 0.0;
};

class PowerSampler {
 public:
  PowerSampler(std::vector<nvml::Gpu> gpus, std::vector<RaplCounter> zones, const SamplerOptions& options);
  /// Stops the thread.
  ~PowerSampler();
  PowerSampler(const PowerSampler&) = delete;
  PowerSampler& operator=(const PowerSampler&) = delete;

  /// Takes the first row before it returns. Throws canopy::Error ERR_CANOPY_STATE where it was started before.
  void start();
  /// Takes a last row and ends the thread, within a period; does nothing where it does not run.
  void stop();
  bool running() const { return thread_.joinable(); }

  /// Notes the present instant and returns it.
  double mark(std::string label);

  const std::vector<nvml::Gpu>& gpus() const { return gpus_; }
  const std::vector<RaplCounter>& zones() const { return zones_; }
  const std::vector<Mark>& marks() const { return marks_; }
  std::uint64_t missedDeadlines() const { return missed_.load(std::memory_order_relaxed); }
  std::uint64_t lostRows() const { return lost_.load(std::memory_order_relaxed); }

  std::size_t count() const { return count_.load(std::memory_order_acquire); }
  const double* gpuColumn(std::size_t gpu, nvml::Column column) const { return gpuColumns_[gpu][column].get(); }
  const double* zoneSeconds(std::size_t zone) const { return zoneColumns_[zone].seconds.get(); }
  const double* zoneMicrojoules(std::size_t zone) const { return zoneColumns_[zone].microjoules.get(); }
  /// Waking time less deadline of each row, in seconds; NaN for the first and the last, which have none.
  const double* wakeErrorSeconds() const { return wakeError_.get(); }

 private:
  using Values = std::unique_ptr<double[]>;
  struct ZoneColumns {
    Values seconds;
    Values microjoules;
  };

  void loop();
  void takeRow(double wakeErrorSeconds);

  std::vector<nvml::Gpu> gpus_;
  std::vector<RaplCounter> zones_;
  SamplerOptions options_;
  std::vector<Mark> marks_;
  std::vector<std::array<Values, nvml::COLUMN_COUNT>> gpuColumns_;
  std::vector<ZoneColumns> zoneColumns_;
  Values wakeError_;
  std::atomic<std::size_t> count_{0};
  std::atomic<std::uint64_t> missed_{0};
  std::atomic<std::uint64_t> lost_{0};
  std::atomic<bool> stopping_{false};
  bool started_ = false;
  std::thread thread_;
};

}  // namespace canopy
