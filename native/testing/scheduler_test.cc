// The policy vllm-v1, step by step. A step is written as its members in order: "A300" is a chunk of 300 tokens of
// request A, "a@301" a decode step of A that holds 301 tokens; "-B" in front tells that B was preempted.
#include "engine/scheduler.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <utility>

#include "engine/write_plan.h"
#include "testing/check.h"

using namespace canopy;

namespace {

constexpr int kVocab = 1000;

std::string letter(std::int32_t request, char first) { return {static_cast<char>(first + request)}; }

class Script {
 public:
  explicit Script(const SchedulerOptions& options) : scheduler(options) {}

  void arrive(int prompt, int outputs, int produced = 0, bool inCache = false) {
    Sequence sequence = syntheticSequence(count_++, prompt, outputs, kVocab, produced);
    sequence.contextInCache = inCache;
    scheduler.submit(std::move(sequence));
  }

  /// One step in words; empty when nothing runs.
  std::string step() {
    Formation formation;
    if (!scheduler.form(formation)) return "";
    std::string words;
    const auto add = [&](const std::string& word) {
      if (!words.empty()) words += ' ';
      words += word;
    };
    for (const auto request : formation.preempted) add(std::string(1, '-').append(letter(request, 'A')));
    int prefill = 0;
    std::int64_t context = 0;
    for (const auto& member : formation.members) {
      const Sequence& sequence = *member.sequence;
      if (member.decoding) {
        const int held = sequence.promptTokens + sequence.producedTokens;
        context += held;
        add(letter(sequence.request, 'a').append(1, '@').append(std::to_string(held)));
      } else {
        prefill += member.tokens;
        add(letter(sequence.request, 'A') + std::to_string(member.tokens));
      }
    }
    CHECK_EQUAL(formation.prefillTokens, prefill);
    CHECK_EQUAL(formation.contextTokens, context);
    const std::vector<std::int32_t> next(formation.members.size(), 1);
    std::vector<std::unique_ptr<Sequence>> finished;
    scheduler.complete(formation, next, finished);
    for (const auto& sequence : finished) ends += letter(sequence->request, 'A');
    return words;
  }

  Scheduler scheduler;
  std::string ends;

 private:
  std::int32_t count_ = 0;
};

SchedulerOptions optionsOf(int blocks, int tokenBudget, int maxRequests = 128) {
  return {.blocks = blocks, .blockTokens = 16, .tokenBudget = tokenBudget, .maxRequests = maxRequests};
}

}  // namespace

TEST("one request: its prompt gives the first output, each decode step one more") {
  Script script(optionsOf(1000, 512));
  script.arrive(100, 3);
  CHECK_EQUAL(script.step(), "A100");
  CHECK_EQUAL(script.step(), "a@101");
  CHECK_EQUAL(script.ends, "");
  CHECK_EQUAL(script.step(), "a@102");
  CHECK_EQUAL(script.ends, "A");
  CHECK_EQUAL(script.step(), "");
  CHECK_EQUAL(script.scheduler.freeBlocks(), 1000);
}

TEST("a prompt longer than the budget is cut into chunks") {
  Script script(optionsOf(1000, 512));
  script.arrive(1000, 1);
  CHECK_EQUAL(script.step(), "A512");
  CHECK_EQUAL(script.scheduler.freeBlocks(), 1000 - 32);
  CHECK_EQUAL(script.step(), "A488");
  CHECK_EQUAL(script.ends, "A");
}

TEST("decodes and the rest of a prompt share a step") {
  Script script(optionsOf(1000, 512));
  script.arrive(300, 2);
  script.arrive(300, 2);
  CHECK_EQUAL(script.step(), "A300 B212");
  CHECK_EQUAL(script.step(), "a@301 B88");
  CHECK_EQUAL(script.ends, "A");
  CHECK_EQUAL(script.step(), "b@301");
  CHECK_EQUAL(script.ends, "AB");
}

TEST("the youngest is preempted, waits in front and computes its outputs again") {
  Script script(optionsOf(4, 512));
  script.arrive(32, 3);
  script.arrive(32, 3);
  CHECK_EQUAL(script.step(), "A32 B32");
  CHECK_EQUAL(script.scheduler.freeBlocks(), 0);
  CHECK_EQUAL(script.step(), "-B a@33");
  CHECK_EQUAL(script.scheduler.freeBlocks(), 1);
  CHECK_EQUAL(script.step(), "a@34");
  CHECK_EQUAL(script.ends, "A");
  CHECK_EQUAL(script.step(), "B33");
  CHECK_EQUAL(script.step(), "b@34");
  CHECK_EQUAL(script.ends, "AB");
}

TEST("a preempted request whose rest is one token ends with the recomputed prompt") {
  Script script(optionsOf(4, 512));
  script.arrive(32, 2);
  script.arrive(32, 2);
  CHECK_EQUAL(script.step(), "A32 B32");
  CHECK_EQUAL(script.step(), "-B a@33");
  CHECK_EQUAL(script.ends, "A");
  CHECK_EQUAL(script.step(), "B33");
  CHECK_EQUAL(script.ends, "AB");
}

