// The oracle of the backends: one sequence, its whole context at once, in double, by the formulas of
// engine/model_shape.h. No cache, no blocks, no batch.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/model_shape.h"

namespace canopy::testing {

/// The synthetic weights, rounded to bf16 where the shape says so. One object per shape: making them takes longest.
class ReferenceTransformer {
 public:
  explicit ReferenceTransformer(const ModelShape& shape);

  /// Logits [tokens, vocab] after each token of a sequence. Keys and values are rounded as a cache would.
  std::vector<double> logits(std::span<const std::int32_t> tokens) const;

 private:
  struct Layer {
    std::vector<double> qkv;
    std::vector<double> output;
    std::vector<double> gateUp;
    std::vector<double> down;
    std::vector<double> attentionNorm;
    std::vector<double> ffnNorm;
  };

  double rounded(double x) const;

  ModelShape shape_;
  std::vector<Layer> layers_;
  std::vector<double> embedding_;
  std::vector<double> lmHead_;
  std::vector<double> finalNorm_;
};

/// The nearest bf16 to x, of two equally near the even one.
double roundToBf16(float x);

}  // namespace canopy::testing
