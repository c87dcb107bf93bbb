// Where the engine's requests come from. One thread: the one that advances the engine.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/scheduler.h"

namespace canopy {

class LoadSource {
 public:
  virtual ~LoadSource() = default;
  LoadSource(const LoadSource&) = delete;
  LoadSource& operator=(const LoadSource&) = delete;

  /// Submits what has arrived by `nowNs` since the load began.
  virtual void submitArrived(std::int64_t nowNs, Scheduler& scheduler) = 0;

  /// When the next request arrives that is not submitted yet, in ns since the load began; none: no more will.
  virtual std::optional<std::int64_t> nextArrivalNs() const = 0;

  /// A member of a step that has ended at `endNs` made an output; it is finished where that was its last.
  virtual void produced(const Sequence& sequence, std::int64_t endNs) = 0;

  /// Whether a step is one of those that the load is there to measure.
  virtual bool isSteady(const Formation& formation) const = 0;

 protected:
  LoadSource() = default;
};

}  // namespace canopy
