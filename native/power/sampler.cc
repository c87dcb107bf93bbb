#include "power/sampler.h"

#include <pthread.h>
#include <sys/prctl.h>

#include <cerrno>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "common/error.h"
#include "power/monotonic_clock.h"

namespace canopy {
namespace {

constexpr double MISSING = std::numeric_limits<double>::quiet_NaN();

timespec timespecOf(double seconds) {
  timespec time;
  time.tv_sec = static_cast<time_t>(seconds);
  time.tv_nsec = static_cast<long>((seconds - std::floor(seconds)) * 1e9);
  return time;
}

}  // namespace

PowerSampler::PowerSampler(std::vector<nvml::Gpu> gpus, std::vector<RaplCounter> zones, const SamplerOptions& options)
    : gpus_(std::move(gpus)), zones_(std::move(zones)), options_(options) {
  // stop() waits for at most one period.
  if (!(options.periodSeconds >= 0.001 && options.periodSeconds <= 1.0)) {
    throw std::invalid_argument("the sampling period has to be 1 ms to 1 s");
  }
  if (options.capacity < 2) throw std::invalid_argument("a sampler needs room for at least 2 rows");
  // Not initialised: pages that are never reached are never touched.
  const auto column = [&] { return std::make_unique_for_overwrite<double[]>(options.capacity); };
  gpuColumns_.resize(gpus_.size());
  for (auto& columns : gpuColumns_) {
    for (Values& values : columns) values = column();
  }
  for (std::size_t i = 0; i < zones_.size(); i++) zoneColumns_.push_back({column(), column()});
  wakeError_ = column();
}

PowerSampler::~PowerSampler() { stop(); }

void PowerSampler::start() {
  if (started_) throw Error("ERR_CANOPY_STATE", "this sampler was started before: make a new one");
  started_ = true;
  takeRow(MISSING);
  thread_ = std::thread([this] { loop(); });
}

void PowerSampler::stop() {
  if (!thread_.joinable()) return;
  stopping_.store(true, std::memory_order_relaxed);
  thread_.join();
  takeRow(MISSING);
}

double PowerSampler::mark(std::string label) {
  const double now = monotonicSeconds();
  marks_.push_back({std::move(label), now});
  return now;
}

void PowerSampler::loop() {
  // The kernel may bundle wake-ups by 50 us otherwise.
  prctl(PR_SET_TIMERSLACK, 1);
  // On a busy host the thread would wait behind the engine for milliseconds. Granted to root only; without it the
  // wake-up errors say how late the samples were.
  const sched_param priority{.sched_priority = 1};
  pthread_setschedparam(pthread_self(), SCHED_RR, &priority);
  const double start = monotonicSeconds();
  for (std::uint64_t tick = 1;; tick++) {
    const double late = monotonicSeconds() - (start + static_cast<double>(tick) * options_.periodSeconds);
    if (late > 0.0) {
      const auto passed = static_cast<std::uint64_t>(late / options_.periodSeconds) + 1;
      missed_.fetch_add(passed, std::memory_order_relaxed);
      tick += passed;
    }
    const double deadline = start + static_cast<double>(tick) * options_.periodSeconds;
    const timespec until = timespecOf(deadline);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
    }
    if (stopping_.load(std::memory_order_relaxed)) return;
    takeRow(monotonicSeconds() - deadline);
  }
}

void PowerSampler::takeRow(double wakeErrorSeconds) {
  const std::size_t row = count_.load(std::memory_order_relaxed);
  if (row == options_.capacity) {
    lost_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  wakeError_[row] = wakeErrorSeconds;
  for (std::size_t i = 0; i < gpus_.size(); i++) {
    const nvml::GpuReading reading = gpus_[i].read();
    for (std::size_t column = 0; column < nvml::COLUMN_COUNT; column++) {
      gpuColumns_[i][column][row] = reading[column];
    }
  }
  for (std::size_t i = 0; i < zones_.size(); i++) {
    const double before = monotonicSeconds();
    const std::optional<double> microjoules = zones_[i].read();
    zoneColumns_[i].seconds[row] = 0.5 * (before + monotonicSeconds());
    zoneColumns_[i].microjoules[row] = microjoules.value_or(MISSING);
  }
  count_.store(row + 1, std::memory_order_release);
}

}  // namespace canopy
