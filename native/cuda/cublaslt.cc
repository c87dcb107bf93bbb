// Products through cuBLASLt. Compiled only where CMake finds CUDA::cublasLt.
#include <cublasLt.h>

#include <map>
#include <stdexcept>
#include <tuple>

#include "cuda/products.h"

namespace canopy::cuda {

namespace {

void checkLt(cublasStatus_t status, const char* call) {
  if (status != CUBLAS_STATUS_SUCCESS) {
    throw std::runtime_error(std::string(call) + ": " + cublasLtGetStatusName(status) + " (" +
                             std::to_string(static_cast<int>(status)) + "), " + cublasLtGetStatusString(status));
  }
}

inline constexpr std::size_t workspaceBytes = std::size_t{32} << 20;  // NVIDIA's advice for Hopper

template <typename T, cublasStatus_t (*destroy)(T)>
struct Owned {
  T handle{};
  Owned() = default;
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() {
    if (handle != nullptr) (void)destroy(handle);
  }
};

/// All that the library wants to know of one shape. Its matrices are by columns: y^T = w x^T, with w^T and x^T as they
/// lie.
struct Prepared {
  Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy> operation;
  Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy> w, x, y;
  cublasLtMatmulAlgo_t algorithm{};
};

void prepare(cublasLtHandle_t library, const Product& product, Prepared& out) {
  const auto m = static_cast<std::uint64_t>(product.m);
  const auto n = static_cast<std::uint64_t>(product.n);
  const auto k = static_cast<std::uint64_t>(product.k);
  const cublasOperation_t transpose = CUBLAS_OP_T;
  checkLt(cublasLtMatmulDescCreate(&out.operation.handle, CUBLAS_COMPUTE_32F, CUDA_R_32F), "cublasLtMatmulDescCreate");
  checkLt(
      cublasLtMatmulDescSetAttribute(out.operation.handle, CUBLASLT_MATMUL_DESC_TRANSA, &transpose, sizeof transpose),
      "cublasLtMatmulDescSetAttribute");
  const auto layout = [](cublasLtMatrixLayout_t& handle, cudaDataType_t type, std::uint64_t rows,
                         std::uint64_t columns) {
    checkLt(cublasLtMatrixLayoutCreate(&handle, type, rows, columns, static_cast<std::int64_t>(rows)),
            "cublasLtMatrixLayoutCreate");
  };
  layout(out.w.handle, CUDA_R_16BF, k, n);
  layout(out.x.handle, CUDA_R_16BF, k, m);
  layout(out.y.handle, product.fp32 ? CUDA_R_32F : CUDA_R_16BF, n, m);
  Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy> preference;
  checkLt(cublasLtMatmulPreferenceCreate(&preference.handle), "cublasLtMatmulPreferenceCreate");
  checkLt(cublasLtMatmulPreferenceSetAttribute(preference.handle, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                               &workspaceBytes, sizeof workspaceBytes),
          "cublasLtMatmulPreferenceSetAttribute");
  cublasLtMatmulHeuristicResult_t result{};
  int found = 0;
  checkLt(cublasLtMatmulAlgoGetHeuristic(library, out.operation.handle, out.w.handle, out.x.handle, out.y.handle,
                                         out.y.handle, preference.handle, 1, &result, &found),
          "cublasLtMatmulAlgoGetHeuristic");
  if (found == 0) throw std::runtime_error("cublasLtMatmulAlgoGetHeuristic: no algorithm for this shape");
  out.algorithm = result.algo;
}

}  // namespace

struct CublasLt::State {
  Owned<cublasLtHandle_t, cublasLtDestroy> library;
  DeviceArray<unsigned char> workspace{workspaceBytes, "cuBLASLt's workspace"};
  std::map<std::tuple<int, int, int, bool>, Prepared> prepared;
};

CublasLt::CublasLt() : state_(std::make_unique<State>()) {
  checkLt(cublasLtCreate(&state_->library.handle), "cublasLtCreate");
}

CublasLt::~CublasLt() = default;

void CublasLt::run(const Product& product, cudaStream_t stream) {
  const auto [found, isNew] = state_->prepared.try_emplace({product.m, product.n, product.k, product.fp32});
  Prepared& shape = found->second;
  if (isNew) {
    try {
      prepare(state_->library.handle, product, shape);
    } catch (...) {
      state_->prepared.erase(found);
      throw;
    }
  }
  const float one = 1.0F;
  const float zero = 0.0F;
  checkLt(cublasLtMatmul(state_->library.handle, shape.operation.handle, &one, product.w, shape.w.handle, product.x,
                         shape.x.handle, &zero, product.y, shape.y.handle, product.y, shape.y.handle, &shape.algorithm,
                         state_->workspace.get(), workspaceBytes, stream),
          "cublasLtMatmul");
}

std::string CublasLt::version() const { return std::to_string(cublasLtGetVersion()); }

}  // namespace canopy::cuda
