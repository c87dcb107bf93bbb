// A load that keeps the batch full: a finished sequence is replaced at once.
#pragma once

#include "engine/load_source.h"

namespace canopy {

struct ClosedLoopOptions {
  int batch = 1;
  int promptTokens = 1;
  int outputTokens = 1;
  /// Sequences begin with their prompt and one output as if computed elsewhere: all steps decode, none waits for a
  /// prefill. What the cache holds for them was never computed, which changes no time.
  bool contextInCache = false;
  std::uint64_t seed = 1;
};

/// The first `batch` sequences begin at random places of their outputs, spread evenly, so that their ends do not fall
/// together and the contexts are those of a loop that has run for long. With one output per sequence it is a load of
/// prefills.
///
/// Steady are the steps in which all `batch` sequences decode and nobody prefills; with one output per sequence, those
/// that only prefill.
class ClosedLoop final : public LoadSource {
 public:
  /// Throws std::invalid_argument where the scheduler or the model cannot hold the whole batch at its longest.
  ClosedLoop(const ClosedLoopOptions& options, const Scheduler& scheduler, int vocab, int maxModelTokens);

  void submitArrived(std::int64_t nowNs, Scheduler& scheduler) override;
  std::optional<std::int64_t> nextArrivalNs() const override;
  void produced(const Sequence& sequence, std::int64_t endNs) override;
  bool isSteady(const Formation& formation) const override;

 private:
  int startOf(int index) const;

  ClosedLoopOptions options_;
  int vocab_;
  int missing_;
  std::int32_t nextRequest_ = 0;
};

}  // namespace canopy
