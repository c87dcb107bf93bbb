#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "common/error.h"
#include "power/monotonic_clock.h"
#include "power/sampler.h"
#include "testing/check.h"
#include "testing/environment.h"

using namespace canopy;
using namespace canopy::nvml;
using canopy::testing::Environment;

namespace {

std::vector<Gpu> fakeGpus() {
  std::string reason;
  std::map<unsigned, Status> failures;
  Status status;
  return listGpus(Library::open(CANOPY_FAKE_NVML, reason), failures, status);
}

void sleepSeconds(double seconds) { usleep(static_cast<useconds_t>(seconds * 1e6)); }

/// 95, 620 and 350 W, 1.1 s in all.
constexpr const char* TRACE = "300:95000,500:620000,300:350000";
constexpr double CYCLE_SECONDS = 1.1;
constexpr double CYCLE_JOULES = 0.3 * 95.0 + 0.5 * 620.0 + 0.3 * 350.0;

/// Trapezoids over the momentary power.
double integratedJoules(const PowerSampler& sampler, double from, double to) {
  const double* seconds = sampler.gpuColumn(0, POWER_SECONDS);
  const double* milliwatts = sampler.gpuColumn(0, POWER_MILLIWATTS);
  double joules = 0.0;
  for (std::size_t i = 1; i < sampler.count(); i++) {
    if (seconds[i - 1] < from || seconds[i] > to) continue;
    joules += 0.5e-3 * (milliwatts[i] + milliwatts[i - 1]) * (seconds[i] - seconds[i - 1]);
  }
  return joules;
}

}  // namespace

TEST("three cycles of a known trace: the counter and the momentary power give their energy within 2 %") {
  const Environment environment{{"FAKE_NVML_TRACE", TRACE}, {"FAKE_NVML_DEVICES", "2"}};
  PowerSampler sampler(fakeGpus(), {}, {0.02, 1000});
  sampler.start();
  const double from = sampler.mark("from");
  sleepSeconds(3 * CYCLE_SECONDS);
  const double to = sampler.mark("to");
  sampler.stop();
  const std::size_t rows = sampler.count();
  CHECK(rows > 140);
  // A whole number of cycles has the same energy wherever it begins; the sleep is a little longer.
  const double* counter = sampler.gpuColumn(0, ENERGY_MILLIJOULES);
  const double* seconds = sampler.gpuColumn(0, ENERGY_SECONDS);
  const double perSecond = (counter[rows - 1] - counter[0]) * 1e-3 / (seconds[rows - 1] - seconds[0]);
  CHECK_CLOSE(perSecond, CYCLE_JOULES / CYCLE_SECONDS, 0.02 * CYCLE_JOULES / CYCLE_SECONDS);
  CHECK_CLOSE(integratedJoules(sampler, from, to), 3 * CYCLE_JOULES, 0.02 * 3 * CYCLE_JOULES);
  // The second GPU draws twice as much.
  const double* other = sampler.gpuColumn(1, ENERGY_MILLIJOULES);
  CHECK_CLOSE((other[rows - 1] - other[0]) / (counter[rows - 1] - counter[0]), 2.0, 0.01);
  CHECK_EQUAL(sampler.marks().size(), std::size_t{2});
  CHECK_EQUAL(sampler.marks()[1].label, std::string("to"));
}

TEST("deadlines do not drift, and the thread wakes at them") {
  const Environment environment{};
  PowerSampler sampler(fakeGpus(), {}, {0.02, 1000});
  sampler.start();
  sleepSeconds(3.0);
  sampler.stop();
  std::vector<double> errors;
  for (std::size_t i = 0; i < sampler.count(); i++) {
    const double error = sampler.wakeErrorSeconds()[i];
    if (!std::isnan(error)) errors.push_back(error);
  }
  std::sort(errors.begin(), errors.end());
  const double median = errors[errors.size() / 2];
  const double p99 = errors[errors.size() * 99 / 100];
  std::printf("wake-up after the deadline at 20 ms: median %.3f ms, p99 %.3f ms, max %.3f ms, %zu rows, %llu missed\n",
              median * 1e3, p99 * 1e3, errors.back() * 1e3, errors.size(),
              static_cast<unsigned long long>(sampler.missedDeadlines()));
  CHECK(errors.front() >= 0.0);
  // A busy machine may be late at single ticks, not at most of them.
  CHECK(median < 1e-3);
  CHECK_CLOSE(static_cast<double>(errors.size() + sampler.missedDeadlines()), 150.0, 3.0);
}