TEST("blocks are taken for the chunk, not for the whole prompt") {
  Script script(optionsOf(6, 32));
  script.arrive(80, 2);
  CHECK_EQUAL(script.step(), "A32");
  CHECK_EQUAL(script.scheduler.freeBlocks(), 4);
  CHECK_EQUAL(script.step(), "A32");
  CHECK_EQUAL(script.scheduler.freeBlocks(), 2);
}

TEST("an unfinished prompt at the end of the list preempts itself, and the scan ends") {
  Script script(optionsOf(6, 49));
  script.arrive(48, 17);
  script.arrive(49, 2);
  CHECK_EQUAL(script.step(), "A48 B1");
  CHECK_EQUAL(script.scheduler.freeBlocks(), 2);
  // A takes a block; B's 48 tokens need 3 more of the 1 left.
  CHECK_EQUAL(script.step(), "-B a@49");
  CHECK_EQUAL(script.scheduler.freeBlocks(), 2);
  // B's chunk of 48 needs 3 of the 2 that are free.
  CHECK_EQUAL(script.step(), "a@50");
}

TEST("nobody enters in a step that preempted") {
  Script script(optionsOf(6, 512));
  script.arrive(32, 20);
  script.arrive(32, 20);
  script.arrive(32, 20);
  CHECK_EQUAL(script.step(), "A32 B32 C32");
  script.arrive(1, 2);
  // C gives back two blocks, of which A and B take one each.
  CHECK_EQUAL(script.step(), "-C a@33 b@33");
  CHECK_EQUAL(script.scheduler.freeBlocks(), 0);
  CHECK_EQUAL(script.step(), "a@34 b@34");
}

TEST("a preempted request goes before those that wait, and holds them up") {
  Script script(optionsOf(5, 512));
  script.arrive(32, 3);
  script.arrive(48, 3);
  script.arrive(16, 1);
  CHECK_EQUAL(script.step(), "A32 B48");
  CHECK_EQUAL(script.step(), "-B a@33");
  // C would fit into the two free blocks, but B is in front of it and does not.
  CHECK_EQUAL(script.scheduler.freeBlocks(), 2);
  CHECK_EQUAL(script.step(), "a@34");
  CHECK_EQUAL(script.step(), "B49 C16");
  CHECK_EQUAL(script.ends, "AC");
}

TEST("maxRequests caps those that run") {
  Script script(optionsOf(1000, 512, 2));
  for (int i = 0; i < 3; ++i) script.arrive(10, 2);
  CHECK_EQUAL(script.step(), "A10 B10");
  CHECK_EQUAL(script.step(), "a@11 b@11");
  CHECK_EQUAL(script.step(), "C10");
}

TEST("decodes beyond the budget wait their turn, in order of admission") {
  Script script(optionsOf(1000, 2));
  script.arrive(1, 3);
  script.arrive(1, 3);
  script.arrive(1, 3);
  CHECK_EQUAL(script.step(), "A1 B1");
  CHECK_EQUAL(script.step(), "a@2 b@2");
  CHECK_EQUAL(script.step(), "a@3 b@3");
  CHECK_EQUAL(script.step(), "C1");
}

TEST("a context that is in the cache decodes with its first step, for one token of the budget") {
  Script script(optionsOf(1000, 512));
  script.arrive(32, 4, 1, true);
  CHECK_EQUAL(script.step(), "a@33");
  CHECK_EQUAL(script.scheduler.freeBlocks(), 1000 - 3);
  CHECK_EQUAL(script.step(), "a@34");
  CHECK_EQUAL(script.step(), "a@35");
  CHECK_EQUAL(script.ends, "A");
}

TEST("outputs that are there already belong to what is prefilled") {
  Script script(optionsOf(1000, 512));
  script.arrive(10, 5, 3);
  CHECK_EQUAL(script.step(), "A13");
  CHECK_EQUAL(script.step(), "a@14");
  CHECK_EQUAL(script.ends, "A");
}

TEST("what could only preempt itself for ever is refused with the arithmetic") {
  const Scheduler scheduler(optionsOf(4, 512));
  CHECK_EQUAL(scheduler.refusalOf(64, 1), "");
  CHECK_EQUAL(scheduler.refusalOf(32, 33), "");
  CHECK_EQUAL(scheduler.refusalOf(64, 2), "ceil((64 + 2 - 1) / 16) = 5 KV blocks > 4");
  CHECK(!scheduler.refusalOf(0, 1).empty());
  CHECK_THROWS(Scheduler(optionsOf(0, 512)), std::invalid_argument, "at least 1");
  CHECK_THROWS(Scheduler(optionsOf(1 << 30, 512)), std::invalid_argument, "exceed the 2147483647");
}

