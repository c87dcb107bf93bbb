// Passes over arrays, written so that compilers turn the loops into vectors of the instruction set of the function that
// they are inlined into. Only kernels.cc includes this.
#pragma once

#include <cmath>

#include "dense/gemm_body.h"

namespace canopy::dense {

CANOPY_INLINE void addBiasBody(float* __restrict y, const float* __restrict bias, std::ptrdiff_t rows,
                               std::ptrdiff_t columns, bool relu) {
  for (std::ptrdiff_t r = 0; r < rows; ++r) {
    float* __restrict line = y + r * columns;
    if (relu) {
      for (std::ptrdiff_t j = 0; j < columns; ++j) {
        const float x = line[j] + bias[j];
        line[j] = x < 0.0F ? 0.0F : x;  // a NaN stays one
      }
    } else {
      for (std::ptrdiff_t j = 0; j < columns; ++j) line[j] += bias[j];
    }
  }
}

CANOPY_INLINE void reluGradientBody(float* __restrict gradient, const float* __restrict output, std::ptrdiff_t count) {
  for (std::ptrdiff_t i = 0; i < count; ++i) gradient[i] = output[i] <= 0.0F ? 0.0F : gradient[i];
}

CANOPY_INLINE void tanhGradientBody(float* __restrict gradient, const float* __restrict output, std::ptrdiff_t count) {
  for (std::ptrdiff_t i = 0; i < count; ++i) gradient[i] *= 1.0F - output[i] * output[i];
}

CANOPY_INLINE void columnSumsBody(float* __restrict sums, const float* __restrict x, std::ptrdiff_t rows,
                                  std::ptrdiff_t columns) {
  for (std::ptrdiff_t j = 0; j < columns; ++j) sums[j] = 0.0F;
  for (std::ptrdiff_t r = 0; r < rows; ++r) {
    const float* __restrict line = x + r * columns;
    for (std::ptrdiff_t j = 0; j < columns; ++j) sums[j] += line[j];
  }
}

CANOPY_INLINE void adamBody(const AdamArguments& s) {
  float* __restrict parameters = s.parameters;
  const float* __restrict gradients = s.gradients;
  float* __restrict moment1 = s.moment1;
  float* __restrict moment2 = s.moment2;
  const float rest1 = 1.0F - s.beta1;
  const float rest2 = 1.0F - s.beta2;
  const float beta1 = s.beta1;
  const float beta2 = s.beta2;
  const float stepSize = s.stepSize;
  const float rootScale = s.rootScale;
  const float epsilon = s.epsilon;
  for (std::ptrdiff_t i = 0; i < s.count; ++i) {
    const float g = gradients[i];
    const float first = beta1 * moment1[i] + rest1 * g;
    const float second = beta2 * moment2[i] + rest2 * (g * g);
    moment1[i] = first;
    moment2[i] = second;
    parameters[i] -= stepSize * first / (std::sqrt(second) * rootScale + epsilon);
  }
}

CANOPY_INLINE void polyakBody(float* __restrict target, const float* __restrict source, std::ptrdiff_t count,
                              float tau) {
  const float rest = 1.0F - tau;
  for (std::ptrdiff_t i = 0; i < count; ++i) target[i] = tau * source[i] + rest * target[i];
}

}  // namespace canopy::dense
