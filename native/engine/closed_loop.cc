#include "engine/closed_loop.h"

#include <algorithm>
#include <stdexcept>

#include "engine/synthetic_weights.h"

namespace canopy {

ClosedLoop::ClosedLoop(const ClosedLoopOptions& options, const Scheduler& scheduler, int vocab, int maxModelTokens)
    : options_(options), vocab_(vocab), missing_(options.batch) {
  const SchedulerOptions& limits = scheduler.options();
  if (options.batch < 1) throw std::invalid_argument("batch has to be at least 1");
  if (options.batch > limits.maxRequests || options.batch > limits.tokenBudget) {
    throw std::invalid_argument("batch " + std::to_string(options.batch) + " exceeds maxRequests " +
                                std::to_string(limits.maxRequests) + " or tokenBudget " +
                                std::to_string(limits.tokenBudget));
  }
  const std::string refusal = scheduler.refusalOf(options.promptTokens, options.outputTokens);
  if (!refusal.empty()) throw std::invalid_argument(refusal);
  const std::int64_t longest = std::int64_t{options.promptTokens} + options.outputTokens;
  if (longest > maxModelTokens) {
    throw std::invalid_argument(std::to_string(longest) + " tokens of a sequence exceed the model's " +
                                std::to_string(maxModelTokens));
  }
  if (options.contextInCache && options.outputTokens < 2) {
    throw std::invalid_argument("contextInCache needs at least 2 outputs: the first is there already");
  }
  const std::int64_t blocks = options.batch * ((longest - 1 + limits.blockTokens - 1) / limits.blockTokens);
  if (blocks > limits.blocks) {
    throw std::invalid_argument("batch " + std::to_string(options.batch) + " with sequences of " +
                                std::to_string(longest) + " tokens needs " + std::to_string(blocks) + " KV blocks > " +
                                std::to_string(limits.blocks) + ": it would preempt");
  }
}

int ClosedLoop::startOf(int index) const {
  const int first = options_.contextInCache ? 1 : 0;
  const int places = options_.outputTokens - first;
  const std::uint64_t bits = mixBits(mixBits(options_.seed) ^ static_cast<std::uint64_t>(index));
  const double within = static_cast<double>(bits >> 11) * 0x1p-53;
  const int place = static_cast<int>((index + within) / options_.batch * places);
  return first + std::min(place, places - 1);
}

void ClosedLoop::submitArrived(std::int64_t, Scheduler& scheduler) {
  for (; missing_ > 0; --missing_) {
    const int index = nextRequest_;
    const int produced = index < options_.batch ? startOf(index) : options_.contextInCache ? 1 : 0;
    Sequence sequence =
        syntheticSequence(nextRequest_++, options_.promptTokens, options_.outputTokens, vocab_, produced);
    sequence.contextInCache = options_.contextInCache;
    scheduler.submit(std::move(sequence));
  }
}

std::optional<std::int64_t> ClosedLoop::nextArrivalNs() const { return std::nullopt; }

void ClosedLoop::produced(const Sequence& sequence, std::int64_t) {
  if (sequence.producedTokens == sequence.outputTokens) ++missing_;
}

bool ClosedLoop::isSteady(const Formation& formation) const {
  if (options_.outputTokens == 1) return formation.decodeSequences == 0;
  return formation.decodeSequences == options_.batch && formation.prefillTokens == 0;
}

}  // namespace canopy
