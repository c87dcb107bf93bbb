// The engine's loop over a backend that only counts: loads, clocks, limits, cancelling.
#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>

#include "engine/clock.h"
#include "engine/closed_loop.h"
#include "engine/engine.h"
#include "engine/trace_replay.h"
#include "testing/check.h"

using namespace canopy;

namespace {

/// Takes a given time per step and answers every sampled sequence with 1.
class IdleBackend final : public Backend {
 public:
  explicit IdleBackend(int stepMicroseconds = 0) : stepMicroseconds_(stepMicroseconds) {}

  void run(const StepPlan& plan, std::span<std::int32_t> nextTokens) override {
    if (onRun) onRun();
    const std::int64_t end = monotonicNanoseconds() + std::int64_t{stepMicroseconds_} * 1000;
    while (monotonicNanoseconds() < end) {
    }
    for (int s = 0; s < plan.sequenceCount(); ++s) nextTokens[static_cast<std::size_t>(s)] = 1;
  }
  void copyLogits(std::span<float>) override {}
  std::map<std::string, std::string> describe() const override { return {}; }

  std::function<void()> onRun;

 private:
  int stepMicroseconds_;
};

struct Bench {
  explicit Bench(const SchedulerOptions& options, int stepMicroseconds = 0) {
    auto owned = std::make_unique<IdleBackend>(stepMicroseconds);
    backend = owned.get();
    engine = std::make_unique<Engine>(presetShape("tiny"), options, std::move(owned));
  }

  void closedLoop(const ClosedLoopOptions& options) {
    engine->begin(std::make_shared<ClosedLoop>(options, engine->scheduler(), 4096, 2048));
  }

  IdleBackend* backend;
  std::unique_ptr<Engine> engine;
  StepLog log;
};

const SchedulerOptions kOptions{.blocks = 2000, .blockTokens = 16, .tokenBudget = 512, .maxRequests = 64};

int countOf(const StepLog& log, StepEvent kind) {
  return static_cast<int>(std::count(log.eventKind.begin(), log.eventKind.end(), kind));
}

}  // namespace

TEST("a closed loop keeps its batch full and flags the steps that only decode") {
  Bench bench(kOptions);
  bench.closedLoop({.batch = 8, .promptTokens = 100, .outputTokens = 40});
  CHECK(bench.engine->advance({.steps = 2000}, bench.log) == Ended::limit);
  const StepLog& log = bench.log;
  CHECK_EQUAL(log.stepCount(), 2000U);
  int steady = 0;
  for (std::size_t i = 0; i < log.stepCount(); ++i) {
    steady += log.steady[i];
    CHECK_EQUAL(log.steady[i] == 1, log.prefillTokens[i] == 0 && log.decodeSequences[i] == 8);
    // Once it is filled, somebody who ends is replaced in the next step.
    if (i > 10) CHECK_EQUAL(log.decodeSequences[i] + (log.prefillTokens[i] + 99) / 100, 8);
    if (i > 0) CHECK_EQUAL(log.startNs[i], log.endNs[i - 1]);
    CHECK(log.endNs[i] >= log.startNs[i]);
  }
  // Eight ends in forty steps; ends of two may fall together.
  CHECK(steady > 2000 * 30 / 40);
  CHECK(steady < 2000);
  CHECK(countOf(log, StepEvent::finished) > 390);
  CHECK_EQUAL(countOf(log, StepEvent::preempted), 0);
}

TEST("the ends of a closed loop are spread, from the start") {
  Bench bench(kOptions);
  bench.closedLoop({.batch = 20, .promptTokens = 1, .outputTokens = 100, .contextInCache = true});
  bench.engine->advance({.steps = 100}, bench.log);
  std::vector<int> ends(10);
  for (std::size_t e = 0; e < bench.log.eventKind.size(); ++e) {
    if (bench.log.eventKind[e] == StepEvent::finished) ++ends[static_cast<std::size_t>(bench.log.eventStep[e] / 10)];
  }
  for (const int count : ends) {
    CHECK(count >= 1);
    CHECK(count <= 3);
  }
}

