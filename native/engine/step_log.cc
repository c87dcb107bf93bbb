#include "engine/step_log.h"

namespace canopy {

void StepLog::reserve(std::size_t steps) {
  startNs.reserve(steps);
  endNs.reserve(steps);
  prefillTokens.reserve(steps);
  decodeSequences.reserve(steps);
  contextTokens.reserve(steps);
  freeBlocks.reserve(steps);
  deviceMs.reserve(steps);
  steady.reserve(steps);
  eventStep.reserve(steps);
  eventKind.reserve(steps);
  eventRequest.reserve(steps);
  eventTokens.reserve(steps);
}

void StepLog::addStep(const Formation& formation, std::int64_t start, std::int64_t end, int free, double device,
                      bool isSteady) {
  startNs.push_back(static_cast<double>(start));
  endNs.push_back(static_cast<double>(end));
  prefillTokens.push_back(formation.prefillTokens);
  decodeSequences.push_back(formation.decodeSequences);
  contextTokens.push_back(static_cast<std::int32_t>(formation.contextTokens));
  freeBlocks.push_back(free);
  deviceMs.push_back(device);
  steady.push_back(isSteady ? 1 : 0);
  for (const std::int32_t request : formation.preempted) addEvent(StepEvent::preempted, request, 0);
  for (const std::int32_t request : formation.admitted) addEvent(StepEvent::admitted, request, 0);
  for (const Formation::Member& member : formation.members) {
    if (!member.decoding) addEvent(StepEvent::chunk, member.sequence->request, member.tokens);
  }
}

void StepLog::addEvent(StepEvent kind, std::int32_t request, int tokens) {
  eventStep.push_back(static_cast<std::int32_t>(stepCount()) - 1);
  eventKind.push_back(kind);
  eventRequest.push_back(request);
  eventTokens.push_back(tokens);
}

}  // namespace canopy
