// A fully connected network in float32: forward and backward for a batch, on parameters that the caller owns.
//
// Parameters lie layer by layer, each as weights [inputs, outputs] row-major and then biases [outputs]; gradients lie
// the same way. One thread at a time per object; the parameters may be read by others meanwhile.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "dense/kernels.h"

namespace canopy::dense {

enum class Activation { linear, relu, tanh };

/// Throws std::invalid_argument on another word than linear, relu or tanh.
Activation activationFrom(const std::string& name);

struct MlpShape {
  std::vector<std::ptrdiff_t> sizes;    ///< units: inputs, hidden layers, outputs
  std::vector<Activation> activations;  ///< one per layer: sizes.size() - 1

  std::size_t layers() const { return activations.size(); }
  std::ptrdiff_t inputs() const { return sizes.front(); }
  std::ptrdiff_t outputs() const { return sizes.back(); }
  std::ptrdiff_t parameterCount() const;
};

class Mlp {
 public:
  /// Throws std::invalid_argument where the shape is none, or has a layer without units.
  Mlp(MlpShape shape, Isa isa);

  const MlpShape& shape() const { return shape_; }
  /// Rows of the last forward; 0 before the first.
  std::ptrdiff_t rows() const { return rows_; }

  /// outputs [rows, outputs] of inputs [rows, inputs]. Keeps what backward needs, a copy of the inputs included.
  void forward(const float* parameters, const float* inputs, std::ptrdiff_t rows, float* outputs);

  /// Gradients of a loss whose gradient by the outputs of the last forward is outputGradients [rows, outputs]:
  /// parameterGradients [parameterCount] and inputGradients [rows, inputs] are overwritten; either may be null.
  /// `parameters` have to be those of that forward.
  void backward(const float* parameters, const float* outputGradients, float* parameterGradients,
                float* inputGradients);

 private:
  MlpShape shape_;
  const Kernels* kernels_;
  std::ptrdiff_t rows_ = 0;
  std::vector<std::vector<float>> values_;  // the inputs, then each layer's outputs, of the last forward
  std::vector<float> delta_;                // gradient by the outputs of the layer at hand
  std::vector<float> below_;                // gradient by its inputs
};

}  // namespace canopy::dense
