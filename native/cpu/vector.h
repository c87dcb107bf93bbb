// Vectors of floats and of words over the compilers' own extension, `bytes` long. Only the *_body.h files and
// kernels.cc include this.
//
// What is here takes the instruction set of the function that it is inlined into; so all is forced inline, and no
// vector is passed or returned by value: its size is no part of the ABI of the rest of the addon.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#define CANOPY_INLINE [[gnu::always_inline]] inline

namespace canopy::cpu {

template <int bytes>
struct VectorsOf {
  static constexpr int lanes = bytes / 4;
  using Floats [[gnu::vector_size(bytes)]] = float;
  using Words [[gnu::vector_size(bytes)]] = std::uint32_t;
  using Integers [[gnu::vector_size(bytes)]] = std::int32_t;
  using Longs [[gnu::vector_size(bytes)]] = std::uint64_t;
};

template <int bytes>
using Floats = typename VectorsOf<bytes>::Floats;
template <int bytes>
using Words = typename VectorsOf<bytes>::Words;
template <int bytes>
using Integers = typename VectorsOf<bytes>::Integers;
template <int bytes>
using Longs = typename VectorsOf<bytes>::Longs;

template <typename V>
CANOPY_INLINE void load(V* to, const void* from) {
  std::memcpy(to, from, sizeof(V));
}

template <typename V>
CANOPY_INLINE void store(void* to, const V* from) {
  std::memcpy(to, from, sizeof(V));
}

/// The two floats of each pair of bf16.
template <int bytes>
CANOPY_INLINE void splitPairs(const Words<bytes>* pairs, Floats<bytes>* even, Floats<bytes>* odd) {
  *even = reinterpret_cast<Floats<bytes>>(*pairs << 16);
  *odd = reinterpret_cast<Floats<bytes>>(*pairs & 0xffff0000U);
}

/// The nearest bf16, of two equally near the even one. x must not be NaN.
CANOPY_INLINE std::uint16_t toBf16(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  return static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}

/// e^x within 2e-7 of it, relative. Below -87 the result is e^-87, above 88 e^88.
template <int bytes>
CANOPY_INLINE void exponential(Floats<bytes>* x) {
  using V = Floats<bytes>;
  constexpr float kLowest = -87.0F;
  constexpr float kHighest = 88.0F;
  // Adding it leaves the nearest integer in the low bits.
  constexpr float kShift = 12582912.0F;  // 1.5 * 2^23
  V v = *x;
  v = v < kLowest ? V{} + kLowest : v;
  v = v > kHighest ? V{} + kHighest : v;
  const V shifted = v * 1.44269504F + kShift;
  const V n = shifted - kShift;
  V r = v - n * 0.693359375F;
  r = r - n * -2.12194440e-4F;
  V p = r * 1.9875691500e-4F + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * (r * r) + r + 1.0F;
  const Words<bytes> exponent = reinterpret_cast<Words<bytes>>(shifted) << 23;
  *x = reinterpret_cast<V>(reinterpret_cast<Words<bytes>>(p) + exponent);
}

/// The sum of the lanes, in a fixed order.
template <int bytes>
CANOPY_INLINE float sumOf(const Floats<bytes>* x) {
  float lanes[bytes / 4];
  store(lanes, x);
  for (int width = bytes / 8; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  }
  return lanes[0];
}

}  // namespace canopy::cpu
