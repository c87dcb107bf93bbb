#include "cpu/cpu_weights.h"

#include <algorithm>
#include <cstring>

#include "engine/synthetic_weights.h"

namespace canopy::cpu {

namespace {

/// Rows of the embedding that one task makes.
constexpr int kRowsOfTask = 64;
/// Panels that one task makes.
constexpr int kPanelsOfTask = 4;

PackedMatrix shapedMatrix(const ModelShape& shape, const Kernels& kernels, int rows, int depth, bool halves) {
  PackedMatrix matrix;
  matrix.rows = rows;
  matrix.depth = depth;
  matrix.bf16 = shape.weights == WeightType::bf16;
  matrix.halves = halves;
  const int rowsOfPanel = halves ? kernels.lanes : kernels.panelRows();
  const int covered = halves ? rows / 2 : rows;
  matrix.panels = (covered + rowsOfPanel - 1) / rowsOfPanel;
  const std::size_t words =
      matrix.bf16 ? roundUp(static_cast<std::size_t>(depth), 2) / 2 : static_cast<std::size_t>(depth);
  matrix.panelBytes = words * 4 * static_cast<std::size_t>(kernels.panelRows());
  return matrix;
}

std::size_t bytesOf(const PackedMatrix& matrix) { return static_cast<std::size_t>(matrix.panels) * matrix.panelBytes; }

LayerWeights shapedLayer(const ModelShape& shape, const Kernels& kernels) {
  LayerWeights layer;
  layer.qkv = shapedMatrix(shape, kernels, shape.qkvRows(), shape.hidden, false);
  layer.output = shapedMatrix(shape, kernels, shape.hidden, shape.heads * shape.headDim, false);
  layer.gateUp = shapedMatrix(shape, kernels, 2 * shape.ffn, shape.hidden, true);
  layer.down = shapedMatrix(shape, kernels, shape.hidden, shape.ffn, false);
  return layer;
}

std::size_t bytesOf(const LayerWeights& layer) {
  return bytesOf(layer.qkv) + bytesOf(layer.output) + bytesOf(layer.gateUp) + bytesOf(layer.down);
}

std::size_t embeddingBytesOf(const ModelShape& shape) {
  return static_cast<std::size_t>(shape.vocab) * static_cast<std::size_t>(shape.hidden) *
         static_cast<std::size_t>(shape.bytesPerWeight());
}

std::vector<float> gainsOf(std::uint32_t layer, Matrix name, int hidden) {
  std::vector<float> gains(static_cast<std::size_t>(hidden));
  for (std::size_t i = 0; i < gains.size(); ++i) gains[i] = syntheticGain(layer, name, i);
  return gains;
}

}  // namespace

std::size_t CpuWeights::bytesOf(const ModelShape& shape, const Kernels& kernels) {
  return static_cast<std::size_t>(shape.layers) * cpu::bytesOf(shapedLayer(shape, kernels)) +
         cpu::bytesOf(shapedMatrix(shape, kernels, shape.vocab, shape.hidden, false)) + embeddingBytesOf(shape);
}

CpuWeights::CpuWeights(const ModelShape& shape, const Kernels& kernels, ThreadPool& pool)
    : bf16_(shape.weights == WeightType::bf16),
      hidden_(static_cast<std::size_t>(shape.hidden)),
      panels_(bytesOf(shape, kernels) - embeddingBytesOf(shape)),
      embedding_(embeddingBytesOf(shape)),
      lmHead_(shapedMatrix(shape, kernels, shape.vocab, shape.hidden, false)),
      finalNorm_(gainsOf(0, Matrix::finalNorm, shape.hidden)) {
  char* place = panels_.as<char>();
  const auto make = [&](PackedMatrix& matrix, int layer, Matrix name) {
    matrix.data = place;
    place += cpu::bytesOf(matrix);
    const float scale = weightScale(shape, name);
    const int tasks = (matrix.panels + kPanelsOfTask - 1) / kPanelsOfTask;
    pool.run(tasks, [&](int task, int) {
      const int first = task * kPanelsOfTask;
      kernels.fillPanels(matrix, static_cast<std::uint32_t>(layer), name, scale, first,
                         std::min(first + kPanelsOfTask, matrix.panels));
    });
  };
  for (int index = 0; index < shape.layers; ++index) {
    LayerWeights layer = shapedLayer(shape, kernels);
    make(layer.qkv, index, Matrix::qkv);
    make(layer.output, index, Matrix::output);
    make(layer.gateUp, index, Matrix::gateUp);
    make(layer.down, index, Matrix::down);
    layer.attentionNorm = gainsOf(static_cast<std::uint32_t>(index), Matrix::attentionNorm, shape.hidden);
    layer.ffnNorm = gainsOf(static_cast<std::uint32_t>(index), Matrix::ffnNorm, shape.hidden);
    layers_.push_back(std::move(layer));
  }
  make(lmHead_, 0, Matrix::lmHead);
  const float scale = weightScale(shape, Matrix::embedding);
  const auto each = static_cast<std::size_t>(shape.bytesPerWeight());
  pool.run((shape.vocab + kRowsOfTask - 1) / kRowsOfTask, [&](int task, int) {
    const std::size_t first = static_cast<std::size_t>(task) * kRowsOfTask;
    const std::size_t end = std::min(first + kRowsOfTask, static_cast<std::size_t>(shape.vocab));
    kernels.fillArray(embedding_.as<char>() + first * hidden_ * each, bf16_, 0, Matrix::embedding, first * hidden_,
                      end * hidden_, scale);
  });
}

void CpuWeights::embed(std::int32_t token, float* x) const {
  const std::size_t first = static_cast<std::size_t>(token) * hidden_;
  if (!bf16_) {
    std::memcpy(x, embedding_.as<float>() + first, hidden_ * sizeof(float));
    return;
  }
  const std::uint16_t* row = embedding_.as<std::uint16_t>() + first;
  for (std::size_t i = 0; i < hidden_; ++i) {
    const std::uint32_t bits = static_cast<std::uint32_t>(row[i]) << 16;
    std::memcpy(x + i, &bits, sizeof(bits));
  }
}

}  // namespace canopy::cpu
