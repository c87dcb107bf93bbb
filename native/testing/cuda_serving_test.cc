// The whole CUDA backend serving requests, against the reference transformer and the CPU's backend: the same program
// for a GPU and, with CANOPY_CUDA_EMULATION, for a CPU.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "cuda/device_state.h"
#include "testing/check.h"
#include "testing/reference_transformer.h"
#include "testing/served_steps.h"

#if defined(CANOPY_CUDA_EMULATION)
#include "testing/cuda_emulation.h"
using canopy::emulation::Order;
using canopy::emulation::runtime;
using canopy::emulation::settings;
#endif

using namespace canopy;
using namespace canopy::testing;

#define NEED_DEVICE() \
  if (const std::string reason = cudaState().reason; !reason.empty()) SKIP("no CUDA device: " + reason)

namespace {

void checkAgainstReference(const ModelShape& shape, const SchedulerOptions& options,
                           const std::vector<ServedRequest>& requests) {
  const auto backend = makeCudaBackend(shape, limitsOf(options), {});
  const ReferenceTransformer reference(shape);
  double worst = 0.0;
  double squares = 0.0;
  double count = 0.0;
  bool mixed = false;
  const auto steps = serve(*backend, shape, options, requests);
  for (const ServedStep& step : steps) {
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

std::vector<float> bitsOf(bool graphs) {
  const ModelShape shape = smallShape(1, 64, 4, 1, 64, 64, 77);
  const SchedulerOptions options{.blocks = 80, .blockTokens = 16, .tokenBudget = 64, .maxRequests = 6};
  // Between 6 and 1 requests run at a time: buckets 6, 4, 2 and 1, most with empty rows.
  const std::vector<ServedRequest> requests{{9, 9}, {7, 8}, {5, 7}, {8, 6}, {30, 4}, {3, 2}};
  const auto backend = makeCudaBackend(shape, limitsOf(options), {.graphs = graphs});
  std::vector<float> bits;
  eachSampled(serve(*backend, shape, options, requests), shape.vocab,
              [&](const auto&, std::span<const float> got, int) { bits.insert(bits.end(), got.begin(), got.end()); });
  return bits;
}

}  // namespace

TEST("logits are the reference's: chunks, decodes and mixed steps, groups of 4, 8 and 1") {
  NEED_DEVICE();
  const std::vector<ServedRequest> requests{{37, 3}, {5, 4}, {1, 2}, {70, 2}, {12, 5}};
  const SchedulerOptions options{.blocks = 60, .blockTokens = 16, .tokenBudget = 40, .maxRequests = 4};
  checkAgainstReference(smallShape(2, 64, 4, 1, 64, 72, 101), options, requests);
  checkAgainstReference(smallShape(1, 72, 8, 1, 128, 64, 65), options, requests);
  checkAgainstReference(smallShape(1, 64, 2, 2, 64, 64, 50),
                        {.blocks = 80, .blockTokens = 8, .tokenBudget = 23, .maxRequests = 3}, requests);
}

TEST("logits are the CPU backend's, with preemptions") {
  NEED_DEVICE();
  const ModelShape shape = smallShape(2, 128, 8, 2, 64, 136, 150);
  const SchedulerOptions options{.blocks = 12, .blockTokens = 8, .tokenBudget = 48, .maxRequests = 3};
  const std::vector<ServedRequest> requests{{30, 12}, {28, 12}, {20, 12}};
  const auto cuda = makeCudaBackend(shape, limitsOf(options), {});
  const auto cpu = makeCpuBackend(shape, limitsOf(options), {.threads = 1});
  const auto steps = serve(*cuda, shape, options, requests);
  double worst = 0.0;
  for (const ServedStep& step : steps) {
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

TEST("graphs give the bits of eager steps") {
  NEED_DEVICE();
  const auto eager = bitsOf(false);
  CHECK(!eager.empty());
  CHECK(bitsOf(true) == eager);
}

#if defined(CANOPY_CUDA_EMULATION)
TEST("graphs are replayed; every order of threads gives the same bits") {
  const int before = runtime().graphLaunches;
  const auto eager = bitsOf(false);
  CHECK_EQUAL(runtime().graphLaunches, before);
  for (const Order order : {Order::reverse, Order::shuffled}) {
    settings().order = order;
    CHECK(bitsOf(order == Order::reverse) == eager);
  }
  settings().order = Order::forward;
  CHECK(runtime().graphLaunches >= before + 3);
}
#endif

TEST("more than 16 rows: the tiled product, in a prefill and in a bucket of 24") {
  NEED_DEVICE();
  const ModelShape shape = smallShape(1, 64, 4, 1, 64, 64, 50);
  std::vector<ServedRequest> requests;
  for (int i = 0; i < 18; ++i) requests.push_back({1 + i % 3, 12 - i % 4});
  const SchedulerOptions options{.blocks = 80, .blockTokens = 16, .tokenBudget = 64, .maxRequests = 24};
  checkAgainstReference(shape, options, requests);
}

TEST("a model that does not fit leaves nothing behind that the next one trips over") {
  NEED_DEVICE();
  const ModelShape shape = smallShape(1, 64, 4, 1, 64, 64, 50);
  const SchedulerOptions options{.blocks = 8, .blockTokens = 16, .tokenBudget = 16, .maxRequests = 2};
  // Weights and cache fit, the room to work in does not: it is cudaMalloc that says so.
  BackendLimits huge = limitsOf(options);
  huge.maxTokens = 2'000'000'000;
  CHECK_THROWS(makeCudaBackend(shape, huge, {}), std::runtime_error, "cudaMalloc (activations");
  const auto backend = makeCudaBackend(shape, limitsOf(options), {});
  CHECK(!serve(*backend, shape, options, {{5, 3}}).empty());
}
