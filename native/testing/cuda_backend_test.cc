// The CUDA backend's errors, refusals, plans and record, in emulation. What it computes is in cuda_serving_test.cc.
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "cuda/kernels.h"
#include "cuda/step_layout.h"
#include "engine/backend.h"
#include "testing/check.h"
#include "testing/cuda_emulation.h"
#include "testing/served_steps.h"

using namespace canopy;
using canopy::emulation::runtime;
using canopy::testing::limitsOf;
using canopy::testing::serve;
using canopy::testing::smallShape;

TEST("a step that fails leaves a backend that works; a constructor that fails leaves nothing") {
  const ModelShape shape = smallShape(1, 8, 1, 1, 64, 8, 11);
  const BackendLimits limits{.blocks = 4, .blockTokens = 16, .maxTokens = 4, .maxSequences = 2};
  StepPlan plan;
  plan.tokens = {3};
  plan.positions = {0};
  plan.slots = {16};
  plan.queryStarts = {0, 1};
  plan.contextTokens = {1};
  plan.blockTables = {1};
  plan.blockTableStride = 1;
  plan.sampled = {1};
  const auto step = [&](Backend& backend) {
    std::vector<std::int32_t> next(1, -1);
    backend.run(plan, next);
    return next[0];
  };
  const int wanted = step(*makeCudaBackend(shape, limits, {}));
  CHECK_EQUAL(runtime().liveHandles, 0);
  int failures = 0;
  std::set<std::string> calls;
  for (int failing = 1, made = failing; made >= failing; ++failing) {
    std::unique_ptr<Backend> backend;
    runtime().calls = 0;
    runtime().failCall = failing;
    const int failuresBefore = failures;
    // Eager, then captured, then replayed.
    for (int i = 0; i < 3; ++i) {
      try {
        if (!backend) backend = makeCudaBackend(shape, limits, {});
        CHECK_EQUAL(step(*backend), wanted);
      } catch (const std::runtime_error& error) {
        ++failures;
        const std::string text = error.what();
        CHECK(text.find("cudaErrorMemoryAllocation") != std::string::npos);
        calls.insert(text.substr(0, text.find_first_of(" :")));
        runtime().failCall = 0;
        if (!backend) CHECK_EQUAL(runtime().liveHandles, 0);
      }
    }
    made = runtime().calls;
    runtime().failCall = 0;
    CHECK(failures <= failuresBefore + 1);  // a sound call after it is not blamed
    if (backend) CHECK_EQUAL(step(*backend), wanted);
    backend.reset();
    CHECK_EQUAL(runtime().liveHandles, 0);
  }
  CHECK(failures > 50);
  for (const char* call :
       {"cudaMalloc", "cudaMallocHost", "cudaMemcpyAsync", "cudaStreamBeginCapture", "cudaStreamEndCapture",
        "cudaGraphInstantiate", "cudaGraphLaunch", "cudaEventRecord", "kernel"}) {
    if (!calls.contains(call)) canopy::testing::fail(__FILE__, __LINE__, std::string("never failed: ") + call);
  }
}

TEST("shapes and limits that the backend cannot serve are refused in words") {
  const BackendLimits limits{.blocks = 4, .blockTokens = 16, .maxTokens = 16, .maxSequences = 2};
  const auto refused = [&](const char* part, auto change) {
    ModelShape shape = smallShape(1, 64, 4, 1, 64, 64, 50);
    BackendLimits changed = limits;
    CudaOptions options;
    change(shape, changed, options);
    CHECK_THROWS(makeCudaBackend(shape, changed, options), std::exception, part);
  };
  refused("bf16 weights only", [](auto& shape, auto&, auto&) { shape.weights = WeightType::fp32; });
  refused("kernels for 64 and 128", [](auto& shape, auto&, auto&) { shape.headDim = 96; });
  refused("serves 1 to 8", [](auto& shape, auto&, auto&) { shape.heads = 9; });
  refused("multiples of 8", [](auto& shape, auto&, auto&) { shape.hidden = 100; });
  refused("kvHeads has to divide heads", [](auto& shape, auto&, auto&) { shape.kvHeads = 3; });
  refused("power of two", [](auto&, auto& changed, auto&) { changed.blockTokens = 12; });
  refused("at least 1", [](auto&, auto& changed, auto&) { changed.maxSequences = 0; });
  refused("no CUDA device 3: this host has 0 to 0", [](auto&, auto&, auto& options) { options.device = 3; });
  refused("4.0 GiB free, test needs 0.0 GiB for weights and 7.6 GiB",
          [](auto&, auto& changed, auto&) { changed.blocks = 2'000'000; });
}

