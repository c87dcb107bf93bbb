// The serving engine: a load, the scheduler, a backend, and a log of what they did.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/backend.h"
#include "engine/load_source.h"
#include "engine/scheduler.h"
#include "engine/step_log.h"

namespace canopy {

/// When `advance` stops at the latest.
struct AdvanceLimits {
  std::size_t steps = 1;
  double seconds = 0.0;  ///< no step begins later; 0: no limit
};

enum class Ended : std::uint8_t { drained, limit, cancelled };

/// One thread advances; `cancel` may come from any.
class Engine {
 public:
  Engine(const ModelShape& shape, const SchedulerOptions& options, std::unique_ptr<Backend> backend);

  const ModelShape& shape() const { return shape_; }
  const Scheduler& scheduler() const { return scheduler_; }
  Backend& backend() { return *backend_; }

  /// Forgets the load before and all sequences. The new load begins with the first `advance`.
  void begin(std::shared_ptr<LoadSource> source);

  /// Runs steps until the load is drained, a limit is reached, or `cancel`; waits for arrivals in real time. Appends to
  /// `log` and sets its origin. A further call goes on where this one stopped, except after a step that threw or was
  /// cancelled: then `begin` has to come first. Throws what the backend throws, and std::logic_error without a load.
  Ended advance(const AdvanceLimits& limits, StepLog& log);

  /// Ends the `advance` under way soon, or the next one at once. The step in progress is not logged.
  void cancel();

  /// Takes a cancel back that came when no `advance` was under way.
  void uncancel() { cancelled_ = false; }

 private:
  void runStep(std::int64_t startNs, StepLog& log);
  void waitUntil(std::int64_t timeNs);
  void drop();

  ModelShape shape_;
  Scheduler scheduler_;
  std::unique_ptr<Backend> backend_;
  std::shared_ptr<LoadSource> source_;
  std::optional<std::int64_t> originNs_;
  std::int64_t endNs_ = 0;  ///< of the last step, since the origin

  Formation formation_;
  StepPlan plan_;
  std::vector<std::int32_t> nextTokens_;
  std::vector<std::unique_ptr<Sequence>> finished_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<bool> cancelled_ = false;
};

}  // namespace canopy
