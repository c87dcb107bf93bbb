// What the engine did, as columns: one row per step, one per event within a step.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/scheduler.h"

namespace canopy {

enum class StepEvent : std::uint8_t {
  preempted = 0,  ///< lost its cache while the step was formed
  admitted = 1,   ///< began to run with this step
  chunk = 2,      ///< `tokens` of its prompt, or of its prompt and outputs after a preemption, were computed
  finished = 3,   ///< made its last output
};

/// Times are ns of CLOCK_MONOTONIC since originNs. A step begins where the one before it ended, or, after a time
/// without requests, when the first of them was due; so the time between two steps, and what it takes to wake up, is
/// part of a step. What arrived by the start of a step could take part in it; what arrived later could not.
struct StepLog {
  std::int64_t originNs = 0;  ///< begin of the load
  std::vector<double> startNs;
  std::vector<double> endNs;
  std::vector<std::int32_t> prefillTokens;
  std::vector<std::int32_t> decodeSequences;
  std::vector<std::int32_t> contextTokens;  ///< of the decoding sequences: prompt and outputs produced
  std::vector<std::int32_t> freeBlocks;     ///< during the step
  std::vector<double> deviceMs;             ///< time on the device; negative where only the host's clock tells
  std::vector<std::uint8_t> steady;         ///< 1: a step that the load is there to measure

  /// Events in the order of their steps; within a step in the order of the kinds.
  std::vector<std::int32_t> eventStep;  ///< row of the step
  std::vector<StepEvent> eventKind;
  std::vector<std::int32_t> eventRequest;
  std::vector<std::int32_t> eventTokens;  ///< of a chunk; else 0

  std::size_t stepCount() const { return startNs.size(); }
  void reserve(std::size_t steps);

  /// Adds the step of a formation, with its events but `finished`; `addFinished` adds those of the last step.
  void addStep(const Formation& formation, std::int64_t start, std::int64_t end, int free, double device,
               bool isSteady);
  void addFinished(std::int32_t request) { addEvent(StepEvent::finished, request, 0); }

 private:
  void addEvent(StepEvent kind, std::int32_t request, int tokens);
};

}  // namespace canopy
