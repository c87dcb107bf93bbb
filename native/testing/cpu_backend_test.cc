// The CPU's backend and the whole engine on it, against the reference transformer, for every instruction set of this
// CPU.
#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include "dense/isa.h"
#include "engine/backend.h"
#include "engine/engine.h"
#include "engine/trace_replay.h"
#include "engine/write_plan.h"
#include "testing/check.h"
#include "testing/reference_transformer.h"

using namespace canopy;
using canopy::testing::ReferenceTransformer;

namespace {

ModelShape shapeOf(int hidden, int heads, int kvHeads, int headDim, int ffn, int vocab, WeightType weights) {
  ModelShape shape;
  shape.name = "test";
  shape.layers = 2;
  shape.hidden = hidden;
  shape.heads = heads;
  shape.kvHeads = kvHeads;
  shape.headDim = headDim;
  shape.ffn = ffn;
  shape.vocab = vocab;
  shape.maxTokens = 256;
  shape.weights = weights;
  return shape;
}

/// Groups of 3, 1, 4, 8 and 5 query heads; widths that fit no vector, odd ones too.
std::vector<ModelShape> shapes(WeightType weights) {
  return {shapeOf(50, 6, 2, 10, 37, 101, weights), shapeOf(33, 2, 2, 4, 17, 65, weights),
          shapeOf(64, 8, 2, 64, 96, 130, weights), shapeOf(80, 8, 1, 36, 64, 64, weights),
          shapeOf(31, 5, 1, 2, 70, 33, weights)};
}

/// What the logits may differ by. They have variance 1. With bf16 a value near the middle between two numbers is
/// rounded the other way than in the reference, now and then.
double toleranceOf(WeightType weights) { return weights == WeightType::bf16 ? 5e-3 : 2e-5; }

/// Decodes all of a load on a backend and compares every sampled row of logits with the reference.
class Comparison {
 public:
  Comparison(const ModelShape& shape, const SchedulerOptions& options, const CpuOptions& cpu)
      : shape_(shape),
        scheduler_(options),
        backend_(makeCpuBackend(shape,
                                {.blocks = options.blocks,
                                 .blockTokens = options.blockTokens,
                                 .maxTokens = options.tokenBudget,
                                 .maxSequences = options.maxRequests},
                                cpu)),
        logits_(static_cast<std::size_t>(options.maxRequests) * static_cast<std::size_t>(shape.vocab)) {}

  void submit(int prompt, int wanted) { scheduler_.submit(syntheticSequence(count_++, prompt, wanted, shape_.vocab)); }

  /// Steps until nothing runs; `between` is called before each.
  template <typename Between>
  void drain(const ReferenceTransformer& reference, const Between& between) {
    Formation formation;
    StepPlan plan;
    std::vector<std::int32_t> next(static_cast<std::size_t>(scheduler_.options().maxRequests));
    std::vector<std::unique_ptr<Sequence>> finished;
    for (int step = 0;; ++step) {
      between(step);
      if (!scheduler_.form(formation)) break;
      preemptions += static_cast<int>(formation.preempted.size());
      if (formation.prefillTokens > 0 && formation.decodeSequences > 0) ++mixedSteps;
      writePlan(formation, scheduler_.options().blockTokens, plan);
      backend_->run(plan, next);
      backend_->copyLogits(logits_);
      for (std::size_t i = 0; i < formation.members.size(); ++i) {
        if (plan.sampled[i] != 0) compare(reference, *formation.members[i].sequence, plan.contextTokens[i], i, next[i]);
      }
      scheduler_.complete(formation, next, finished);
      for (const auto& sequence : finished) outputs[sequence->request] = sequence->tokens;
      finished.clear();
    }
  }

  void drain(const ReferenceTransformer& reference) {
    drain(reference, [](int) {});
  }

  double worst = 0.0;
  int compared = 0;
  int preemptions = 0;
  int mixedSteps = 0;
  std::map<std::int32_t, std::vector<std::int32_t>> outputs;  ///< ids by request

 private:
  void compare(const ReferenceTransformer& reference, const Sequence& sequence, int context, std::size_t row,
               std::int32_t chosen) {
    const auto vocab = static_cast<std::size_t>(shape_.vocab);
    const std::span tokens(sequence.tokens.data(), static_cast<std::size_t>(context));
    const std::vector<double> wanted = reference.logits(tokens);
    const auto last = wanted.end() - static_cast<std::ptrdiff_t>(vocab);
    const float* got = logits_.data() + row * vocab;
    for (std::size_t i = 0; i < vocab; ++i) {
      const double difference = std::abs(static_cast<double>(got[i]) - last[static_cast<std::ptrdiff_t>(i)]);
      // Written so that a NaN counts.
      if (!(difference <= worst)) worst = std::isnan(difference) ? 1e9 : difference;
    }
    CHECK_EQUAL(chosen, static_cast<std::int32_t>(std::max_element(got, got + vocab) - got));
    ++compared;
  }

