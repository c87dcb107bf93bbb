// The whole CUDA backend in emulation: memory, plans, launches, graphs and errors, against the reference transformer
// and the CPU's backend.
#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "cuda/kernels.h"
#include "cuda/step_layout.h"
#include "engine/backend.h"
#include "engine/scheduler.h"
#include "engine/trace_replay.h"
#include "engine/write_plan.h"
#include "testing/check.h"
#include "testing/cuda_emulation.h"
#include "testing/reference_transformer.h"

using namespace canopy;
using canopy::emulation::Order;
using canopy::emulation::runtime;
using canopy::emulation::settings;
using canopy::testing::ReferenceTransformer;

namespace {

ModelShape shapeOf(int layers, int hidden, int heads, int kvHeads, int headDim, int ffn, int vocab) {
  ModelShape shape;
  shape.name = "test";
  shape.layers = layers;
  shape.hidden = hidden;
  shape.heads = heads;
  shape.kvHeads = kvHeads;
  shape.headDim = headDim;
  shape.ffn = ffn;
  shape.vocab = vocab;
  shape.maxTokens = 128;
  return shape;
}

BackendLimits limitsOf(const SchedulerOptions& options) {
  return {.blocks = options.blocks,
          .blockTokens = options.blockTokens,
          .maxTokens = options.tokenBudget,
          .maxSequences = options.maxRequests};
}

/// One step as it went.
struct Step {
  StepPlan plan;
  std::vector<std::vector<std::int32_t>> tokens;  ///< of each sampled sequence, up to its context; else empty
  std::vector<std::int32_t> next;
  std::vector<float> logits;
};

struct Request {
  int prompt;
  int wanted;
};

/// Serves the requests, two a step as they come, and keeps what every step gave.
std::vector<Step> serve(Backend& backend, const ModelShape& shape, const SchedulerOptions& options,
                        const std::vector<Request>& requests) {
  Scheduler scheduler(options);
  std::vector<Step> steps;
  Formation formation;
  std::vector<std::unique_ptr<Sequence>> finished;
  std::size_t submitted = 0;
  for (;;) {
    for (int i = 0; i < 2 && submitted < requests.size(); ++i, ++submitted) {
      scheduler.submit(syntheticSequence(static_cast<std::int32_t>(submitted), requests[submitted].prompt,
                                         requests[submitted].wanted, shape.vocab));
    }
    if (!scheduler.form(formation)) return steps;
    Step step;
    writePlan(formation, options.blockTokens, step.plan);
    const auto sequences = static_cast<std::size_t>(step.plan.sequenceCount());
    step.next.assign(sequences, -7);
    step.logits.assign(sequences * static_cast<std::size_t>(shape.vocab), 0.0F);
    backend.run(step.plan, step.next);
    backend.copyLogits(step.logits);
    for (std::size_t s = 0; s < sequences; ++s) {
      const auto& all = formation.members[s].sequence->tokens;
      step.tokens.emplace_back(all.begin(), all.begin() + (step.plan.sampled[s] != 0 ? step.plan.contextTokens[s] : 0));
    }
    scheduler.complete(formation, step.next, finished);
    finished.clear();
    steps.push_back(std::move(step));
  }
}

/// Calls `visit(tokens, logits, chosen)` for every sampled sequence of every step.
void eachSampled(const std::vector<Step>& steps, int vocab,
                 const std::function<void(const std::vector<std::int32_t>&, std::span<const float>, int)>& visit) {
  for (const Step& step : steps) {
    for (std::size_t s = 0; s < step.next.size(); ++s) {
      if (step.plan.sampled[s] == 0) {
        CHECK_EQUAL(step.next[s], -7);  // left alone
        continue;
      }
      const auto row =
          std::span(step.logits).subspan(s * static_cast<std::size_t>(vocab), static_cast<std::size_t>(vocab));
      visit(step.tokens[s], row, step.next[s]);
    }
  }
}

void checkAgainstReference(const ModelShape& shape, const SchedulerOptions& options,
                           const std::vector<Request>& requests) {
  const auto backend = makeCudaBackend(shape, limitsOf(options), {});
  const ReferenceTransformer reference(shape);
  double worst = 0.0;
  double squares = 0.0;
  double count = 0.0;
  bool mixed = false;
  const auto steps = serve(*backend, shape, options, requests);
  for (const Step& step : steps) {
    bool chunk = false;
    bool decode = false;
    for (std::size_t s = 0; s < step.next.size(); ++s) {
      (step.plan.queryStarts[s + 1] - step.plan.queryStarts[s] > 1 ? chunk : decode) = true;
    }
    mixed = mixed || (chunk && decode);
  }
  CHECK(mixed);
  eachSampled(steps, shape.vocab, [&](const auto& tokens, std::span<const float> got, int chosen) {
    const auto all = reference.logits(tokens);
    const double* wanted = all.data() + (tokens.size() - 1) * static_cast<std::size_t>(shape.vocab);
    for (std::size_t i = 0; i < got.size(); ++i) {
      const double error = std::abs(static_cast<double>(got[i]) - wanted[i]);
      worst = error <= worst ? worst : (std::isnan(error) ? 1e9 : error);
      squares += error * error;
      count += 1.0;
    }
    CHECK_EQUAL(chosen, static_cast<int>(std::max_element(got.begin(), got.end()) - got.begin()));
  });
  // Logits have variance 1. Activations are bf16 here and double there: each of a layer's roundings is 0.4 % at most.
  CHECK(worst < 0.08);
  CHECK(std::sqrt(squares / count) < 0.015);
}

}  // namespace

