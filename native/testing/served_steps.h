// A backend serving requests step by step, with everything kept that a test compares.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/backend.h"
#include "engine/scheduler.h"

namespace canopy::testing {

/// bf16, sequences of up to 128 tokens.
ModelShape smallShape(int layers, int hidden, int heads, int kvHeads, int headDim, int ffn, int vocab);

BackendLimits limitsOf(const SchedulerOptions& options);

/// One step as it went.
struct ServedStep {
  StepPlan plan;
  std::vector<std::vector<std::int32_t>> tokens;  ///< of each sampled sequence, up to its context; else empty
  std::vector<std::int32_t> next;                 ///< -7 where a sequence was not sampled
  std::vector<float> logits;
};

struct ServedRequest {
  int prompt;
  int wanted;
};

/// Serves the requests, two a step as they come, and keeps what every step gave.
std::vector<ServedStep> serve(Backend& backend, const ModelShape& shape, const SchedulerOptions& options,
                              const std::vector<ServedRequest>& requests);

/// Calls `visit(tokens, logits, chosen)` for every sampled sequence of every step.
void eachSampled(const std::vector<ServedStep>& steps, int vocab,
                 const std::function<void(const std::vector<std::int32_t>&, std::span<const float>, int)>& visit);

}  // namespace canopy::testing