  ModelShape shape_;
  Scheduler scheduler_;
  std::unique_ptr<Backend> backend_;
  std::vector<float> logits_;
  std::int32_t count_ = 0;
};

void checkLoad(const ModelShape& shape, const SchedulerOptions& options, const CpuOptions& cpu, unsigned seed) {
  const ReferenceTransformer reference(shape);
  Comparison comparison(shape, options, cpu);
  std::mt19937 random(seed);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  comparison.drain(reference, [&](int step) {
    // Requests come while others run, so that chunks and decodes share steps.
    if (step < 8) comparison.submit(1 + below(30), 1 + below(4));
  });
  CHECK(comparison.compared >= 7);
  CHECK(comparison.mixedSteps > 0);
  if (!(comparison.worst <= toleranceOf(shape.weights))) {
    canopy::testing::fail(__FILE__, __LINE__,
                          cpu.isa + ", hidden " + std::to_string(shape.hidden) + ", blocks of " +
                              std::to_string(options.blockTokens) + ": logits are off by " +
                              std::to_string(comparison.worst));
  }
}

void checkType(WeightType weights) {
  const int blockTokens[] = {16, 1, 7, 20, 3};
  for (const dense::Isa isa : dense::isasHere()) {
    unsigned seed = 1;
    for (const ModelShape& shape : shapes(weights)) {
      const SchedulerOptions options{
          .blocks = 400, .blockTokens = blockTokens[seed % 5], .tokenBudget = 23, .maxRequests = 5};
      checkLoad(shape, options, {.threads = 1 + static_cast<int>(seed % 3), .isa = dense::nameOf(isa)}, seed);
      ++seed;
    }
  }
}

}  // namespace

TEST("fp32: logits are the reference's, over chunks, decodes and odd widths") { checkType(WeightType::fp32); }

TEST("bf16: logits are the reference's with rounded weights and cache") { checkType(WeightType::bf16); }

TEST("every tile height, from 1 token to more than two tiles") {
  for (const WeightType weights : {WeightType::fp32, WeightType::bf16}) {
    const ModelShape shape = shapeOf(40, 4, 2, 8, 24, 150, weights);
    const ReferenceTransformer reference(shape);
    for (int tokens = 1; tokens <= 19; ++tokens) {
      Comparison comparison(shape, {.blocks = 10, .blockTokens = 16, .tokenBudget = 32, .maxRequests = 2},
                            {.threads = 2});
      comparison.submit(tokens, 1);
      comparison.drain(reference);
      CHECK(comparison.worst <= toleranceOf(weights));
    }
  }
}

TEST("outputs do not depend on neighbours, chunks, preemptions or threads, to the bit") {
  for (const dense::Isa isa : dense::isasHere()) {
    const ModelShape shape = shapeOf(48, 4, 2, 16, 40, 90, WeightType::bf16);
    const ReferenceTransformer reference(shape);
    const auto load = [](Comparison& comparison, int i) { comparison.submit(5 + 11 * i, 12); };
    const std::string name = dense::nameOf(isa);
    Comparison crowded(shape, {.blocks = 11, .blockTokens = 8, .tokenBudget = 20, .maxRequests = 5},
                       {.threads = 3, .isa = name});
    for (int i = 0; i < 5; ++i) load(crowded, i);
    crowded.drain(reference);
    CHECK(crowded.preemptions > 0);
    Comparison alone(shape, {.blocks = 100, .blockTokens = 16, .tokenBudget = 200, .maxRequests = 1},
                     {.threads = 1, .isa = name});
    for (int i = 0; i < 5; ++i) load(alone, i);
    alone.drain(reference);
    CHECK_EQUAL(alone.preemptions, 0);
    for (int i = 0; i < 5; ++i) CHECK_EQUAL(crowded.outputs[i], alone.outputs[i]);
  }
}

TEST("the engine serves a trace on the CPU; cancelled in a step, it serves the next") {
  const ModelShape shape = shapeOf(64, 4, 2, 16, 96, 300, WeightType::bf16);
  const SchedulerOptions options{.blocks = 64, .blockTokens = 16, .tokenBudget = 64, .maxRequests = 8};
  Engine engine(
      shape, options,
      makeCpuBackend(shape, {.blocks = 64, .blockTokens = 16, .maxTokens = 64, .maxSequences = 8}, {.threads = 2}));
  Trace trace;
  for (int i = 0; i < 20; ++i) {
    trace.arrivalNs.push_back(i * 100'000);
    trace.promptTokens.push_back(10 + 5 * i);
    trace.outputTokens.push_back(1 + i);
  }
  for (int round = 0; round < 2; ++round) {
    const auto source = std::make_shared<TraceReplay>(trace, engine.scheduler(), shape.vocab, shape.maxTokens);
    engine.begin(source);
    StepLog log;
    CHECK(engine.advance({.steps = SIZE_MAX}, log) == Ended::drained);
    for (const std::int64_t finish : source->times().finishNs) CHECK(finish > 0);
    engine.cancel();
    engine.begin(std::make_shared<TraceReplay>(trace, engine.scheduler(), shape.vocab, shape.maxTokens));
    CHECK(engine.advance({.steps = SIZE_MAX}, log) == Ended::cancelled);
  }
}

TEST("what a backend cannot be made of is refused") {
  const ModelShape shape = presetShape("tiny");
  const BackendLimits limits{.blocks = 4, .blockTokens = 16, .maxTokens = 16, .maxSequences = 2};
  CHECK_THROWS(makeCpuBackend(shape, limits, {.isa = "sse9"}), std::invalid_argument, "sse9");
  CHECK_THROWS(makeCpuBackend(shape, {}, {}), std::invalid_argument, "at least 1");
  CHECK_THROWS(makeCpuBackend(shape, limits, {.threads = -1}), std::invalid_argument, "threads");
  BackendLimits huge = limits;
  huge.blocks = 1'000'000'000;
  CHECK_THROWS(makeCpuBackend(shape, huge, {}), std::runtime_error, "MB that are free");
}
