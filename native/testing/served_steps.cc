#include "testing/served_steps.h"

#include <memory>

#include "engine/write_plan.h"
#include "testing/check.h"

namespace canopy::testing {

ModelShape smallShape(int layers, int hidden, int heads, int kvHeads, int headDim, int ffn, int vocab) {
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

std::vector<ServedStep> serve(Backend& backend, const ModelShape& shape, const SchedulerOptions& options,
                              const std::vector<ServedRequest>& requests) {
  Scheduler scheduler(options);
  std::vector<ServedStep> steps;
  Formation formation;
  std::vector<std::unique_ptr<Sequence>> finished;
  std::size_t submitted = 0;
  for (;;) {
    for (int i = 0; i < 2 && submitted < requests.size(); ++i, ++submitted) {
      scheduler.submit(syntheticSequence(static_cast<std::int32_t>(submitted), requests[submitted].prompt,
                                         requests[submitted].wanted, shape.vocab));
    }
    if (!scheduler.form(formation)) return steps;
    ServedStep step;
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

void eachSampled(const std::vector<ServedStep>& steps, int vocab,
                 const std::function<void(const std::vector<std::int32_t>&, std::span<const float>, int)>& visit) {
  for (const ServedStep& step : steps) {
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

}  // namespace canopy::testing
