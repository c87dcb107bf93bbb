// The shape of a dense Llama-architecture model (RMSNorm, RoPE, grouped-query attention, SwiGLU, untied lm_head), and
// what its forward computes. x is the residual stream [hidden], W the matrices of engine/synthetic_weights.h:
//
//   x = embedding[token]
//   per layer: q, k, v = Wqkv norm(x);  x += Woutput attention(rope(q), rope(k), v);
//              gate, up = WgateUp norm(x);  x += Wdown (silu(gate) * up)
//   logits = WlmHead norm(x)
//
//   norm(x)[i]  = gain[i] x[i] / sqrt(mean(x^2) + normEpsilon)
//   rope        turns the pair (i, i + headDim / 2) of a head by the angle position * ropeTheta^(-2 i / headDim)
//   attention   of query head h reads key/value head h / (heads / kvHeads): softmax(q k / sqrt(headDim)) v, causal
//   silu(g)     = g / (1 + exp(-g))
//
// The next token is the argmax of the logits, of equal ones the lowest. The cache holds rope(k) and v in the type of
// the weights.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace canopy {

enum class WeightType : std::uint8_t { fp32, bf16 };

/// One model, or one tensor-parallel shard of one: heads, kvHeads, ffn and vocab are what this shard holds.
struct ModelShape {
  std::string name;
  int layers = 0;
  int hidden = 0;
  int heads = 0;    ///< query heads
  int kvHeads = 0;  ///< key/value heads; divides heads
  int headDim = 0;
  int ffn = 0;  ///< intermediate size of SwiGLU
  int vocab = 0;
  int maxTokens = 0;  ///< longest sequence, prompt and output
  float ropeTheta = 10000.0F;
  float normEpsilon = 1e-5F;
  WeightType weights = WeightType::bf16;
  int tensorParallel = 1;  ///< of which this is one shard

  int bytesPerWeight() const { return weights == WeightType::bf16 ? 2 : 4; }
  /// Rows of the fused query, key and value projection.
  int qkvRows() const { return (heads + 2 * kvHeads) * headDim; }
  std::int64_t parameterCount() const;
  std::int64_t weightBytes() const { return parameterCount() * bytesPerWeight(); }
  /// Keys and values of one token over all layers; the cache has the weights' type.
  std::int64_t kvBytesPerToken() const { return std::int64_t{2} * layers * kvHeads * headDim * bytesPerWeight(); }
};

/// What a shape breaks, in words; empty where it is sound.
std::string problemOf(const ModelShape& shape);

/// Names that presetShape knows.
std::vector<std::string> presetNames();

/// tiny, 1b, llama-3-8b, or llama-3-70b as the shard of `tensorParallel` GPUs.
/// Throws std::invalid_argument on an unknown name, or a degree that does not divide the heads.
ModelShape presetShape(const std::string& name, int tensorParallel = 1);

}  // namespace canopy
