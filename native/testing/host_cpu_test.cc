#include "common/host_cpu.h"

#include <sched.h>

#include <algorithm>
#include <thread>

#include "cuda/device_state.h"
#include "testing/check.h"

using namespace canopy;

TEST("cores and threads are those of the affinity mask") {
  const HostCpu whole = hostCpu();
  CHECK(whole.usableThreads >= 1);
  CHECK(whole.usableCores >= 1);
  CHECK(whole.usableCores <= whole.usableThreads);

  // Narrowed on a thread of its own: the mask is a thread's.
  HostCpu narrow;
  std::thread([&narrow] {
    cpu_set_t mask;
    sched_getaffinity(0, sizeof mask, &mask);
    int first = 0;
    while (!CPU_ISSET(first, &mask)) first++;
    CPU_ZERO(&mask);
    CPU_SET(first, &mask);
    sched_setaffinity(0, sizeof mask, &mask);
    narrow = hostCpu();
  }).join();
  CHECK_EQUAL(narrow.usableThreads, 1);
  CHECK_EQUAL(narrow.usableCores, 1);
}

TEST("instruction sets imply the weaker ones") {
  const std::vector<std::string> sets = hostCpu().instructionSets;
  const auto has = [&sets](const char* name) { return std::find(sets.begin(), sets.end(), name) != sets.end(); };
#if defined(__x86_64__)
  CHECK(!has("avx2") || has("avx"));
  CHECK(!has("avx512f") || has("avx2"));
  CHECK(!has("avx512bw") || has("avx512f"));
#else
  CHECK(sets.empty());
#endif
}

TEST("CUDA has devices or says why not") {
  const CudaState state = cudaState();
  CHECK_EQUAL(state.devices.empty(), !state.reason.empty());
  for (const CudaDevice& device : state.devices) {
    CHECK_EQUAL(device.uuid.size(), std::string("GPU-00000000-0000-0000-0000-000000000000").size());
    CHECK(device.memoryBytes > 0);
  }
}

TEST("threads by default: the cores, within the quota, at least one") {
  HostCpu host;
  host.usableCores = 8;
  CHECK_EQUAL(host.defaultThreads(), 8);
  host.quotaCpus = 2.5;
  CHECK_EQUAL(host.defaultThreads(), 2);
  host.quotaCpus = 0.5;
  CHECK_EQUAL(host.defaultThreads(), 1);
}
