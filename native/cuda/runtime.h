// CUDA's runtime for host code: errors with call, code and text, and an owner for every handle. Compiles against the
// toolkit, or against testing/cuda_emulation.h with CANOPY_CUDA_EMULATION.
#pragma once

#if defined(CANOPY_CUDA_EMULATION)
#include "testing/cuda_runtime_emulation.h"
#else
#include <cuda_runtime_api.h>
#endif

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace canopy::cuda {

/// Bits of a bfloat16, on both sides.
struct bf16 {
  std::uint16_t bits;
};

/// "cudaMalloc (key/value cache, 12.5 GiB): cudaErrorMemoryAllocation (2), out of memory"
class CudaError : public std::runtime_error {
 public:
  CudaError(cudaError_t status, const char* call, const std::string& what)
      : std::runtime_error(std::string(call) + (what.empty() ? "" : " (" + what + ")") + ": " +
                           cudaGetErrorName(status) + " (" + std::to_string(static_cast<int>(status)) + "), " +
                           cudaGetErrorString(status)),
        code(status) {}
  cudaError_t code;
};

/// Takes an error off the runtime's record. Where a failed call stays there, the next launch of this thread, sound as
/// it may be, is told of it by cudaGetLastError.
inline void forget(cudaError_t status) {
  if (status != cudaSuccess) (void)cudaGetLastError();
}

inline void check(cudaError_t status, const char* call, const std::string& what = {}) {
  if (status == cudaSuccess) return;
  forget(status);
  throw CudaError(status, call, what);
}

inline std::string gibibytes(std::size_t bytes) {
  const auto tenths = static_cast<long long>(static_cast<double>(bytes) / (1ULL << 30) * 10.0 + 0.5);
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " GiB";
}

/// A handle and the function that gives it back. Errors of that function are dropped: it runs in destructors.
template <typename T, cudaError_t (*release)(T)>
class Handle {
 public:
  Handle() = default;
  explicit Handle(T value) : value_(value) {}
  Handle(Handle&& other) noexcept : value_(std::exchange(other.value_, T{})) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Handle() {
    if (value_ != T{}) forget(release(value_));
  }
  T get() const { return value_; }

 private:
  T value_{};
};

using Stream = Handle<cudaStream_t, cudaStreamDestroy>;
using Event = Handle<cudaEvent_t, cudaEventDestroy>;
using Graph = Handle<cudaGraph_t, cudaGraphDestroy>;
using GraphExec = Handle<cudaGraphExec_t, cudaGraphExecDestroy>;

inline Stream makeStream() {
  cudaStream_t stream{};
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  return Stream(stream);
}

inline Event makeEvent() {
  cudaEvent_t event{};
  check(cudaEventCreate(&event), "cudaEventCreate");
  return Event(event);
}

/// Memory of the device, not initialised. `what` is for the message when it does not fit.
template <typename T>
class DeviceArray {
 public:
  DeviceArray() = default;
  DeviceArray(std::size_t count, const std::string& what) : count_(count) {
    if (count == 0) return;
    void* pointer = nullptr;
    check(cudaMalloc(&pointer, count * sizeof(T)), "cudaMalloc", what + ", " + gibibytes(count * sizeof(T)));
    memory_ = Handle<void*, cudaFree>(pointer);
  }
  T* get() const { return static_cast<T*>(memory_.get()); }
  std::size_t size() const { return count_; }

 private:
  Handle<void*, cudaFree> memory_;
  std::size_t count_ = 0;
};

/// Memory of the host that the device copies from and to without a stop.
template <typename T>
class PinnedArray {
 public:
  PinnedArray() = default;
  PinnedArray(std::size_t count, const std::string& what) : count_(count) {
    if (count == 0) return;
    void* pointer = nullptr;
    check(cudaMallocHost(&pointer, count * sizeof(T)), "cudaMallocHost", what);
    memory_ = Handle<void*, cudaFreeHost>(pointer);
  }
  T* get() const { return static_cast<T*>(memory_.get()); }
  T& operator[](std::size_t index) const { return get()[index]; }
  std::size_t size() const { return count_; }

 private:
  Handle<void*, cudaFreeHost> memory_;
  std::size_t count_ = 0;
};

}  // namespace canopy::cuda