TEST("logits are the reference's: chunks, decodes and mixed steps, groups of 4, 8 and 1") {
  const std::vector<Request> requests{{37, 3}, {5, 4}, {1, 2}, {70, 2}, {12, 5}};
  const SchedulerOptions options{.blocks = 60, .blockTokens = 16, .tokenBudget = 40, .maxRequests = 4};
  checkAgainstReference(shapeOf(2, 64, 4, 1, 64, 72, 101), options, requests);
  checkAgainstReference(shapeOf(1, 72, 8, 1, 128, 64, 65), options, requests);
  checkAgainstReference(shapeOf(1, 64, 2, 2, 64, 64, 50),
                        {.blocks = 80, .blockTokens = 8, .tokenBudget = 23, .maxRequests = 3}, requests);
}

TEST("logits are the CPU backend's, with preemptions") {
  const ModelShape shape = shapeOf(2, 128, 8, 2, 64, 136, 150);
  const SchedulerOptions options{.blocks = 12, .blockTokens = 8, .tokenBudget = 48, .maxRequests = 3};
  const std::vector<Request> requests{{30, 12}, {28, 12}, {20, 12}};
  const auto cuda = makeCudaBackend(shape, limitsOf(options), {});
  const auto cpu = makeCpuBackend(shape, limitsOf(options), {.threads = 1});
  const auto steps = serve(*cuda, shape, options, requests);
  double worst = 0.0;
  for (const Step& step : steps) {
    // The same plans on both: tokens that were chosen here are read there.
    std::vector<std::int32_t> next(step.next.size());
    std::vector<float> logits(step.logits.size());
    cpu->run(step.plan, next);
    cpu->copyLogits(logits);
    const auto vocab = static_cast<std::size_t>(shape.vocab);
    for (std::size_t s = 0; s < next.size(); ++s) {
      if (step.plan.sampled[s] == 0) continue;
      for (std::size_t i = s * vocab; i < (s + 1) * vocab; ++i) {
        const double error = std::abs(static_cast<double>(step.logits[i] - logits[i]));
        worst = error <= worst ? worst : (std::isnan(error) ? 1e9 : error);
      }
    }
  }
  CHECK(worst < 0.08);
}

TEST("graphs give the bits of eager steps; so does every order of threads") {
  const ModelShape shape = shapeOf(1, 64, 4, 1, 64, 64, 77);
  const SchedulerOptions options{.blocks = 80, .blockTokens = 16, .tokenBudget = 64, .maxRequests = 6};
  // Between 6 and 1 requests run at a time: buckets 6, 4, 2 and 1, most with empty rows.
  const std::vector<Request> requests{{9, 9}, {7, 8}, {5, 7}, {8, 6}, {30, 4}, {3, 2}};
  const auto bitsOf = [&](bool graphs, Order order) {
    settings().order = order;
    const auto backend = makeCudaBackend(shape, limitsOf(options), {.graphs = graphs});
    std::vector<float> bits;
    eachSampled(serve(*backend, shape, options, requests), shape.vocab,
                [&](const auto&, std::span<const float> got, int) { bits.insert(bits.end(), got.begin(), got.end()); });
    settings().order = Order::forward;
    return bits;
  };
  const int before = runtime().graphLaunches;
  const auto eager = bitsOf(false, Order::forward);
  CHECK_EQUAL(runtime().graphLaunches, before);
  CHECK(!eager.empty());
  CHECK(bitsOf(true, Order::forward) == eager);
  CHECK(runtime().graphLaunches >= before + 3);
  CHECK(bitsOf(true, Order::reverse) == eager);
  CHECK(bitsOf(false, Order::shuffled) == eager);
}

TEST("more than 16 rows: the tiled product, in a prefill and in a bucket of 24") {
  const ModelShape shape = shapeOf(1, 64, 4, 1, 64, 64, 50);
  std::vector<Request> requests;
  for (int i = 0; i < 18; ++i) requests.push_back({1 + i % 3, 12 - i % 4});
  const SchedulerOptions options{.blocks = 80, .blockTokens = 16, .tokenBudget = 64, .maxRequests = 24};
  checkAgainstReference(shape, options, requests);
}

TEST("a step that fails leaves a backend that works; a constructor that fails leaves nothing") {
  const ModelShape shape = shapeOf(1, 8, 1, 1, 64, 8, 11);
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
    ModelShape shape = shapeOf(1, 64, 4, 1, 64, 64, 50);
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
  const ModelShape shape = shapeOf(1, 64, 2, 1, 64, 64, 50);
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
  const ModelShape shape = shapeOf(1, 64, 2, 1, 64, 64, 50);
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
