#include "engine/sequence.h"

#include "engine/synthetic_weights.h"

namespace canopy {

Sequence syntheticSequence(std::int32_t request, int promptTokens, int outputTokens, int vocab, int producedTokens) {
  Sequence sequence;
  sequence.request = request;
  sequence.promptTokens = promptTokens;
  sequence.outputTokens = outputTokens;
  sequence.producedTokens = producedTokens;
  sequence.tokens.reserve(static_cast<std::size_t>(promptTokens) + static_cast<std::size_t>(outputTokens));
  const std::uint64_t stream = mixBits(~static_cast<std::uint64_t>(request));
  for (int position = 0; position < promptTokens + producedTokens; ++position) {
    const std::uint64_t bits = mixBits(stream ^ static_cast<std::uint64_t>(position));
    sequence.tokens.push_back(static_cast<std::int32_t>(bits % static_cast<std::uint64_t>(vocab)));
  }
  return sequence;
}

}  // namespace canopy