TEST("with the context in the cache every step decodes the whole batch") {
  Bench bench(kOptions);
  bench.closedLoop({.batch = 16, .promptTokens = 200, .outputTokens = 50, .contextInCache = true});
  bench.engine->advance({.steps = 300}, bench.log);
  for (std::size_t i = 0; i < 300; ++i) {
    CHECK_EQUAL(bench.log.decodeSequences[i], 16);
    CHECK_EQUAL(bench.log.prefillTokens[i], 0);
    CHECK_EQUAL(bench.log.steady[i], 1);
    CHECK(bench.log.contextTokens[i] >= 16 * 201);
    CHECK(bench.log.contextTokens[i] < 16 * 250);
  }
}

TEST("one output per sequence is a load of prefills") {
  Bench bench(kOptions);
  bench.closedLoop({.batch = 1, .promptTokens = 700, .outputTokens = 1});
  bench.engine->advance({.steps = 6}, bench.log);
  CHECK_EQUAL(bench.log.prefillTokens, (std::vector<std::int32_t>{512, 188, 512, 188, 512, 188}));
  CHECK_EQUAL(bench.log.steady, (std::vector<std::uint8_t>(6, 1)));
}

TEST("a load that cannot be held is refused") {
  Bench bench(kOptions);
  CHECK_THROWS(bench.closedLoop({.batch = 65, .promptTokens = 1, .outputTokens = 2}), std::invalid_argument,
               "maxRequests 64");
  CHECK_THROWS(bench.closedLoop({.batch = 64, .promptTokens = 500, .outputTokens = 2}), std::invalid_argument,
               "2048 KV blocks > 2000");
  CHECK_THROWS(bench.closedLoop({.batch = 1, .promptTokens = 2048, .outputTokens = 2}), std::invalid_argument,
               "exceed the model's 2048");
  CHECK_THROWS(TraceReplay({{0, 5, 4}, {1, 1, 1}, {1, 1, 1}}, bench.engine->scheduler(), 10, 10), std::invalid_argument,
               "request 2: arrives before");
  CHECK_THROWS(TraceReplay({{0}, {8}, {3}}, bench.engine->scheduler(), 10, 10), std::invalid_argument,
               "request 0: 11 tokens");
  CHECK_THROWS(TraceReplay({{0}, {8}, {}}, bench.engine->scheduler(), 10, 10), std::invalid_argument, "equal length");
  CHECK_THROWS(bench.engine->advance({}, bench.log), std::logic_error, "no load");
}

