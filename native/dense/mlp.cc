#include "dense/mlp.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace canopy::dense {

Activation activationFrom(const std::string& name) {
  if (name == "linear") return Activation::linear;
  if (name == "relu") return Activation::relu;
  if (name == "tanh") return Activation::tanh;
  throw std::invalid_argument("activation '" + name + "': expected linear, relu or tanh");
}

std::ptrdiff_t MlpShape::parameterCount() const {
  std::ptrdiff_t count = 0;
  for (std::size_t layer = 0; layer < layers(); ++layer) count += (sizes[layer] + 1) * sizes[layer + 1];
  return count;
}

Mlp::Mlp(MlpShape shape, Isa isa) : shape_(std::move(shape)), kernels_(&kernelsOf(isa)) {
  if (shape_.activations.empty() || shape_.sizes.size() != shape_.activations.size() + 1) {
    throw std::invalid_argument(
        "a network needs at least one layer, and one activation for each: " + std::to_string(shape_.sizes.size()) +
        " sizes and " + std::to_string(shape_.activations.size()) + " activations were given");
  }
  if (std::any_of(shape_.sizes.begin(), shape_.sizes.end(), [](std::ptrdiff_t size) { return size < 1; })) {
    throw std::invalid_argument("every layer needs at least one unit");
  }
  values_.resize(shape_.sizes.size());
}

void Mlp::forward(const float* parameters, const float* inputs, std::ptrdiff_t rows, float* outputs) {
  const FlushDenormals guard;
  rows_ = 0;  // until all is there: backward must not read what an allocation that failed left short
  values_[0].assign(inputs, inputs + rows * shape_.inputs());
  const float* weights = parameters;
  for (std::size_t layer = 0; layer < shape_.layers(); ++layer) {
    const std::ptrdiff_t in = shape_.sizes[layer];
    const std::ptrdiff_t out = shape_.sizes[layer + 1];
    const Activation activation = shape_.activations[layer];
    std::vector<float>& y = values_[layer + 1];
    y.resize(static_cast<std::size_t>(rows * out));
    GemmArguments product;
    product.m = rows;
    product.n = out;
    product.k = in;
    product.a = values_[layer].data();
    product.b = weights;
    product.c = y.data();
    kernels_->gemm(product);
    kernels_->addBias(y.data(), weights + in * out, rows, out, activation == Activation::relu);
    if (activation == Activation::tanh) {
      // In double, as JavaScript's: a vector version would differ between instruction sets.
      for (float& x : y) x = static_cast<float>(std::tanh(static_cast<double>(x)));
    }
    weights += (in + 1) * out;
  }
  std::copy(values_.back().begin(), values_.back().end(), outputs);
  rows_ = rows;
}

void Mlp::backward(const float* parameters, const float* outputGradients, float* parameterGradients,
                   float* inputGradients) {
  const FlushDenormals guard;
  delta_.assign(outputGradients, outputGradients + rows_ * shape_.outputs());
  std::ptrdiff_t offset = shape_.parameterCount();
  for (std::size_t layer = shape_.layers(); layer-- > 0;) {
    const std::ptrdiff_t in = shape_.sizes[layer];
    const std::ptrdiff_t out = shape_.sizes[layer + 1];
    offset -= (in + 1) * out;
    const float* y = values_[layer + 1].data();
    if (shape_.activations[layer] == Activation::relu) kernels_->reluGradient(delta_.data(), y, rows_ * out);
    if (shape_.activations[layer] == Activation::tanh) kernels_->tanhGradient(delta_.data(), y, rows_ * out);
    if (parameterGradients != nullptr) {
      GemmArguments product;
      product.transA = true;
      product.m = in;
      product.n = out;
      product.k = rows_;
      product.a = values_[layer].data();
      product.b = delta_.data();
      product.c = parameterGradients + offset;
      kernels_->gemm(product);
      kernels_->columnSums(parameterGradients + offset + in * out, delta_.data(), rows_, out);
    }
    if (layer == 0 && inputGradients == nullptr) return;
    if (layer > 0) below_.resize(static_cast<std::size_t>(rows_ * in));
    GemmArguments product;
    product.transB = true;
    product.m = rows_;
    product.n = in;
    product.k = out;
    product.a = delta_.data();
    product.b = parameters + offset;
    product.c = layer > 0 ? below_.data() : inputGradients;
    kernels_->gemm(product);
    std::swap(delta_, below_);
  }
}

}  // namespace canopy::dense
