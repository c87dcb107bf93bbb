// Kernels of dense networks in float32, one set per instruction set. Matrices are row-major and contiguous.
//
// Deterministic: one thread; each element of a product is summed in one accumulator in the order of k, in blocks of
// kBlock. avx2 and avx512 fuse multiply and add, baseline rounds the product first: those differ in the last bits.
// Stateless and reentrant: any number of threads may call them on buffers that nobody else writes.
#pragma once

#include <cstddef>

#include "dense/isa.h"

namespace canopy::dense {

/// c [m, n] = alpha op(a) op(b) + beta c, where op(a) is [m, k] and op(b) is [k, n].
struct GemmArguments {
  bool transA = false;  ///< a is stored [k, m]
  bool transB = false;  ///< b is stored [n, k]
  std::ptrdiff_t m = 0;
  std::ptrdiff_t n = 0;
  std::ptrdiff_t k = 0;
  float alpha = 1.0F;
  const float* a = nullptr;
  const float* b = nullptr;
  float beta = 0.0F;   ///< 0: c is not read, so that it may hold NaN
  float* c = nullptr;  ///< overlaps neither a nor b
};

/// Adam of Kingma and Ba with the bias corrections folded into two factors of this step:
///   moment1 = beta1 moment1 + (1 - beta1) g;  moment2 = beta2 moment2 + (1 - beta2) g^2
///   parameter -= stepSize moment1 / (sqrt(moment2) rootScale + epsilon)
struct AdamArguments {
  std::ptrdiff_t count = 0;
  float* parameters = nullptr;
  const float* gradients = nullptr;
  float* moment1 = nullptr;
  float* moment2 = nullptr;
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float stepSize = 0.0F;   ///< learning rate / (1 - beta1^t)
  float rootScale = 1.0F;  ///< 1 / sqrt(1 - beta2^t)
  float epsilon = 1e-8F;
};

struct Kernels {
  void (*gemm)(const GemmArguments&);
  /// y [rows, columns] += bias [columns], below zero to zero where `relu`.
  void (*addBias)(float* y, const float* bias, std::ptrdiff_t rows, std::ptrdiff_t columns, bool relu);
  /// gradient = 0 where output is not above 0.
  void (*reluGradient)(float* gradient, const float* output, std::ptrdiff_t count);
  /// gradient *= 1 - output^2.
  void (*tanhGradient)(float* gradient, const float* output, std::ptrdiff_t count);
  /// sums [columns] of x [rows, columns] over the rows, in their order.
  void (*columnSums)(float* sums, const float* x, std::ptrdiff_t rows, std::ptrdiff_t columns);
  void (*adam)(const AdamArguments&);
  /// target = tau source + (1 - tau) target.
  void (*polyak)(float* target, const float* source, std::ptrdiff_t count, float tau);
};

/// The kernels of an instruction set that this CPU has (chooseIsa).
const Kernels& kernelsOf(Isa isa);

/// While it lives, this thread takes denormals for zero. Adam's moments of a unit that stays silent decay into
/// denormals, which cost a hundred cycles each.
class FlushDenormals {
 public:
  FlushDenormals();
  ~FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  unsigned saved_ = 0;
};

}  // namespace canopy::dense
