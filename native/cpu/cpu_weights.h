// The synthetic weights in the layout of the CPU's kernels.
#pragma once

#include <vector>

#include "cpu/kernels.h"
#include "cpu/page_buffer.h"
#include "cpu/thread_pool.h"
#include "engine/model_shape.h"

namespace canopy::cpu {

struct LayerWeights {
  PackedMatrix qkv;
  PackedMatrix output;
  PackedMatrix gateUp;
  PackedMatrix down;
  std::vector<float> attentionNorm;
  std::vector<float> ffnNorm;
};

/// All weights of a model; read-only once made.
class CpuWeights {
 public:
  /// Fills them with all threads of the pool, each its part, so that pages lie near who reads them.
  CpuWeights(const ModelShape& shape, const Kernels& kernels, ThreadPool& pool);

  const LayerWeights& layer(int index) const { return layers_[static_cast<std::size_t>(index)]; }
  const PackedMatrix& lmHead() const { return lmHead_; }
  const std::vector<float>& finalNorm() const { return finalNorm_; }
  /// x [hidden] of a token.
  void embed(std::int32_t token, float* x) const;

  /// Bytes that a model takes, padding included.
  static std::size_t bytesOf(const ModelShape& shape, const Kernels& kernels);

 private:
  bool bf16_;
  std::size_t hidden_;
  PageBuffer panels_;
  PageBuffer embedding_;  ///< [vocab, hidden], not packed
  std::vector<LayerWeights> layers_;
  PackedMatrix lmHead_;
  std::vector<float> finalNorm_;
};

}  // namespace canopy::cpu
