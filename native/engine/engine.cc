#include "engine/engine.h"

#include <chrono>
#include <stdexcept>
#include <utility>

#include "engine/clock.h"
#include "engine/write_plan.h"

namespace canopy {

namespace {

/// A sleeping thread wakes up some 50 us late: the rest of a wait is spent looking at the clock.
constexpr std::int64_t kSpinNs = 200'000;

}  // namespace

Engine::Engine(const ModelShape& shape, const SchedulerOptions& options, std::unique_ptr<Backend> backend)
    : shape_(shape),
      scheduler_(options),
      backend_(std::move(backend)),
      nextTokens_(static_cast<std::size_t>(options.maxRequests)) {}

void Engine::begin(std::shared_ptr<LoadSource> source) {
  scheduler_.reset();
  finished_.clear();
  source_ = std::move(source);
  originNs_.reset();
  endNs_ = 0;
}

Ended Engine::advance(const AdvanceLimits& limits, StepLog& log) {
  if (!source_) throw std::logic_error("the engine has no load: begin one first");
  const std::int64_t now = monotonicNanoseconds();
  if (!originNs_) originNs_ = now;
  log.originNs = *originNs_;
  // A caller who took his time between two calls did so outside of any step.
  std::int64_t startNs = now - *originNs_;
  const std::int64_t lastStartNs =
      limits.seconds > 0.0 ? startNs + static_cast<std::int64_t>(limits.seconds * 1e9) : INT64_MAX;
  for (std::size_t steps = 0; steps < limits.steps;) {
    if (cancelled_.exchange(false)) return Ended::cancelled;
    if (startNs >= lastStartNs) return Ended::limit;
    source_->submitArrived(startNs, scheduler_);
    if (scheduler_.form(formation_)) {
      try {
        runStep(startNs, log);
      } catch (const StepCancelled&) {
        drop();
        cancelled_ = false;
        return Ended::cancelled;
      } catch (...) {
        drop();
        throw;
      }
      startNs = endNs_;
      ++steps;
      continue;
    }
    const std::optional<std::int64_t> next = source_->nextArrivalNs();
    if (!next) return Ended::drained;
    if (*next >= lastStartNs) {
      waitUntil(*originNs_ + lastStartNs);
      startNs = lastStartNs;
    } else {
      waitUntil(*originNs_ + *next);
      startNs = *next;
    }
  }
  return Ended::limit;
}

void Engine::runStep(std::int64_t startNs, StepLog& log) {
  writePlan(formation_, scheduler_.options().blockTokens, plan_);
  const int free = scheduler_.freeBlocks();
  backend_->run(plan_, nextTokens_);
  scheduler_.complete(formation_, nextTokens_, finished_);
  endNs_ = monotonicNanoseconds() - *originNs_;

  log.addStep(formation_, startNs, endNs_, free, backend_->lastDeviceMilliseconds(), source_->isSteady(formation_));
  for (std::size_t i = 0; i < formation_.members.size(); ++i) {
    // Sequences that have finished are still in finished_.
    const Sequence& sequence = *formation_.members[i].sequence;
    if (plan_.sampled[i] != 0) source_->produced(sequence, endNs_);
  }
  for (const auto& sequence : finished_) log.addFinished(sequence->request);
  finished_.clear();
}

/// Until then, or until it is cancelled.
void Engine::waitUntil(std::int64_t timeNs) {
  std::unique_lock lock(mutex_);
  const std::int64_t sleepNs = timeNs - kSpinNs - monotonicNanoseconds();
  if (sleepNs > 0) wake_.wait_for(lock, std::chrono::nanoseconds(sleepNs), [this] { return cancelled_.load(); });
  lock.unlock();
  while (!cancelled_.load() && monotonicNanoseconds() < timeNs) {
  }
}

/// The sequences of a step that was not completed are in no defined state.
void Engine::drop() {
  scheduler_.reset();
  source_.reset();
}

void Engine::cancel() {
  {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
  }
  wake_.notify_all();
  backend_->cancel();
}

}  // namespace canopy