TEST("the plan: tokens, positions, slots, tables and who is sampled") {
  Scheduler scheduler({.blocks = 20, .blockTokens = 4, .tokenBudget = 8, .maxRequests = 4});
  scheduler.submit(syntheticSequence(0, 6, 4, kVocab));
  scheduler.submit(syntheticSequence(1, 9, 4, kVocab));
  Formation formation;
  StepPlan plan;
  std::vector<std::unique_ptr<Sequence>> finished;
  CHECK(scheduler.form(formation));
  writePlan(formation, 4, plan);
  CHECK_EQUAL(plan.queryStarts, (std::vector<std::int32_t>{0, 6, 8}));
  CHECK_EQUAL(plan.positions, (std::vector<std::int32_t>{0, 1, 2, 3, 4, 5, 0, 1}));
  CHECK_EQUAL(plan.slots, (std::vector<std::int32_t>{0, 1, 2, 3, 4, 5, 8, 9}));
  CHECK_EQUAL(plan.contextTokens, (std::vector<std::int32_t>{6, 2}));
  CHECK_EQUAL(plan.sampled, (std::vector<std::int32_t>{1, 0}));
  CHECK_EQUAL(plan.blockTables, (std::vector<std::int32_t>{0, 1, 2, -1}));
  scheduler.complete(formation, std::vector<std::int32_t>{77, 88}, finished);
  CHECK(scheduler.form(formation));
  writePlan(formation, 4, plan);
  // A's newest token goes in; B's prompt goes on where its first chunk ended.
  CHECK_EQUAL(plan.tokens[0], 77);
  CHECK_EQUAL(plan.positions, (std::vector<std::int32_t>{6, 2, 3, 4, 5, 6, 7, 8}));
  CHECK_EQUAL(plan.contextTokens, (std::vector<std::int32_t>{7, 9}));
  CHECK_EQUAL(plan.blockTables, (std::vector<std::int32_t>{0, 1, -1, 2, 3, 4}));
  CHECK_EQUAL(plan.sampled, (std::vector<std::int32_t>{1, 1}));
}

TEST("random loads: limits hold, blocks are nobody else's, all end in finite time, first in first admitted") {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    const SchedulerOptions options{.blocks = 6 + below(30),
                                   .blockTokens = 1 + below(8),
                                   .tokenBudget = 1 + below(40),
                                   .maxRequests = 1 + below(12)};
    Scheduler scheduler(options);
    const int requests = 40;
    std::vector<std::pair<int, int>> load;
    while (std::cmp_less(load.size(), requests)) {
      const std::pair<int, int> request{1 + below(60), 1 + below(20)};
      if (scheduler.refusalOf(request.first, request.second).empty()) load.push_back(request);
    }
    int next = 0;
    int ended = 0;
    std::int32_t lastNew = -1;
    std::set<std::int32_t> seen;
    Formation formation;
    std::vector<std::unique_ptr<Sequence>> finished;
    for (int step = 0; ended < requests; ++step) {
      if (step == 100000) {
        canopy::testing::fail(__FILE__, __LINE__, "seed " + std::to_string(seed) + " does not end");
        break;
      }
      for (; next < requests && below(3) > 0; ++next) {
        const auto [prompt, outputs] = load[static_cast<std::size_t>(next)];
        scheduler.submit(syntheticSequence(next, prompt, outputs, kVocab));
      }
      if (!scheduler.form(formation)) {
        CHECK_EQUAL(scheduler.waitingCount() + scheduler.runningCount(), 0);
        continue;
      }
      CHECK(scheduler.runningCount() <= options.maxRequests);
      CHECK(formation.prefillTokens + formation.decodeSequences <= options.tokenBudget);
      CHECK(formation.preempted.empty() || formation.admitted.empty());
      std::set<std::int32_t> owned;
      std::size_t count = 0;
      for (const auto& member : formation.members) {
        const Sequence& sequence = *member.sequence;
        const int held = sequence.computedTokens + member.tokens;
        CHECK_EQUAL(static_cast<int>(sequence.blocks.size()), (held + options.blockTokens - 1) / options.blockTokens);
        CHECK_EQUAL(static_cast<int>(sequence.tokens.size()), sequence.promptTokens + sequence.producedTokens);
        owned.insert(sequence.blocks.begin(), sequence.blocks.end());
        count += sequence.blocks.size();
      }
      CHECK_EQUAL(owned.size(), count);
      for (const auto request : formation.admitted) {
        if (!seen.insert(request).second) continue;
        CHECK_EQUAL(request, lastNew + 1);
        lastNew = request;
      }
      scheduler.complete(formation, std::vector<std::int32_t>(formation.members.size(), 3), finished);
      for (const auto& sequence : finished) CHECK_EQUAL(sequence->producedTokens, sequence->outputTokens);
      ended += static_cast<int>(finished.size());
      finished.clear();
    }
    CHECK_EQUAL(scheduler.freeBlocks(), options.blocks);
  }
}
