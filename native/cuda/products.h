// Which implementation computes a matrix product: cuBLASLt where the build has it (m > 16), else gemm.cu.
#pragma once

#include <memory>
#include <string>

#include "cuda/kernels.h"

namespace canopy::cuda {

#if defined(CANOPY_HAS_CUBLASLT)
class CublasLt {
 public:
  CublasLt();
  ~CublasLt();
  void run(const Product& product, cudaStream_t stream);
  std::string version() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};
#endif

/// Belongs to one thread.
class Products {
 public:
  explicit Products(int multiprocessors);

  void run(const Product& product, cudaStream_t stream);

  /// For a profile's record.
  std::string describe() const;

 private:
#if defined(CANOPY_HAS_CUBLASLT)
  CublasLt library_;
#else
  int multiprocessors_;
  DeviceArray<float> workspace_;
#endif
};

}  // namespace canopy::cuda
