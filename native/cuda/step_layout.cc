#include "cuda/step_layout.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace canopy::cuda {

namespace {

void require(bool sound, const std::string& what) {
  if (!sound) throw std::invalid_argument("the step's plan is unsound: " + what);
}

std::string of(int sequence) { return " of sequence " + std::to_string(sequence); }

void checkPlan(const StepPlan& plan, const PlanLimits& limits) {
  const int tokens = plan.tokenCount();
  const int sequences = plan.sequenceCount();
  const auto tokensSize = static_cast<std::size_t>(tokens);
  const auto sequencesSize = static_cast<std::size_t>(sequences);
  require(tokens >= 1 && tokens <= limits.backend.maxTokens,
          std::to_string(tokens) + " tokens, of at most " + std::to_string(limits.backend.maxTokens));
  require(sequences >= 1 && sequences <= limits.backend.maxSequences,
          std::to_string(sequences) + " sequences, of at most " + std::to_string(limits.backend.maxSequences));
  require(plan.positions.size() == tokensSize && plan.slots.size() == tokensSize &&
              plan.queryStarts.size() == sequencesSize + 1 && plan.sampled.size() == sequencesSize &&
              plan.blockTables.size() == sequencesSize * static_cast<std::size_t>(plan.blockTableStride),
          "arrays of different lengths");
  require(plan.queryStarts.front() == 0 && plan.queryStarts.back() == tokens, "queryStarts do not span the tokens");
  const std::int64_t slots = std::int64_t{limits.backend.blocks} * limits.backend.blockTokens;
  for (std::size_t t = 0; t < tokensSize; ++t) {
    require(plan.tokens[t] >= 0 && plan.tokens[t] < limits.vocab, "a token outside the vocabulary");
    require(plan.slots[t] >= 0 && plan.slots[t] < slots, "a slot outside the cache");
  }
  for (int s = 0; s < sequences; ++s) {
    const auto at = static_cast<std::size_t>(s);
    const int first = plan.queryStarts[at];
    const int queries = plan.queryStarts[at + 1] - first;
    const int context = plan.contextTokens[at];
    require(queries >= 1, "no tokens" + of(s));
    require(context >= queries && context <= limits.sequenceTokens, "a context of another length" + of(s));
    for (int i = 0; i < queries; ++i) {
      require(plan.positions[static_cast<std::size_t>(first + i)] == context - queries + i,
              "positions that do not end its context" + of(s));
    }
    const int blocks = (context + limits.backend.blockTokens - 1) / limits.backend.blockTokens;
    require(blocks <= plan.blockTableStride, "a table too short" + of(s));
    for (int b = 0; b < blocks; ++b) {
      const int block =
          plan.blockTables[at * static_cast<std::size_t>(plan.blockTableStride) + static_cast<std::size_t>(b)];
      require(block >= 0 && block < limits.backend.blocks, "a block outside the cache" + of(s));
    }
  }
}

void place(StepLayout& layout, const PlanLimits& limits) {
  std::size_t next = 0;
  const auto take = [&](int count) {
    const std::size_t at = next;
    next += (static_cast<std::size_t>(count) + 3) / 4 * 4;  // 16 bytes
    return at;
  };
  layout.tokenIds = take(layout.tokens);
  layout.positions = take(layout.tokens);
  layout.slots = take(layout.tokens);
  layout.queryStarts = take(layout.sequences + 1);
  layout.contextTokens = take(layout.sequences);
  layout.logitTokens = take(layout.rows);
  layout.decodeSequences = take(layout.decodes);
  layout.queryTiles = take(2 * layout.tiles);
  layout.blockTables = take(layout.sequences * limits.tableStride());
  layout.total = next;
}

}  // namespace

int decodeBucket(int sequences, int most) {
  int bucket = 1;
  while (bucket < sequences && bucket < 8) bucket *= 2;
  if (sequences > 64) {
    bucket = (sequences + 15) / 16 * 16;
  } else if (sequences > 8) {
    bucket = (sequences + 7) / 8 * 8;
  }
  return std::min(bucket, most);
}