TEST("a trace is served by the clock until it is drained") {
  // Room for all prompts at once: a host that is busy with other work may stand still while they arrive.
  SchedulerOptions roomy = kOptions;
  roomy.tokenBudget = 4096;
  Bench bench(roomy, 200);
  Trace trace;
  for (int i = 0; i < 40; ++i) {
    trace.arrivalNs.push_back(i < 20 ? i * 150'000 : 10'000'000 + i * 2'000'000LL);
    trace.promptTokens.push_back(20 + i);
    trace.outputTokens.push_back(1 + i % 5);
  }
  trace.arrivalNs.back() += 400'000'000;  // a pause, on such a host too
  const auto source = std::make_shared<TraceReplay>(trace, bench.engine->scheduler(), 4096, 2048);
  bench.engine->begin(source);
  CHECK(bench.engine->advance({.steps = 100000}, bench.log) == Ended::drained);
  const StepLog& log = bench.log;
  CHECK_EQUAL(countOf(log, StepEvent::finished), 40);
  std::vector<double> admittedAt(40, -1.0);
  for (std::size_t e = 0; e < log.eventKind.size(); ++e) {
    if (log.eventKind[e] != StepEvent::admitted) continue;
    admittedAt[static_cast<std::size_t>(log.eventRequest[e])] = log.startNs[static_cast<std::size_t>(log.eventStep[e])];
  }
  for (std::size_t i = 0; i < 40; ++i) {
    const auto arrival = static_cast<double>(trace.arrivalNs[i]);
    CHECK(admittedAt[i] >= arrival);
    // With room for all, it enters the first step that begins at or after its arrival.
    const auto first = std::lower_bound(log.startNs.begin(), log.startNs.end(), arrival);
    CHECK_EQUAL(admittedAt[i], *first);
    CHECK(source->times().firstTokenNs[i] > trace.arrivalNs[i]);
    CHECK(source->times().finishNs[i] >= source->times().firstTokenNs[i]);
  }
  // After a pause a step begins when its first request was due, to the nanosecond.
  int onTime = 0;
  for (std::size_t i = 1; i < log.stepCount(); ++i) {
    if (log.startNs[i] == log.endNs[i - 1]) continue;
    const auto due = static_cast<std::int64_t>(log.startNs[i]);
    CHECK(std::find(trace.arrivalNs.begin(), trace.arrivalNs.end(), due) != trace.arrivalNs.end());
    ++onTime;
  }
  CHECK(onTime >= 1);
}

TEST("a call goes on where the last one stopped") {
  Bench bench(kOptions);
  bench.closedLoop({.batch = 2, .promptTokens = 10, .outputTokens = 100, .contextInCache = true});
  bench.engine->advance({.steps = 3}, bench.log);
  StepLog second;
  bench.engine->advance({.steps = 3}, second);
  CHECK_EQUAL(second.originNs, bench.log.originNs);
  CHECK_EQUAL(second.contextTokens[0], bench.log.contextTokens[2] + 2);
  CHECK(second.startNs[0] > bench.log.endNs[2]);
}

TEST("seconds limit a call: in the middle of work, and while waiting") {
  Bench busy(kOptions, 1000);
  busy.closedLoop({.batch = 2, .promptTokens = 10, .outputTokens = 100});
  CHECK(busy.engine->advance({.steps = 100000, .seconds = 0.03}, busy.log) == Ended::limit);
  CHECK(busy.log.stepCount() <= 30);
  Bench idle(kOptions);
  idle.engine->begin(
      std::make_shared<TraceReplay>(Trace{{3'600'000'000'000}, {1}, {1}}, idle.engine->scheduler(), 10, 2048));
  CHECK(idle.engine->advance({.steps = 10, .seconds = 0.01}, idle.log) == Ended::limit);
  CHECK_EQUAL(idle.log.stepCount(), 0U);
}

TEST("cancelled from another thread, at work and asleep, and used again") {
  Bench bench(kOptions, 100);
  for (const bool asleep : {false, true}) {
    if (asleep) {
      bench.engine->begin(
          std::make_shared<TraceReplay>(Trace{{3'600'000'000'000}, {1}, {1}}, bench.engine->scheduler(), 10, 2048));
    } else {
      bench.closedLoop({.batch = 2, .promptTokens = 10, .outputTokens = 100});
    }
    std::thread other([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      bench.engine->cancel();
    });
    CHECK(bench.engine->advance({.steps = SIZE_MAX}, bench.log) == Ended::cancelled);
    other.join();
  }
  bench.closedLoop({.batch = 2, .promptTokens = 10, .outputTokens = 100});
  CHECK(bench.engine->advance({.steps = 5}, bench.log) == Ended::limit);
}

TEST("after a step that threw, the load is gone") {
  Bench bench(kOptions);
  bench.closedLoop({.batch = 2, .promptTokens = 10, .outputTokens = 100});
  bench.backend->onRun = [] { throw std::runtime_error("no more memory"); };
  CHECK_THROWS(bench.engine->advance({.steps = 5}, bench.log), std::runtime_error, "no more memory");
  CHECK_THROWS(bench.engine->advance({.steps = 5}, bench.log), std::logic_error, "no load");
  CHECK_EQUAL(bench.engine->scheduler().freeBlocks(), 2000);
  bench.backend->onRun = [] { throw StepCancelled(); };
  bench.closedLoop({.batch = 2, .promptTokens = 10, .outputTokens = 100});
  CHECK(bench.engine->advance({.steps = 5}, bench.log) == Ended::cancelled);
}
