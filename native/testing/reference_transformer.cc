#include "testing/reference_transformer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/synthetic_weights.h"

namespace canopy::testing {

namespace {

using Vector = std::vector<double>;

Vector matrixOf(const ModelShape& shape, int layer, Matrix name, std::size_t count) {
  const float scale = weightScale(shape, name);
  Vector values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const float weight = syntheticWeight(static_cast<std::uint32_t>(layer), name, i, scale);
    values[i] = shape.weights == WeightType::bf16 ? roundToBf16(weight) : static_cast<double>(weight);
  }
  return values;
}

Vector gainsOf(const ModelShape& shape, int layer, Matrix name) {
  Vector gains(static_cast<std::size_t>(shape.hidden));
  for (std::size_t i = 0; i < gains.size(); ++i) {
    gains[i] = static_cast<double>(syntheticGain(static_cast<std::uint32_t>(layer), name, i));
  }
  return gains;
}

Vector times(const Vector& matrix, const Vector& x) {
  Vector y(matrix.size() / x.size());
  for (std::size_t row = 0; row < y.size(); ++row) {
    for (std::size_t k = 0; k < x.size(); ++k) y[row] += matrix[row * x.size() + k] * x[k];
  }
  return y;
}

Vector norm(const Vector& x, const Vector& gains, float epsilon) {
  double squares = 0.0;
  for (const double value : x) squares += value * value;
  const double inverse = 1.0 / std::sqrt(squares / static_cast<double>(x.size()) + static_cast<double>(epsilon));
  Vector y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = x[i] * inverse * gains[i];
  return y;
}

void rotate(double* head, int headDim, int position, float theta) {
  const int half = headDim / 2;
  for (int i = 0; i < half; ++i) {
    const double angle = position * std::pow(static_cast<double>(theta), -2.0 * i / headDim);
    const double a = head[i];
    const double b = head[i + half];
    head[i] = a * std::cos(angle) - b * std::sin(angle);
    head[i + half] = a * std::sin(angle) + b * std::cos(angle);
  }
}

void add(Vector& x, const Vector& y) {
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
}

}  // namespace

double roundToBf16(float x) {
  // The spacing of bf16 at x is 2^(exponent - 8), where x = mantissa 2^exponent with 0.5 <= |mantissa| < 1.
  int exponent = 0;
  std::frexp(x, &exponent);
  const double spacing = std::ldexp(1.0, exponent - 8);
  return std::nearbyint(static_cast<double>(x) / spacing) * spacing;
}

ReferenceTransformer::ReferenceTransformer(const ModelShape& shape) : shape_(shape) {
  const auto hidden = static_cast<std::size_t>(shape.hidden);
  const auto ffn = static_cast<std::size_t>(shape.ffn);
  const auto vocab = static_cast<std::size_t>(shape.vocab);
  const auto attended = static_cast<std::size_t>(shape.heads * shape.headDim);
  for (int index = 0; index < shape.layers; ++index) {
    Layer layer;
    layer.qkv = matrixOf(shape, index, Matrix::qkv, static_cast<std::size_t>(shape.qkvRows()) * hidden);
    layer.output = matrixOf(shape, index, Matrix::output, hidden * attended);
    layer.gateUp = matrixOf(shape, index, Matrix::gateUp, 2 * ffn * hidden);
    layer.down = matrixOf(shape, index, Matrix::down, hidden * ffn);
    layer.attentionNorm = gainsOf(shape, index, Matrix::attentionNorm);
    layer.ffnNorm = gainsOf(shape, index, Matrix::ffnNorm);
    layers_.push_back(std::move(layer));
  }
  embedding_ = matrixOf(shape, 0, Matrix::embedding, vocab * hidden);
  lmHead_ = matrixOf(shape, 0, Matrix::lmHead, vocab * hidden);
  finalNorm_ = gainsOf(shape, 0, Matrix::finalNorm);
}

double ReferenceTransformer::rounded(double x) const {
  return shape_.weights == WeightType::bf16 ? roundToBf16(static_cast<float>(x)) : x;
}

std::vector<double> ReferenceTransformer::logits(std::span<const std::int32_t> tokens) const {
  const std::size_t count = tokens.size();
  const auto hidden = static_cast<std::size_t>(shape_.hidden);
  const auto headDim = static_cast<std::size_t>(shape_.headDim);
  const auto heads = static_cast<std::size_t>(shape_.heads);
  const auto kvHeads = static_cast<std::size_t>(shape_.kvHeads);
  std::vector<Vector> stream;
  for (const std::int32_t token : tokens) {
    const auto row = embedding_.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(token) * hidden);
    stream.emplace_back(row, row + static_cast<std::ptrdiff_t>(hidden));
  }
  for (const Layer& layer : layers_) {
    std::vector<Vector> qkv;
    for (std::size_t t = 0; t < count; ++t) {
      qkv.push_back(times(layer.qkv, norm(stream[t], layer.attentionNorm, shape_.normEpsilon)));
      for (std::size_t h = 0; h < heads + kvHeads; ++h) {
        rotate(qkv[t].data() + h * headDim, shape_.headDim, static_cast<int>(t), shape_.ropeTheta);
      }
      for (std::size_t i = heads * headDim; i < qkv[t].size(); ++i) qkv[t][i] = rounded(qkv[t][i]);
    }
    for (std::size_t t = 0; t < count; ++t) {
      Vector attended(heads * headDim);
      for (std::size_t h = 0; h < heads; ++h) {
        const std::size_t kvHead = h / (heads / kvHeads);
        const std::size_t keyAt = (heads + kvHead) * headDim;
        const std::size_t valueAt = (heads + kvHeads + kvHead) * headDim;
        Vector weights(t + 1);
        for (std::size_t s = 0; s <= t; ++s) {
          for (std::size_t d = 0; d < headDim; ++d) weights[s] += qkv[t][h * headDim + d] * qkv[s][keyAt + d];
          weights[s] /= std::sqrt(static_cast<double>(headDim));
        }
        const double most = *std::max_element(weights.begin(), weights.end());
        double total = 0.0;
        for (double& weight : weights) total += weight = std::exp(weight - most);
        for (std::size_t s = 0; s <= t; ++s) {
          for (std::size_t d = 0; d < headDim; ++d) {
            attended[h * headDim + d] += weights[s] / total * qkv[s][valueAt + d];
          }
        }
      }
      add(stream[t], times(layer.output, attended));
      const Vector both = times(layer.gateUp, norm(stream[t], layer.ffnNorm, shape_.normEpsilon));
      Vector gated(both.size() / 2);
      for (std::size_t i = 0; i < gated.size(); ++i) {
        gated[i] = both[i] / (1.0 + std::exp(-both[i])) * both[gated.size() + i];
      }
      add(stream[t], times(layer.down, gated));
    }
  }
  std::vector<double> result;
  for (std::size_t t = 0; t < count; ++t) {
    const Vector row = times(lmHead_, norm(stream[t], finalNorm_, shape_.normEpsilon));
    result.insert(result.end(), row.begin(), row.end());
  }
  return result;
}

}  // namespace canopy::testing
