#include "cuda/products.h"

namespace canopy::cuda {

namespace {

inline constexpr int skinnyRows = 16;  // most rows of skinnyProduct

}  // namespace

#if defined(CANOPY_HAS_CUBLASLT)

Products::Products(int) {}

void Products::run(const Product& product, cudaStream_t stream) {
  if (product.m <= skinnyRows) {
    skinnyProduct(product, stream);
  } else {
    library_.run(product, stream);
  }
}

std::string Products::describe() const {
  return "own to " + std::to_string(skinnyRows) + " rows, above cuBLASLt " + library_.version();
}

#else

Products::Products(int multiprocessors)
    : multiprocessors_(multiprocessors), workspace_(tileWorkspace(multiprocessors), "partial sums of products") {}

void Products::run(const Product& product, cudaStream_t stream) {
  if (product.m <= skinnyRows) {
    skinnyProduct(product, stream);
  } else {
    tileProduct(product, planTiles(product.m, product.n, product.k, multiprocessors_), workspace_.get(), stream);
  }
}

std::string Products::describe() const { return "own, mma.sync m16n8k16 bf16"; }

#endif

}  // namespace canopy::cuda
