// What one step of the engine computes: flat arrays, as a device reads them.
#pragma once

#include <cstdint>
#include <vector>

namespace canopy {

/// S sequences with T tokens in all go through one forward, prefill chunks and decodes alike (vLLM v1). The tokens of a
/// sequence are contiguous, and in the order of their positions.
struct StepPlan {
  std::vector<std::int32_t> tokens;         ///< [T] ids that go in
  std::vector<std::int32_t> positions;      ///< [T] place in the sequence, from 0
  std::vector<std::int32_t> slots;          ///< [T] where key and value are written: block * blockTokens + offset
  std::vector<std::int32_t> queryStarts;    ///< [S+1] first token of each sequence; the last is T
  std::vector<std::int32_t> contextTokens;  ///< [S] tokens in the cache once this step has written its own
  std::vector<std::int32_t> blockTables;  ///< [S * blockTableStride] blocks of each sequence, in order; the rest is -1
  int blockTableStride = 0;
  std::vector<std::int32_t> sampled;  ///< [S] 1 where the sequence's last token gives its next token, 0 in mid-prefill

  int tokenCount() const { return static_cast<int>(tokens.size()); }
  int sequenceCount() const { return static_cast<int>(contextTokens.size()); }
};

}  // namespace canopy
