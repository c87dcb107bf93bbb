#include "engine/write_plan.h"

#include <algorithm>

namespace canopy {

void writePlan(const Formation& formation, int blockTokens, StepPlan& plan) {
  plan.tokens.clear();
  plan.positions.clear();
  plan.slots.clear();
  plan.queryStarts.clear();
  plan.contextTokens.clear();
  plan.sampled.clear();
  std::size_t stride = 0;
  for (const Formation::Member& member : formation.members) stride = std::max(stride, member.sequence->blocks.size());
  plan.blockTableStride = static_cast<int>(stride);
  plan.blockTables.assign(stride * formation.members.size(), -1);
  auto table = plan.blockTables.begin();
  plan.queryStarts.push_back(0);
  for (const Formation::Member& member : formation.members) {
    const Sequence& sequence = *member.sequence;
    const int end = sequence.computedTokens + member.tokens;
    for (int position = sequence.computedTokens; position < end; ++position) {
      const std::int32_t block = sequence.blocks[static_cast<std::size_t>(position / blockTokens)];
      plan.tokens.push_back(sequence.tokens[static_cast<std::size_t>(position)]);
      plan.positions.push_back(position);
      plan.slots.push_back(block * blockTokens + position % blockTokens);
    }
    plan.queryStarts.push_back(plan.tokenCount());
    plan.contextTokens.push_back(end);
    plan.sampled.push_back(isSampled(member) ? 1 : 0);
    std::copy(sequence.blocks.begin(), sequence.blocks.end(), table);
    table += static_cast<std::ptrdiff_t>(stride);
  }
}

}  // namespace canopy
