// A load that arrives by the clock, whatever the engine does: an open loop.
#pragma once

#include <vector>

#include "engine/load_source.h"

namespace canopy {

/// Columns of equal length, a row for each request, in the order of their arrival.
struct Trace {
  std::vector<std::int64_t> arrivalNs;  ///< since the load began
  std::vector<std::int32_t> promptTokens;
  std::vector<std::int32_t> outputTokens;
};

/// What came of each request of a trace; -1 where it has not happened. A time is the end of the step, in ns since the
/// load began.
struct RequestTimes {
  std::vector<std::int64_t> firstTokenNs;
  std::vector<std::int64_t> finishNs;
  std::vector<std::int32_t> preemptions;
};

class TraceReplay final : public LoadSource {
 public:
  /// Throws std::invalid_argument on columns of unequal length, arrivals out of order or below 0, and on the first
  /// request that the scheduler refuses or that is longer than the model allows.
  TraceReplay(Trace trace, const Scheduler& scheduler, int vocab, int maxModelTokens);

  void submitArrived(std::int64_t nowNs, Scheduler& scheduler) override;
  std::optional<std::int64_t> nextArrivalNs() const override;
  void produced(const Sequence& sequence, std::int64_t endNs) override;
  bool isSteady(const Formation&) const override { return false; }

  const RequestTimes& times() const { return times_; }

 private:
  Trace trace_;
  RequestTimes times_;
  int vocab_;
  std::size_t next_ = 0;
};

}  // namespace canopy
