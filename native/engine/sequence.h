// One request inside the engine.
#pragma once

#include <cstdint>
#include <vector>

namespace canopy {

/// Tokens are computed up to a target, and that gives the next output; from then on each step computes the newest
/// output and gives the next one. So the cache holds `computed` tokens, and while decoding that is all but the newest.
struct Sequence {
  std::int32_t request = 0;  ///< its number in the load
  int promptTokens = 0;
  int outputTokens = 0;    ///< outputs after which it is finished
  int producedTokens = 0;  ///< outputs made so far
  int targetTokens = 0;    ///< prompt and outputs at the time it last began to wait
  int computedTokens = 0;  ///< tokens whose keys and values are in the cache
  int preemptions = 0;
  bool contextInCache = false;       ///< enters as computed up to the target: its cache was filled by somebody else
  std::vector<std::int32_t> tokens;  ///< ids of prompt and outputs
  std::vector<std::int32_t> blocks;  ///< blocks held, in the order of positions

  bool decoding() const { return computedTokens >= targetTokens; }
};

/// A sequence with pseudo-random prompt ids below `vocab` that depend on the request's number alone.
/// `producedTokens` of its outputs, pseudo-random too, are there already.
Sequence syntheticSequence(std::int32_t request, int promptTokens, int outputTokens, int vocab, int producedTokens = 0);

}  // namespace canopy
