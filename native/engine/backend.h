// What computes a step: one implementation for CPUs (cpu/), one for CUDA (cuda/).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>

#include "engine/model_shape.h"
#include "engine/step_plan.h"

namespace canopy {

/// Sizes that are fixed for the life of a backend, so that a step allocates nothing.
struct BackendLimits {
  int blocks = 0;  ///< blocks of the KV cache
  int blockTokens = 16;
  int maxTokens = 0;     ///< most tokens of one step
  int maxSequences = 0;  ///< most sequences of one step
};

/// Thrown by a run that Backend::cancel ended.
struct StepCancelled : std::runtime_error {
  StepCancelled() : std::runtime_error("the step was cancelled") {}
};

/// The KV cache starts with plausible values in every slot, not with zeros: a measurement may decode over a context
/// that was never computed.
class Backend {
 public:
  virtual ~Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  /// Computes the plan and writes the argmax of the logits of each sampled sequence to its place in `nextTokens` [S];
  /// others are left alone. Returns when the tokens are there. Called from one thread.
  virtual void run(const StepPlan& plan, std::span<std::int32_t> nextTokens) = 0;

  /// From any thread: where steps may take seconds, the one under way throws StepCancelled soon, and the cache then
  /// holds anything. Later steps are not affected. A backend with short steps ignores it.
  virtual void cancel() {}

  /// Logits [S, vocab] of the last step, row by sequence; rows of sequences that were not sampled are undefined.
  /// For tests: may be slow.
  virtual void copyLogits(std::span<float> logits) = 0;

  /// Time that the last step took on the device, in ms; negative where only the host's clock tells.
  virtual double lastDeviceMilliseconds() const { return -1.0; }

  /// Names and versions for a profile's record: instruction set, threads, GEMM, device.
  virtual std::map<std::string, std::string> describe() const = 0;

 protected:
  Backend() = default;
};

/// Weights are synthetic (engine/synthetic_weights.h) and the same for every backend.
struct CpuOptions {
  int threads = 0;           ///< 0: one for each physical core that this process may use
  std::string isa = "auto";  ///< auto, avx512, avx2, baseline
};
std::unique_ptr<Backend> makeCpuBackend(const ModelShape& shape, const BackendLimits& limits,
                                        const CpuOptions& options);

struct CudaOptions {
  int device = 0;      ///< CUDA's own index
  bool graphs = true;  ///< replay a captured graph per batch bucket in pure decode steps
};
/// Throws std::runtime_error where this build has no CUDA or the device cannot be used.
std::unique_ptr<Backend> makeCudaBackend(const ModelShape& shape, const BackendLimits& limits,
                                         const CudaOptions& options);

}  // namespace canopy
