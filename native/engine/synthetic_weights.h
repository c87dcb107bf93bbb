// Weights without a download: a counter-based hash, so that every backend makes the same model, in any order.
//
// Never zeros or constants: a device's power depends on the bits it moves, and denormals slow a CPU down.
#pragma once

#include <cmath>
#include <cstdint>

#include "engine/model_shape.h"

#if defined(__CUDACC__)
#define CANOPY_HOST_DEVICE __host__ __device__
#else
#define CANOPY_HOST_DEVICE
#endif

namespace canopy {

/// Matrices of a layer, and those outside the layers (layer 0). Row-major [rows, columns], y = W x.
enum class Matrix : std::uint32_t {
  embedding = 0,      ///< [vocab, hidden]
  qkv = 1,            ///< [(heads + 2 kvHeads) headDim, hidden]: queries, keys, values
  output = 2,         ///< [hidden, heads headDim]
  gateUp = 3,         ///< [2 ffn, hidden]: gate, up
  down = 4,           ///< [hidden, ffn]
  lmHead = 5,         ///< [vocab, hidden]
  attentionNorm = 6,  ///< [hidden]
  ffnNorm = 7,        ///< [hidden]
  finalNorm = 8,      ///< [hidden]
};

/// splitmix64's finaliser.
CANOPY_HOST_DEVICE inline std::uint64_t mixBits(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// Sets the indices of one matrix apart from those of the others.
CANOPY_HOST_DEVICE inline std::uint64_t weightStream(std::uint32_t layer, Matrix matrix) {
  return mixBits((static_cast<std::uint64_t>(layer) << 8) | static_cast<std::uint64_t>(matrix));
}

/// Uniform in [-1, 1) with 24 bits, the same on every machine.
CANOPY_HOST_DEVICE inline float uniformWeight(std::uint32_t layer, Matrix matrix, std::uint64_t index) {
  const std::uint64_t bits = mixBits(weightStream(layer, matrix) ^ index);
  const auto top = static_cast<std::int32_t>(bits >> 40);  // 24 bits
  return static_cast<float>(top - (1 << 23)) * (1.0F / static_cast<float>(1 << 23));
}

/// Inputs of a row of the matrix. The embedding's rows have variance 1, as the stream they start.
inline std::int64_t fanInOf(const ModelShape& shape, Matrix matrix) {
  switch (matrix) {
    case Matrix::output:
      return std::int64_t{shape.heads} * shape.headDim;
    case Matrix::down:
      return shape.ffn;
    case Matrix::embedding:
      return 1;
    default:
      return shape.hidden;
  }
}

/// What a matrix's uniform values are multiplied by: sqrt(3 / fanIn), for variance 1 / fanIn.
inline float weightScale(const ModelShape& shape, Matrix matrix) {
  return std::sqrt(3.0F / static_cast<float>(fanInOf(shape, matrix)));
}

/// A weight before it is rounded to the type of the weights; `scale` is weightScale, computed once by the caller.
CANOPY_HOST_DEVICE inline float syntheticWeight(std::uint32_t layer, Matrix matrix, std::uint64_t index, float scale) {
  return scale * uniformWeight(layer, matrix, index);
}

/// A gain of a norm. Gains stay fp32 whatever the type of the weights.
CANOPY_HOST_DEVICE inline float syntheticGain(std::uint32_t layer, Matrix matrix, std::uint64_t index) {
  return 1.0F + 0.1F * uniformWeight(layer, matrix, index);
}

}  // namespace canopy
