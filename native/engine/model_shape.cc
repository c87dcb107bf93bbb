#include "engine/model_shape.h"

#include <stdexcept>
#include <utility>

namespace canopy {

std::int64_t ModelShape::parameterCount() const {
  const auto h = std::int64_t{hidden};
  const std::int64_t attention = h * qkvRows() + h * heads * headDim;
  const std::int64_t perLayer = attention + 3 * h * ffn + 2 * h;
  return layers * perLayer + 2 * h * vocab + h;
}

std::string problemOf(const ModelShape& shape) {
  if (shape.layers < 1 || shape.hidden < 1 || shape.heads < 1 || shape.kvHeads < 1 || shape.headDim < 1 ||
      shape.ffn < 1 || shape.vocab < 2 || shape.maxTokens < 1) {
    return "layers, hidden, heads, kvHeads, headDim, ffn and maxTokens have to be at least 1, vocab at least 2";
  }
  // Their products stay within an int64, and what a grid or a row's index takes within an int.
  constexpr std::int64_t mostUnits = 4'000'000;
  for (const auto& [name, units] :
       {std::pair<const char*, std::int64_t>{"hidden", shape.hidden},
        {"(heads + 2 kvHeads) headDim", (std::int64_t{shape.heads} + 2 * std::int64_t{shape.kvHeads}) * shape.headDim},
        {"2 ffn", 2 * std::int64_t{shape.ffn}},
        {"vocab", shape.vocab},
        {"maxTokens", shape.maxTokens}}) {
    if (units > mostUnits) {
      return std::string(name) + " is " + std::to_string(units) + ": at most " + std::to_string(mostUnits);
    }
  }
  if (shape.layers > 1000) return "layers is " + std::to_string(shape.layers) + ": at most 1000";
  if (shape.heads % shape.kvHeads != 0) return "kvHeads has to divide heads";
  if (shape.headDim % 2 != 0) return "headDim has to be even: RoPE turns pairs";
  return "";
}

namespace {

ModelShape shapeOf(std::string name, int layers, int hidden, int heads, int kvHeads, int headDim, int ffn, int vocab,
                   int maxTokens, float ropeTheta) {
  ModelShape shape;
  shape.name = std::move(name);
  shape.layers = layers;
  shape.hidden = hidden;
  shape.heads = heads;
  shape.kvHeads = kvHeads;
  shape.headDim = headDim;
  shape.ffn = ffn;
  shape.vocab = vocab;
  shape.maxTokens = maxTokens;
  shape.ropeTheta = ropeTheta;
  return shape;
}

std::vector<ModelShape> presets() {
  return {
      // About 30 M parameters: a sweep on two cores takes seconds.
      shapeOf("tiny", 6, 512, 8, 4, 64, 1408, 4096, 2048, 10000.0F),
      // Llama 3.2 1B's shape, with an lm_head of its own.
      shapeOf("1b", 16, 2048, 32, 8, 64, 8192, 128256, 8192, 500000.0F),
      shapeOf("llama-3-8b", 32, 4096, 32, 8, 128, 14336, 128256, 8192, 500000.0F),
      shapeOf("llama-3-70b", 80, 8192, 64, 8, 128, 28672, 128256, 8192, 500000.0F),
  };
}

}  // namespace

std::vector<std::string> presetNames() {
  std::vector<std::string> names;
  for (const ModelShape& shape : presets()) names.push_back(shape.name);
  return names;
}

ModelShape presetShape(const std::string& name, int tensorParallel) {
  for (ModelShape shape : presets()) {
    if (shape.name != name) continue;
    if (tensorParallel < 1 || shape.kvHeads % tensorParallel != 0 || shape.ffn % tensorParallel != 0 ||
        shape.vocab % tensorParallel != 0) {
      throw std::invalid_argument("tensorParallel " + std::to_string(tensorParallel) + " has to divide the " +
                                  std::to_string(shape.kvHeads) + " key/value heads of " + name);
    }
    shape.heads /= tensorParallel;
    shape.kvHeads /= tensorParallel;
    shape.ffn /= tensorParallel;
    shape.vocab /= tensorParallel;
    shape.tensorParallel = tensorParallel;
    return shape;
  }
  std::string known;
  for (const std::string& preset : presetNames()) known += (known.empty() ? "" : ", ") + preset;
  throw std::invalid_argument("no model shape '" + name + "': expected one of " + known);
}

}  // namespace canopy