std::size_t largestStep(const PlanLimits& limits) {
  StepLayout layout;
  // A bucket may have more rows than a step of few tokens.
  layout.tokens = std::max(limits.backend.maxTokens, limits.backend.maxSequences);
  layout.sequences = layout.rows = layout.decodes = limits.backend.maxSequences;
  layout.tiles = limits.backend.maxTokens / limits.queriesPerTile + limits.backend.maxSequences;
  place(layout, limits);
  return layout.total;
}

StepLayout packStep(const StepPlan& plan, const PlanLimits& limits, std::int32_t* out, std::vector<int>& logitRows) {
  checkPlan(plan, limits);
  const int sequences = plan.sequenceCount();
  StepLayout layout;
  layout.decodeOnly = plan.tokenCount() == sequences;
  // A captured graph takes the logits of all its rows: which are wanted may change from step to step.
  logitRows.assign(static_cast<std::size_t>(sequences), -1);
  std::vector<std::int32_t> logitTokens;
  std::vector<std::int32_t> decodes;
  std::vector<std::int32_t> tiles;
  for (int s = 0; s < sequences; ++s) {
    const auto at = static_cast<std::size_t>(s);
    const int queries = plan.queryStarts[at + 1] - plan.queryStarts[at];
    if (layout.decodeOnly || plan.sampled[at] != 0) {
      logitRows[at] = static_cast<int>(logitTokens.size());
      logitTokens.push_back(plan.queryStarts[at + 1] - 1);
    }
    if (queries == 1) {
      decodes.push_back(s);
    } else {
      for (int first = 0; first < queries; first += limits.queriesPerTile) {
        tiles.push_back(s);
        tiles.push_back(first);
      }
    }
  }
  // Empty rows fill a decode step up to its bucket: token 0, no slot, no context.
  const int bucket = layout.decodeOnly ? decodeBucket(sequences, limits.backend.maxSequences) : sequences;
  const int empty = bucket - sequences;
  for (int s = sequences; s < bucket; ++s) {
    logitTokens.push_back(s);
    decodes.push_back(s);
  }
  layout.tokens = plan.tokenCount() + empty;
  layout.sequences = bucket;
  layout.rows = static_cast<int>(logitTokens.size());
  layout.decodes = static_cast<int>(decodes.size());
  layout.tiles = static_cast<int>(tiles.size() / 2);
  place(layout, limits);

  const auto emptySize = static_cast<std::size_t>(empty);
  std::fill_n(std::copy(plan.tokens.begin(), plan.tokens.end(), out + layout.tokenIds), emptySize, 0);
  std::fill_n(std::copy(plan.positions.begin(), plan.positions.end(), out + layout.positions), emptySize, 0);
  std::fill_n(std::copy(plan.slots.begin(), plan.slots.end(), out + layout.slots), emptySize, -1);
  std::int32_t* starts = std::copy(plan.queryStarts.begin(), plan.queryStarts.end(), out + layout.queryStarts);
  for (int s = sequences; s < bucket; ++s) *starts++ = s + 1;
  std::fill_n(std::copy(plan.contextTokens.begin(), plan.contextTokens.end(), out + layout.contextTokens), emptySize,
              0);
  std::copy(logitTokens.begin(), logitTokens.end(), out + layout.logitTokens);
  std::copy(decodes.begin(), decodes.end(), out + layout.decodeSequences);
  std::copy(tiles.begin(), tiles.end(), out + layout.queryTiles);
  const int tableStride = limits.tableStride();
  for (int s = 0; s < sequences; ++s) {
    const auto at = static_cast<std::size_t>(s);
    const int blocks = (plan.contextTokens[at] + limits.backend.blockTokens - 1) / limits.backend.blockTokens;
    std::copy_n(plan.blockTables.begin() + static_cast<std::ptrdiff_t>(s) * plan.blockTableStride, blocks,
                out + layout.blockTables + static_cast<std::ptrdiff_t>(s) * tableStride);
  }
  return layout;
}

}  // namespace canopy::cuda
