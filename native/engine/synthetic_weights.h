// Weights without a download: a counter-based hash, so that every backend makes the same model, in any order.
//
// Never zeros or constants: a device's power depends on the bits it moves, and denormals slow a CPU down.
#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#define CANOPY_HOST_DEVICE __host__ __device__
#else
#define CANOPY_HOST_DEVICE
#endif

namespace canopy {

/// Matrices of a layer, and those outside the layers (layer 0). Row-major [rows, columns], y = W x.
enum class Matrix : std::uint32_t {
  embedding = 0,  ///< [vocab, hidden]
  qkv = 1,        ///< [(heads + 2 kvHeads) headDim, hidden]: queries, keys, values
  output = 2,     ///< [hidden, heads headDim]
  gateUp = 3,     ///< [2 ffn, hidden]: gate, up
  down = 4,       ///< [hidden, ffn]
  lmHead = 5,     ///< [vocab, hidden]
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

/// Uniform in [-1, 1) with 24 bits, the same on every machine.
CANOPY_HOST_DEVICE inline float uniformWeight(std::uint32_t layer, Matrix matrix, std::uint64_t index) {
  const std::uint64_t stream = mixBits((static_cast<std::uint64_t>(layer) << 8) | static_cast<std::uint64_t>(matrix));
  const std::uint64_t bits = mixBits(stream ^ index);
  const auto top = static_cast<std::int32_t>(bits >> 40);  // 24 bits
  return static_cast<float>(top - (1 << 23)) * (1.0F / static_cast<float>(1 << 23));
}

/// A weight with variance 1 / fanIn, as uniform * sqrt(3 / fanIn); `scale` is that root, computed once by the caller in
/// float. Norm gains are 1 + 0.1 uniform.
CANOPY_HOST_DEVICE inline float syntheticWeight(std::uint32_t layer, Matrix matrix, std::uint64_t index, float scale) {
  return scale * uniformWeight(layer, matrix, index);
}

}  // namespace canopy
