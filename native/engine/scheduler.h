// Which tokens go into the next step: continuous batching by the rules of vLLM v1, as
// docs/reference/simulation-rules.md states them for the policy `vllm-v1` (section 4). The simulator follows the same
// page: from the arrivals and the durations of the steps it finds the composition of every step again. One thread.
//
// A step has a budget of tokens. Running sequences come first, in order of admission: a decoding one takes one token,
// an unfinished prompt what is left of the budget, each with the blocks for exactly those tokens. While they are not
// free the sequence admitted last is preempted: it loses its cache and waits in front of all others. Waiting sequences
// enter, first in first out, only in a step that preempted nobody.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/block_pool.h"
#include "engine/sequence.h"

namespace canopy {

struct SchedulerOptions {
  int blocks = 0;  ///< of the KV cache
  int blockTokens = 16;
  int tokenBudget = 2048;  ///< most tokens of one step
  int maxRequests = 128;   ///< most running sequences
};

/// What a step computes.
struct Formation {
  struct Member {
    Sequence* sequence;
    int tokens;
    bool decoding;
  };
  std::vector<Member> members;
  std::vector<std::int32_t> preempted;  ///< requests, in the order of their preemption
  std::vector<std::int32_t> admitted;   ///< requests, in order
  int prefillTokens = 0;
  int decodeSequences = 0;
  /// Prompt and outputs produced, over the decoding sequences.
  std::int64_t contextTokens = 0;
};

class Scheduler {
 public:
  /// Throws std::invalid_argument where an option is below 1.
  explicit Scheduler(const SchedulerOptions& options);

  const SchedulerOptions& options() const { return options_; }

  /// Why a request could only preempt itself for ever, with the arithmetic; empty where it can be served.
  std::string refusalOf(int promptTokens, int outputTokens) const;

  /// Adds a sequence at the end of the waiting queue. Throws std::invalid_argument on one that is refused.
  void submit(Sequence sequence);

  /// Forms the next step and takes its blocks. False when there is nothing to run. The members stay valid until
  /// `complete`, which has to come before the next call.
  bool form(Formation& formation);

  /// The effects of the step: computed tokens, outputs, ends. nextTokens [members] holds the next token of each member
  /// that is sampled. Appends those that are finished to `finished`; their blocks are free again.
  void complete(const Formation& formation, std::span<const std::int32_t> nextTokens,
                std::vector<std::unique_ptr<Sequence>>& finished);

  int waitingCount() const { return static_cast<int>(waiting_.size()); }
  int runningCount() const { return static_cast<int>(running_.size()); }
  int freeBlocks() const { return pool_.free(); }

  /// Forgets all sequences.
  void reset();

 private:
  int blocksFor(int tokens) const { return (tokens + options_.blockTokens - 1) / options_.blockTokens; }
  void formRunning(Formation& formation, int& budget);
  void admitWaiting(Formation& formation, int& budget);
  void preemptLast(Formation& formation);
  void addMember(Formation& formation, Sequence& sequence, int tokens, int& budget);
  void release(Sequence& sequence);

  SchedulerOptions options_;
  BlockPool pool_;
  std::deque<std::unique_ptr<Sequence>> waiting_;
  std::vector<std::unique_ptr<Sequence>> running_;  ///< in order of admission
};

/// Whether the last token of a member gives its next token: it decodes, or its target is computed with this step.
inline bool isSampled(const Formation::Member& member) {
  return member.sequence->computedTokens + member.tokens >= member.sequence->targetTokens;
}

}  // namespace canopy
