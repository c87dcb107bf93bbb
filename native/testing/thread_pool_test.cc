#include "cpu/thread_pool.h"

#include <chrono>
#include <ctime>
#include <numeric>

#include "common/host_cpu.h"
#include "cpu/stream_bandwidth.h"
#include "testing/check.h"

using canopy::cpu::ThreadPool;

namespace {

double processSeconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

TEST("every task is done once, and is done when run returns") {
  ThreadPool pool(4);
  CHECK_EQUAL(pool.threads(), 4);
  for (int job = 0; job < 2000; ++job) {
    const int tasks = job % 37;
    std::vector<int> done(static_cast<std::size_t>(tasks));
    pool.run(tasks, [&](int task, int thread) { done[static_cast<std::size_t>(task)] += 1 + 0 * thread; });
    CHECK_EQUAL(done, std::vector<int>(static_cast<std::size_t>(tasks), 1));
  }
}

TEST("threads have numbers of their own, below the count") {
  ThreadPool pool(3);
  std::vector<std::atomic<int>> inside(3);
  std::atomic<bool> shared = false;
  pool.run(300, [&](int, int thread) {
    if (inside[static_cast<std::size_t>(thread)].fetch_add(1) != 0) shared = true;
    std::this_thread::sleep_for(std::chrono::microseconds(20));
    inside[static_cast<std::size_t>(thread)].fetch_sub(1);
  });
  CHECK(!shared);
}

TEST("a pool that has nothing to do takes no processor time, and can go away at any time") {
  for (int round = 0; round < 50; ++round) {
    ThreadPool pool(3);
    if (round % 2 == 0) pool.run(5, [](int, int) {});
  }
  ThreadPool pool(3);
  pool.run(5, [](int, int) {});
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const double before = processSeconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  CHECK(processSeconds() - before < 0.02);
}

TEST("this process has cores, and memory that can be read") {
  CHECK(canopy::hostCpu().defaultThreads() >= 1);
  for (const canopy::dense::Isa isa : canopy::dense::isasHere()) {
    const double bandwidth = canopy::cpu::streamBandwidth(2, std::size_t{32} << 20, 3, isa);
    CHECK(bandwidth > 1e8);
    CHECK(bandwidth < 1e13);
  }
}
