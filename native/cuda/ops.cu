// Kernels that move each value once: bound by memory, so each works on 16 bytes (eight bf16) at a time.
#include <cmath>

#include "cuda/device.h"
#include "cuda/kernels.h"

namespace canopy::cuda {

namespace {

inline constexpr int vector = 8;  ///< bf16 in 16 bytes

__device__ inline void unpack8(const uint4& packed, float (&values)[vector]) {
  const std::uint32_t words[4] = {packed.x, packed.y, packed.z, packed.w};
  UNROLL
  for (int i = 0; i < vector; ++i) values[i] = unpackBf16(words[i / 2], i % 2);
}

__device__ inline uint4 pack8(const float (&values)[vector]) {
  return make_uint4(packBf16(values[0], values[1]), packBf16(values[2], values[3]), packBf16(values[4], values[5]),
                    packBf16(values[6], values[7]));
}

__device__ inline void load8(const float* from, float (&values)[vector]) {
  const float4 low = reinterpret_cast<const float4*>(from)[0];
  const float4 high = reinterpret_cast<const float4*>(from)[1];
  values[0] = low.x;
  values[1] = low.y;
  values[2] = low.z;
  values[3] = low.w;
  values[4] = high.x;
  values[5] = high.y;
  values[6] = high.z;
  values[7] = high.w;
}

__device__ inline void store8(float* to, const float (&values)[vector]) {
  reinterpret_cast<float4*>(to)[0] = make_float4(values[0], values[1], values[2], values[3]);
  reinterpret_cast<float4*>(to)[1] = make_float4(values[4], values[5], values[6], values[7]);
}

unsigned blocksFor(std::uint64_t items, unsigned perBlock) {
  return static_cast<unsigned>((items + perBlock - 1) / perBlock);
}

// ---- fillWeights: a grid over all values, each thread every gridSize-th.

__global__ void __launch_bounds__(256)
    fillKernel(bf16* out, std::uint64_t count, std::uint32_t layer, Matrix matrix, float scale) {
  const std::uint64_t step = std::uint64_t{gridDim.x} * blockDim.x;
  for (std::uint64_t i = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) {
    out[i] = toBf16(syntheticWeight(layer, matrix, i, scale));
  }
}

// ---- embed: one block per token.

__global__ void __launch_bounds__(256)
    embedKernel(const std::int32_t* tokens, const bf16* table, float* residual, int hidden) {
  const bf16* row = table + static_cast<std::size_t>(tokens[blockIdx.x]) * hidden;
  float* out = residual + static_cast<std::size_t>(blockIdx.x) * hidden;
  for (int i = static_cast<int>(threadIdx.x) * vector; i < hidden; i += static_cast<int>(blockDim.x) * vector) {
    float values[vector];
    unpack8(*reinterpret_cast<const uint4*>(row + i), values);
    store8(out + i, values);
  }
}

// ---- addAndNormalize: one block per row. Shared memory: 32 floats for the sum over the block.
//
// The sum of squares needs the whole row before the first value can be scaled; the second pass reads what the same
// thread wrote in the first, which L1 still holds.

__global__ void __launch_bounds__(256)
    normalizeKernel(float* residual, const bf16* delta, const float* gain, const std::int32_t* rowIndex, bf16* out,
                    int hidden, float epsilon) {
  DYNAMIC_SHARED(float, scratch);
  const std::size_t from =
      static_cast<std::size_t>(rowIndex == nullptr ? static_cast<int>(blockIdx.x) : rowIndex[blockIdx.x]) *
      static_cast<std::size_t>(hidden);
  const std::size_t to = static_cast<std::size_t>(blockIdx.x) * static_cast<std::size_t>(hidden);
  const int first = static_cast<int>(threadIdx.x) * vector;
  const int step = static_cast<int>(blockDim.x) * vector;
  float squares = 0.0F;
  for (int i = first; i < hidden; i += step) {
    float values[vector];
    load8(residual + from + i, values);
    if (delta != nullptr) {
      float added[vector];
      unpack8(*reinterpret_cast<const uint4*>(delta + from + i), added);
      UNROLL
      for (int j = 0; j < vector; ++j) values[j] += added[j];
      store8(residual + from + i, values);
    }
    UNROLL
    for (int j = 0; j < vector; ++j) squares += values[j] * values[j];
  }
  const float scale = rsqrtf(blockSum(squares, scratch) / static_cast<float>(hidden) + epsilon);
  for (int i = first; i < hidden; i += step) {
    float values[vector];
    float gains[vector];
    load8(residual + from + i, values);
    load8(gain + i, gains);
    UNROLL
    for (int j = 0; j < vector; ++j) values[j] *= scale * gains[j];
    *reinterpret_cast<uint4*>(out + to + i) = pack8(values);
  }
}

// ---- ropeAndCache: one block per token; a thread turns two neighbouring pairs of a head, or copies four values.

__global__ void __launch_bounds__(128) ropeKernel(bf16* qkv, const float* turns, const std::int32_t* positions,
                                                  const std::int32_t* slots, PagedCache cache, int heads, int headDim) {
  const int token = static_cast<int>(blockIdx.x);
  const int slot = slots[token];
  const int half = headDim / 2;
  const int kvHeads = cache.kvHeads;
  bf16* row = qkv + static_cast<std::size_t>(token) * static_cast<std::size_t>((heads + 2 * kvHeads) * headDim);
  const float* cosines = turns + static_cast<std::size_t>(positions[token]) * static_cast<std::size_t>(headDim);
  const float* sines = cosines + half;
  const int blockTokens = 1 << cache.blockShift;
  const std::size_t cacheBlock = static_cast<std::size_t>(slot < 0 ? 0 : slot >> cache.blockShift);
  const int offset = slot & (blockTokens - 1);
  const int workOfHead = half / 2;
  for (int item = static_cast<int>(threadIdx.x); item < (heads + 2 * kvHeads) * workOfHead;
       item += static_cast<int>(blockDim.x)) {
    const int head = item / workOfHead;
    const int i = item % workOfHead * 2;
    auto* low = reinterpret_cast<std::uint32_t*>(row + head * headDim + i);
    auto* high = reinterpret_cast<std::uint32_t*>(row + head * headDim + half + i);
    std::uint32_t turnedLow = *low;
    std::uint32_t turnedHigh = *high;
    if (head < heads + kvHeads) {
      float newLow[2];
      float newHigh[2];
      UNROLL
      for (int j = 0; j < 2; ++j) {
        const float a = unpackBf16(*low, j);
        const float b = unpackBf16(*high, j);
        newLow[j] = a * cosines[i + j] - b * sines[i + j];
        newHigh[j] = b * cosines[i + j] + a * sines[i + j];
      }
      turnedLow = packBf16(newLow[0], newLow[1]);
      turnedHigh = packBf16(newHigh[0], newHigh[1]);
    }
    if (head < heads) {
      *low = turnedLow;
      *high = turnedHigh;
    } else if (slot >= 0) {
      const bool isKey = head < heads + kvHeads;
      const int kvHead = isKey ? head - heads : head - heads - kvHeads;
      bf16* target = (isKey ? cache.keys : cache.values) +
                     ((cacheBlock * kvHeads + kvHead) * blockTokens + offset) * static_cast<std::size_t>(headDim);
      *reinterpret_cast<std::uint32_t*>(target + i) = turnedLow;
      *reinterpret_cast<std::uint32_t*>(target + half + i) = turnedHigh;
    }
  }
}

// ---- siluMultiply: a grid over [T, ffn / 8].

__global__ void __launch_bounds__(256) siluKernel(const bf16* gateUp, bf16* out, std::uint64_t vectors, int ffn) {
  const std::uint64_t item = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (item >= vectors) return;
  const std::uint64_t perRow = static_cast<std::uint64_t>(ffn) / vector;
  const bf16* gate = gateUp + (item / perRow * 2 * perRow + item % perRow) * vector;
  float gates[vector];
  float ups[vector];
  unpack8(*reinterpret_cast<const uint4*>(gate), gates);
  unpack8(*reinterpret_cast<const uint4*>(gate + ffn), ups);
  UNROLL
  for (int i = 0; i < vector; ++i) gates[i] = gates[i] / (1.0F + expf(-gates[i])) * ups[i];
  *reinterpret_cast<uint4*>(out + item * vector) = pack8(gates);
}

// ---- argmaxRows: one block per row. Shared memory: a value and an index for each of 32 warps.

__device__ inline void keepLarger(float& value, int& index, float otherValue, int otherIndex) {
  if (otherValue > value || (otherValue == value && otherIndex < index)) {
    value = otherValue;
    index = otherIndex;
  }
}

__device__ inline void warpArgmax(float& value, int& index) {
  UNROLL
  for (int distance = 16; distance > 0; distance /= 2) {
    const float otherValue = __shfl_xor_sync(fullWarp, value, distance);
    const int otherIndex = __shfl_xor_sync(fullWarp, index, distance);
    keepLarger(value, index, otherValue, otherIndex);
  }
}

__global__ void __launch_bounds__(1024) argmaxKernel(const float* logits, std::int32_t* out, int columns) {
  DYNAMIC_SHARED(float, values);
  int* indices = reinterpret_cast<int*>(values + 32);
  const float* row = logits + static_cast<std::size_t>(blockIdx.x) * static_cast<std::size_t>(columns);
  const int thread = static_cast<int>(threadIdx.x);
  float value = -INFINITY;
  int index = columns;  // behind every real one
  for (int i = thread; i < columns; i += static_cast<int>(blockDim.x)) {
    if (row[i] > value || (index == columns && row[i] == value)) {
      value = row[i];
      index = i;
    }
  }
  warpArgmax(value, index);
  if (thread % 32 == 0) {
    values[thread / 32] = value;
    indices[thread / 32] = index;
  }
  __syncthreads();
  if (thread < 32) {
    const int warps = static_cast<int>(blockDim.x) / 32;
    value = thread < warps ? values[thread] : -INFINITY;
    index = thread < warps ? indices[thread] : columns;
    warpArgmax(value, index);
    if (thread == 0) out[blockIdx.x] = index < columns ? index : 0;  // nothing but NaN
  }
}

}  // namespace

void fillWeights(bf16* out, std::uint64_t count, std::uint32_t layer, Matrix matrix, float scale, cudaStream_t stream) {
  const unsigned blocks = blocksFor(count, 256 * 8);
  launch("fillWeights", fillKernel, blocks < 65536 ? blocks : 65536, 256, 0, stream, out, count, layer, matrix, scale);
}

void embed(const std::int32_t* tokens, const bf16* table, float* residual, int tokenCount, int hidden,
           cudaStream_t stream) {
  launch("embed", embedKernel, static_cast<unsigned>(tokenCount), 256, 0, stream, tokens, table, residual, hidden);
}

void addAndNormalize(float* residual, const bf16* delta, const float* gain, const std::int32_t* rowIndex, bf16* out,
                     int rows, int hidden, float epsilon, cudaStream_t stream) {
  launch("addAndNormalize", normalizeKernel, static_cast<unsigned>(rows), 256, 32 * sizeof(float), stream, residual,
         delta, gain, rowIndex, out, hidden, epsilon);
}

void ropeAndCache(bf16* qkv, const float* turns, const std::int32_t* positions, const std::int32_t* slots,
                  const PagedCache& cache, int tokenCount, int heads, int headDim, cudaStream_t stream) {
  launch("ropeAndCache", ropeKernel, static_cast<unsigned>(tokenCount), 128, 0, stream, qkv, turns, positions, slots,
         cache, heads, headDim);
}

void siluMultiply(const bf16* gateUp, bf16* out, int tokenCount, int ffn, cudaStream_t stream) {
  const auto vectors = static_cast<std::uint64_t>(tokenCount) * static_cast<std::uint64_t>(ffn) / vector;
  launch("siluMultiply", siluKernel, blocksFor(vectors, 256), 256, 0, stream, gateUp, out, vectors, ffn);
}

void argmaxRows(const float* logits, std::int32_t* out, int rows, int columns, cudaStream_t stream) {
  launch("argmaxRows", argmaxKernel, static_cast<unsigned>(rows), 1024, 64 * sizeof(float), stream, logits, out,
         columns);
}

}  // namespace canopy::cuda
