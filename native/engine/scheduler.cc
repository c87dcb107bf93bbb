#include "engine/scheduler.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <utility>

namespace canopy {

namespace {

const SchedulerOptions& checked(const SchedulerOptions& options) {
  if (options.blocks < 1 || options.blockTokens < 1 || options.tokenBudget < 1 || options.maxRequests < 1) {
    throw std::invalid_argument("blocks, blockTokens, tokenBudget and maxRequests have to be at least 1");
  }
  // A slot of the cache, block * blockTokens + offset, is an int32.
  if (std::int64_t{options.blocks} * options.blockTokens > INT32_MAX) {
    throw std::invalid_argument(std::to_string(options.blocks) + " blocks of " + std::to_string(options.blockTokens) +
                                " tokens exceed the " + std::to_string(INT32_MAX) + " that a cache can have");
  }
  return options;
}

}  // namespace

Scheduler::Scheduler(const SchedulerOptions& options) : options_(checked(options)), pool_(options.blocks) {
  running_.reserve(static_cast<std::size_t>(options.maxRequests));
}

std::string Scheduler::refusalOf(int promptTokens, int outputTokens) const {
  if (promptTokens < 1 || outputTokens < 1) return "a request needs at least one prompt token and one output token";
  const std::int64_t held = std::int64_t{promptTokens} + outputTokens - 1;
  const std::int64_t needed = (held + options_.blockTokens - 1) / options_.blockTokens;
  if (needed <= options_.blocks) return "";
  return "ceil((" + std::to_string(promptTokens) + " + " + std::to_string(outputTokens) + " - 1) / " +
         std::to_string(options_.blockTokens) + ") = " + std::to_string(needed) + " KV blocks > " +
         std::to_string(options_.blocks);
}

void Scheduler::submit(Sequence sequence) {
  const std::string refusal = refusalOf(sequence.promptTokens, sequence.outputTokens);
  if (!refusal.empty()) throw std::invalid_argument(refusal);
  if (sequence.producedTokens >= sequence.outputTokens || (sequence.contextInCache && sequence.producedTokens < 1)) {
    throw std::invalid_argument(
        "a sequence enters with fewer outputs than it is to make, with its context in the cache "
        "with at least one");
  }
  const int held = sequence.promptTokens + sequence.producedTokens;
  if (std::cmp_not_equal(sequence.tokens.size(), held)) {
    throw std::invalid_argument("a sequence needs the ids of its prompt and outputs");
  }
  sequence.targetTokens = sequence.contextInCache ? held - 1 : held;
  sequence.computedTokens = 0;
  waiting_.push_back(std::make_unique<Sequence>(std::move(sequence)));
}

bool Scheduler::form(Formation& formation) {
  formation.preempted.clear();
  formation.admitted.clear();
  do {
    formation.members.clear();
    formation.prefillTokens = 0;
    formation.decodeSequences = 0;
    formation.contextTokens = 0;
    const std::size_t preemptedBefore = formation.preempted.size();
    int budget = options_.tokenBudget;
    formRunning(formation, budget);
    const bool preempted = formation.preempted.size() > preemptedBefore;
    if (!preempted) admitWaiting(formation, budget);
    if (!formation.members.empty()) return true;
    // Nobody is left to be preempted by the next try.
    if (!preempted) return false;
  } while (true);
}

void Scheduler::formRunning(Formation& formation, int& budget) {
  // The list shrinks at its end while it is walked.
  for (std::size_t i = 0; i < running_.size() && budget > 0; ++i) {
    Sequence& sequence = *running_[i];
    const int tokens = sequence.decoding() ? 1 : std::min(sequence.targetTokens - sequence.computedTokens, budget);
    const int needed = blocksFor(sequence.computedTokens + tokens) - static_cast<int>(sequence.blocks.size());
    while (needed > pool_.free()) {
      const bool itself = running_.size() == i + 1;
      preemptLast(formation);
      if (itself) return;
    }
    for (int block = 0; block < needed; ++block) sequence.blocks.push_back(pool_.take());
    addMember(formation, sequence, tokens, budget);
  }
}

void Scheduler::admitWaiting(Formation& formation, int& budget) {
  while (!waiting_.empty() && budget > 0 && runningCount() < options_.maxRequests) {
    Sequence& sequence = *waiting_.front();
    const int computed = sequence.contextInCache ? sequence.targetTokens : 0;
    const int tokens = sequence.contextInCache ? 1 : std::min(sequence.targetTokens, budget);
    const int needed = blocksFor(computed + tokens);
    if (needed > pool_.free()) return;
    sequence.computedTokens = computed;
    for (int block = 0; block < needed; ++block) sequence.blocks.push_back(pool_.take());
    running_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
    formation.admitted.push_back(sequence.request);
    addMember(formation, sequence, tokens, budget);
  }
}

void Scheduler::preemptLast(Formation& formation) {
  Sequence& victim = *running_.back();
  release(victim);
  victim.targetTokens = victim.promptTokens + victim.producedTokens;
  victim.computedTokens = 0;
  victim.contextInCache = false;
  ++victim.preemptions;
  formation.preempted.push_back(victim.request);
  waiting_.push_front(std::move(running_.back()));
  running_.pop_back();
}

void Scheduler::addMember(Formation& formation, Sequence& sequence, int tokens, int& budget) {
  const bool decoding = sequence.decoding();
  formation.members.push_back({&sequence, tokens, decoding});
  budget -= tokens;
  if (decoding) {
    ++formation.decodeSequences;
    formation.contextTokens += sequence.promptTokens + sequence.producedTokens;
  } else {
    formation.prefillTokens += tokens;
  }
}

void Scheduler::release(Sequence& sequence) {
  for (const std::int32_t block : sequence.blocks) pool_.giveBack(block);
  sequence.blocks.clear();
}

void Scheduler::complete(const Formation& formation, std::span<const std::int32_t> nextTokens,
                         std::vector<std::unique_ptr<Sequence>>& finished) {
  bool anyFinished = false;
  for (std::size_t i = 0; i < formation.members.size(); ++i) {
    const Formation::Member& member = formation.members[i];
    Sequence& sequence = *member.sequence;
    const bool sampled = isSampled(member);
    sequence.computedTokens += member.tokens;
    if (!sampled) continue;
    sequence.tokens.push_back(nextTokens[i]);
    ++sequence.producedTokens;
    if (sequence.producedTokens == sequence.outputTokens) anyFinished = true;
  }
  if (!anyFinished) return;
  const auto unfinished = [](const std::unique_ptr<Sequence>& sequence) {
    return sequence->producedTokens < sequence->outputTokens;
  };
  const auto end = std::stable_partition(running_.begin(), running_.end(), unfinished);
  for (auto it = end; it != running_.end(); ++it) {
    release(**it);
    finished.push_back(std::move(*it));
  }
  running_.erase(end, running_.end());
}

void Scheduler::reset() {
  waiting_.clear();
  running_.clear();
  pool_.reset();
}

}  // namespace canopy
