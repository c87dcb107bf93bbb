// Vectors of the host to and from a device's memory, and bf16 on the host, for suites.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "cuda/runtime.h"
#include "engine/synthetic_weights.h"

namespace canopy::testing {

inline float bf16ToFloat(cuda::bf16 value) {
  const std::uint32_t bits = static_cast<std::uint32_t>(value.bits) << 16;
  float result = 0.0F;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

/// Nearest even; not for NaN.
inline cuda::bf16 asBf16(float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return cuda::bf16{static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16)};
}

template <typename T>
cuda::DeviceArray<T> upload(const std::vector<T>& values, cudaStream_t stream) {
  cuda::DeviceArray<T> array(values.size(), "a suite's data");
  if (!values.empty()) {
    cuda::check(cudaMemcpyAsync(array.get(), values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice, stream),
                "cudaMemcpyAsync");
    cuda::check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
  }
  return array;
}

/// Waits for all work on the stream.
template <typename T>
std::vector<T> download(const cuda::DeviceArray<T>& array, cudaStream_t stream) {
  std::vector<T> values(array.size());
  if (!values.empty()) {
    cuda::check(cudaMemcpyAsync(values.data(), array.get(), values.size() * sizeof(T), cudaMemcpyDeviceToHost, stream),
                "cudaMemcpyAsync");
  }
  cuda::check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
  return values;
}

/// Memory full of NaN: what a kernel has to fill.
template <typename T>
cuda::DeviceArray<T> unfilled(std::size_t count, cudaStream_t stream) {
  cuda::DeviceArray<T> array(count, "a suite's data");
  cuda::check(cudaMemsetAsync(array.get(), 0xff, count * sizeof(T), stream), "cudaMemsetAsync");
  return array;
}

/// Seeded values in [-scale, scale).
inline std::vector<float> randomFloats(std::size_t count, std::uint64_t seed, float scale) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto top = static_cast<std::int64_t>(mixBits(mixBits(seed) ^ i) >> 40);
    values[i] = scale * static_cast<float>(top - (1 << 23)) / static_cast<float>(1 << 23);
  }
  return values;
}

inline std::vector<cuda::bf16> randomBf16(std::size_t count, std::uint64_t seed, float scale) {
  std::vector<cuda::bf16> values;
  values.reserve(count);
  for (const float value : randomFloats(count, seed, scale)) values.push_back(asBf16(value));
  return values;
}

}  // namespace canopy::testing
