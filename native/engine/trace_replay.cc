#include "engine/trace_replay.h"

#include <stdexcept>
#include <string>
#include <utility>

namespace canopy {

namespace {

std::string problemAt(const Trace& trace, std::size_t i, const Scheduler& scheduler, int maxModelTokens) {
  if (trace.arrivalNs[i] < (i == 0 ? 0 : trace.arrivalNs[i - 1])) return "arrives before the one in front of it";
  const std::int64_t tokens = std::int64_t{trace.promptTokens[i]} + trace.outputTokens[i];
  if (tokens > maxModelTokens) {
    return std::to_string(tokens) + " tokens exceed the model's " + std::to_string(maxModelTokens);
  }
  return scheduler.refusalOf(trace.promptTokens[i], trace.outputTokens[i]);
}

}  // namespace

TraceReplay::TraceReplay(Trace trace, const Scheduler& scheduler, int vocab, int maxModelTokens)
    : trace_(std::move(trace)), vocab_(vocab) {
  const std::size_t count = trace_.arrivalNs.size();
  if (trace_.promptTokens.size() != count || trace_.outputTokens.size() != count) {
    throw std::invalid_argument("the columns of a trace have to be of equal length");
  }
  for (std::size_t i = 0; i < count; ++i) {
    const std::string problem = problemAt(trace_, i, scheduler, maxModelTokens);
    if (!problem.empty()) throw std::invalid_argument("request " + std::to_string(i) + ": " + problem);
  }
  times_.firstTokenNs.assign(count, -1);
  times_.finishNs.assign(count, -1);
  times_.preemptions.assign(count, 0);
}

void TraceReplay::submitArrived(std::int64_t nowNs, Scheduler& scheduler) {
  for (; next_ < trace_.arrivalNs.size() && trace_.arrivalNs[next_] <= nowNs; ++next_) {
    scheduler.submit(syntheticSequence(static_cast<std::int32_t>(next_), trace_.promptTokens[next_],
                                       trace_.outputTokens[next_], vocab_));
  }
}

std::optional<std::int64_t> TraceReplay::nextArrivalNs() const {
  if (next_ == trace_.arrivalNs.size()) return std::nullopt;
  return trace_.arrivalNs[next_];
}

void TraceReplay::produced(const Sequence& sequence, std::int64_t endNs) {
  const auto request = static_cast<std::size_t>(sequence.request);
  if (times_.firstTokenNs[request] < 0) times_.firstTokenNs[request] = endNs;
  times_.preemptions[request] = sequence.preemptions;
  if (sequence.producedTokens == sequence.outputTokens) times_.finishNs[request] = endNs;
}

}  // namespace canopy
