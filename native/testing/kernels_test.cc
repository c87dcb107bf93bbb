// The cases of kernel_cases.h on a device: the same program for a GPU and, with CANOPY_CUDA_EMULATION, for a CPU.
#include <exception>
#include <string>

#include "cuda/runtime.h"
#include "testing/check.h"
#include "testing/kernel_cases.h"

#if defined(CANOPY_CUDA_EMULATION)
#include "testing/cuda_emulation.h"
#endif

namespace {

using canopy::testing::KernelCase;

/// What is wrong with a case, also where it throws.
std::string outcome(const KernelCase& kernelCase) {
  try {
    return kernelCase.run();
  } catch (const std::exception& error) {
    return error.what();
  }
}

#if defined(CANOPY_CUDA_EMULATION) && CANOPY_EMULATION_ASAN
constexpr bool slow = true;  // a switch of fibers takes a hundred times as long
#else
constexpr bool slow = false;
#endif

void runAll(const char* prefix) {
  for (const KernelCase& kernelCase : canopy::testing::kernelCases()) {
    if (slow && kernelCase.large) continue;
    const std::string problem = outcome(kernelCase);
    if (!problem.empty()) canopy::testing::fail(__FILE__, __LINE__, prefix + kernelCase.name + ": " + problem);
  }
}

}  // namespace

#if defined(CANOPY_CUDA_EMULATION)

using canopy::emulation::KernelError;
using canopy::emulation::Order;
using canopy::emulation::settings;
using canopy::emulation::Site;

TEST("kernels agree with their twins, threads forward") {
  settings().order = Order::forward;
  runAll("forward: ");
  CHECK_EQUAL(settings().bankConflicts, 0);
  CHECK_EQUAL(canopy::emulation::runtime().violation, "");
  CHECK_EQUAL(canopy::emulation::runtime().liveHandles, 0);
}

TEST("kernels agree with their twins, threads in reverse") {
  settings().order = Order::reverse;
  runAll("reverse: ");
}

TEST("kernels agree with their twins, threads shuffled") {
  settings().order = Order::shuffled;
  runAll("shuffled: ");
}

TEST("a case misses every barrier and every wait") {
  if (slow) SKIP("AddressSanitizer: it shows nothing here that it does not show above");
  // Which places wait is noted as they run, so a new barrier is in this test without being named.
  settings().seen.clear();
  settings().order = Order::forward;
  for (const KernelCase& kernelCase : canopy::testing::kernelCases()) {
    if (!kernelCase.large) CHECK_EQUAL(outcome(kernelCase), "");
  }
  const auto sites = settings().seen;
  CHECK(sites.size() >= 10);
  for (const Site& site : sites) {
    bool missed = false;
    settings().skipped = site;
    for (const Order order : {Order::forward, Order::reverse, Order::shuffled}) {
      settings().order = order;
      for (const KernelCase& kernelCase : canopy::testing::kernelCases()) {
        if (missed || kernelCase.large) continue;
        missed = !outcome(kernelCase).empty();
      }
    }
    settings().skipped = {};
    if (!missed) {
      canopy::testing::fail(__FILE__, __LINE__,
                            "no case notices that " + site.file + ":" + std::to_string(site.line) + " does not wait");
    }
  }
}

#else

TEST("kernels agree with their twins") {
  int devices = 0;
  const cudaError_t status = cudaGetDeviceCount(&devices);
  if (status != cudaSuccess || devices == 0) {
    SKIP(std::string("no CUDA device: ") + (status == cudaSuccess ? "none is there" : cudaGetErrorString(status)));
  }
  runAll("");
}

#endif