TEST("a reading longer than the period misses deadlines and is not made up for") {
  const Environment environment{{"FAKE_NVML_LATENCY_US", "2000"}};
  PowerSampler sampler(fakeGpus(), {}, {0.005, 1000});
  sampler.start();
  sleepSeconds(0.5);
  sampler.stop();
  CHECK(sampler.missedDeadlines() > 30);
  CHECK(sampler.count() > 10);
  CHECK(sampler.count() < 50);
}

TEST("a meter without support stays missing; the others go on") {
  const Environment environment{{"FAKE_NVML_ERRORS", "nvmlDeviceGetTotalEnergyConsumption:3"}};
  PowerSampler sampler(fakeGpus(), {}, {0.005, 100});
  sampler.start();
  sleepSeconds(0.1);
  sampler.stop();
  for (std::size_t i = 0; i < sampler.count(); i++) {
    CHECK(std::isnan(sampler.gpuColumn(0, ENERGY_MILLIJOULES)[i]));
    CHECK_EQUAL(sampler.gpuColumn(0, POWER_MILLIWATTS)[i], 100000.0);
    CHECK_EQUAL(sampler.gpuColumn(0, TEMPERATURE_CELSIUS)[i], 41.0);
  }
  const ReadFailure& failure = sampler.gpus()[0].failures().at("nvmlDeviceGetTotalEnergyConsumption");
  CHECK_EQUAL(failure.times, std::uint64_t{1});
}

TEST("a GPU that is lost on the way leaves what was read") {
  const Environment environment{{"FAKE_NVML_LOST_MS", "150"}};
  PowerSampler sampler(fakeGpus(), {}, {0.005, 1000});
  sampler.start();
  sleepSeconds(0.4);
  sampler.stop();
  const double* milliwatts = sampler.gpuColumn(0, POWER_MILLIWATTS);
  CHECK_EQUAL(milliwatts[0], 100000.0);
  CHECK(std::isnan(milliwatts[sampler.count() - 1]));
  CHECK(sampler.gpus()[0].failures().begin()->second.status.code == GPU_IS_LOST);
}

TEST("rows beyond the room are counted, not written") {
  const Environment environment{};
  PowerSampler sampler(fakeGpus(), {}, {0.002, 5});
  sampler.start();
  sleepSeconds(0.1);
  sampler.stop();
  CHECK_EQUAL(sampler.count(), std::size_t{5});
  CHECK(sampler.lostRows() > 10);
}

TEST("a sampler starts once, stops at any time, and its destructor stops it") {
  const Environment environment{};
  {
    PowerSampler sampler(fakeGpus(), {}, {0.02, 10});
    sampler.stop();
    CHECK_EQUAL(sampler.count(), std::size_t{0});
    sampler.start();
    CHECK(sampler.running());
    CHECK_THROWS(sampler.start(), Error, "started before");
    sampler.stop();
    sampler.stop();
    CHECK_THROWS(sampler.start(), Error, "started before");
    CHECK_EQUAL(sampler.count(), std::size_t{2});
  }
  PowerSampler running(fakeGpus(), {}, {0.02, 10});
  running.start();
}

TEST("periods and rooms that make no sense are refused") {
  for (const double period : {0.0, 1e-4, 2.0, std::nan("")}) {
    CHECK_THROWS(PowerSampler({}, {}, {period, 10}), std::invalid_argument, "1 ms to 1 s");
  }
  CHECK_THROWS(PowerSampler({}, {}, {0.02, 1}), std::invalid_argument, "2 rows");
}
