// makeCudaBackend of a build without CUDA.
#include <stdexcept>

#include "cuda/device_state.h"
#include "engine/backend.h"

namespace canopy {

std::unique_ptr<Backend> makeCudaBackend(const ModelShape&, const BackendLimits&, const CudaOptions&) {
  throw std::runtime_error(cudaState().reason);
}

}  // namespace canopy
