// A step's plan as the device reads it: one block of int32 in pinned memory, copied at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/backend.h"

namespace canopy::cuda {

/// Sizes that a plan is checked against, and packed with.
struct PlanLimits {
  BackendLimits backend;
  int vocab = 0;
  int sequenceTokens = 0;  ///< longest sequence
  int queriesPerTile = 0;  ///< of prefillAttention
  /// Blocks of the longest sequence: the stride of every packed table, so that a captured graph fits any context.
  int tableStride() const { return (sequenceTokens + backend.blockTokens - 1) / backend.blockTokens; }
};

/// What a step launches, and where its arrays begin. A pure function of (bucket) for steps of decodes alone: a captured
/// graph has these offsets in it.
struct StepLayout {
  int tokens = 0;     ///< rows of the forward; in a decode step the bucket, else the plan's tokens
  int sequences = 0;  ///< likewise
  int rows = 0;       ///< rows of logits
  int decodes = 0;    ///< sequences with one query token
  int tiles = 0;      ///< tiles of prefillAttention
  bool decodeOnly = false;

  std::size_t tokenIds = 0;
  std::size_t positions = 0;
  std::size_t slots = 0;
  std::size_t queryStarts = 0;
  std::size_t contextTokens = 0;
  std::size_t logitTokens = 0;  ///< [rows] token whose logits are wanted
  std::size_t decodeSequences = 0;
  std::size_t queryTiles = 0;   ///< [tiles] sequence, first
  std::size_t blockTables = 0;  ///< [sequences, tableStride]; what lies behind a context is not set
  std::size_t total = 0;
};

/// Rows that a decode step of `sequences` is filled up to: powers of two to 8, then steps of 8 to 64, then of 16, never
/// more than `most`. Few shapes, so few graphs.
int decodeBucket(int sequences, int most);

/// int32 of the largest step.
std::size_t largestStep(const PlanLimits& limits);

/// Writes the plan to `out`; `logitRows` [S] gets each sequence's row of logits, -1 for none.
/// Throws std::invalid_argument for a plan that would read or write outside the backend's memory.
StepLayout packStep(const StepPlan& plan, const PlanLimits& limits, std::int32_t* out, std::vector<int>& logitRows);

}  // namespace canopy::cuda