TEST("plans that would leave the backend's memory are refused") {
  const ModelShape shape = smallShape(1, 64, 2, 1, 64, 64, 50);
  const BackendLimits limits{.blocks = 4, .blockTokens = 16, .maxTokens = 16, .maxSequences = 2};
  const cuda::PlanLimits planLimits{limits, shape.vocab, shape.maxTokens, 32};
  const auto refused = [&](const char* part, const std::function<void(StepPlan&)>& change) {
    StepPlan plan{.tokens = {1, 2, 3},
                  .positions = {0, 1, 20},
                  .slots = {0, 1, 36},
                  .queryStarts = {0, 2, 3},
                  .contextTokens = {2, 21},
                  .blockTables = {0, -1, 1, 2},
                  .blockTableStride = 2,
                  .sampled = {0, 1}};
    std::vector<std::int32_t> out(cuda::largestStep(planLimits));
    std::vector<int> rows;
    CHECK_EQUAL(cuda::packStep(plan, planLimits, out.data(), rows).rows, 1);
    change(plan);
    CHECK_THROWS(cuda::packStep(plan, planLimits, out.data(), rows), std::invalid_argument, part);
  };
  refused("a token outside", [](StepPlan& plan) { plan.tokens[0] = 50; });
  refused("a slot outside", [](StepPlan& plan) { plan.slots[2] = 64; });
  refused("a block outside", [](StepPlan& plan) { plan.blockTables[3] = -1; });
  refused("a table too short", [](StepPlan& plan) {
    plan.blockTables = {0, 1};
    plan.blockTableStride = 1;
  });
  refused("positions", [](StepPlan& plan) { plan.positions[2] = 19; });
  refused("a context of another length", [](StepPlan& plan) { plan.contextTokens[1] = 129; });
  refused("different lengths", [](StepPlan& plan) { plan.sampled.pop_back(); });
  refused("do not span", [](StepPlan& plan) { plan.queryStarts = {0, 1, 2}; });
  refused("no tokens of sequence 0", [](StepPlan& plan) { plan.queryStarts = {0, 0, 3}; });
  refused("3 sequences, of at most 2", [](StepPlan& plan) { plan.contextTokens.push_back(1); });
}

TEST("buckets and cuts: few shapes, and workspaces that hold") {
  std::set<int> buckets;
  for (int sequences = 1; sequences <= 250; ++sequences) {
    const int bucket = cuda::decodeBucket(sequences, 250);
    CHECK(bucket >= sequences && bucket <= 250);
    CHECK_EQUAL(cuda::decodeBucket(bucket, 250), bucket);
    buckets.insert(bucket);
  }
  CHECK(buckets.size() < 25);
  for (const int multiprocessors : {4, 108, 132}) {
    for (int m = 1; m < 3000; m += 1 + m / 5) {
      for (const int n : {8, 1000, 4096, 6144, 28672, 128256}) {
        for (const int k : {8, 256, 4096, 14336}) {
          const cuda::TilePlan plan = cuda::planTiles(m, n, k, multiprocessors);
          CHECK(plan.splits >= 1 && (plan.tile == 64 || plan.tile == 128));
          const std::size_t floats = plan.splits == 1 ? 0
                                                      : static_cast<std::size_t>(plan.splits) *
                                                            static_cast<std::size_t>(m) * static_cast<std::size_t>(n);
          CHECK(floats <= cuda::tileWorkspace(multiprocessors));
        }
      }
    }
  }
}

TEST("it says what it is, and how long a step took on the device") {
  const ModelShape shape = smallShape(1, 64, 2, 1, 64, 64, 50);
  const SchedulerOptions options{.blocks = 8, .blockTokens = 16, .tokenBudget = 16, .maxRequests = 2};
  const auto backend = makeCudaBackend(shape, limitsOf(options), {});
  auto facts = backend->describe();
  CHECK_EQUAL(facts["device"], "emulated device");
  CHECK_EQUAL(facts["uuid"], "GPU-00112233-4455-6677-8899-aabbccddeeff");
  CHECK_EQUAL(facts["pciBus"], "0000:00:00.0");
  CHECK_EQUAL(facts["gemm"], "own, mma.sync m16n8k16 bf16");
  CHECK(backend->lastDeviceMilliseconds() < 0.0);
  (void)serve(*backend, shape, options, {{5, 2}});
  CHECK(backend->lastDeviceMilliseconds() >= 0.0);
  CHECK_EQUAL(runtime().violation, "");
}
