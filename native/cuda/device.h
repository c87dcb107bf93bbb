// What kernels are written with, so that one source compiles for a GPU (nvcc) and for a CPU (g++ or clang++ with
// CANOPY_CUDA_EMULATION, against testing/cuda_emulation.h).
//
// Rules of a .cu file here:
// - kernels are started with launch(), never with <<<>>>;
// - shared memory is dynamic: DYNAMIC_SHARED(type, name), cut into parts by hand. The emulation fills it with NaN for
//   every block and checks its bounds, which it could not do for __shared__ variables;
// - unrolling is asked for with UNROLL and UNROLL_BY(times);
// - every instruction that C++ has no word for is one function below, in inline PTX, and has a twin of the same name
//   in testing/cuda_emulation.h, written from the fragment tables of the PTX ISA (chapter "Warp-level matrix
//   instructions"). PTX text itself is seen only by ptxas and by a GPU.
#pragma once

#include "cuda/runtime.h"

#if defined(CANOPY_CUDA_EMULATION)

#include "testing/cuda_emulation.h"

#elif defined(__CUDACC__)

#define CANOPY_PRAGMA(text) _Pragma(#text)
#define UNROLL CANOPY_PRAGMA(unroll)
#define UNROLL_BY(times) CANOPY_PRAGMA(unroll times)
// From a whole line of banks on: cp.async and ldmatrix want 16 bytes, the swizzles of the kernels a line.
#define DYNAMIC_SHARED(type, name)                                \
  extern __shared__ __align__(128) unsigned char dynamicShared[]; \
  type* name = reinterpret_cast<type*>(dynamicShared)

namespace canopy::cuda {

inline constexpr unsigned fullWarp = 0xffffffffU;

__device__ inline float toFloat(bf16 value) { return __uint_as_float(static_cast<unsigned>(value.bits) << 16); }

/// Two bf16 in one register, nearest even; `low` is the one at the lower address.
__device__ inline std::uint32_t packBf16(float low, float high) {
  std::uint32_t packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}

__device__ inline bf16 toBf16(float value) { return bf16{static_cast<std::uint16_t>(packBf16(value, 0.0F))}; }

/// 16 bytes that are read once: past L1.
__device__ inline uint4 loadStreaming(const void* address) {
  uint4 value;
  asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(value.x), "=r"(value.y), "=r"(value.z), "=r"(value.w)
               : "l"(address));
  return value;
}

__device__ inline std::uint32_t sharedAddress(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

/// Begins to copy 16 bytes to shared memory; zeros where `valid` is false (the address still has to be a sound one).
/// Nothing is there before cpAsyncWait, and nothing of other threads' copies before a barrier after it.
__device__ inline void cpAsync16(void* shared, const void* global, bool valid) {
  const int bytes = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
               :
               : "r"(sharedAddress(shared)), "l"(global), "r"(bytes)
               : "memory");
}

/// Closes this thread's current group of copies.
__device__ inline void cpAsyncCommit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

/// Waits until at most the `newest` youngest groups of this thread are still under way.
template <int newest>
__device__ inline void cpAsyncWait() {
  asm volatile("cp.async.wait_group %0;" : : "n"(newest) : "memory");
}

/// Four 8x8 tiles of bf16; lane 8 i + r gives the address of row r of tile i, lane l gets of each tile the two values
/// of row l / 4 at columns 2 (l % 4) and the next.
__device__ inline void ldmatrix4(std::uint32_t (&fragment)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(fragment[0]), "=r"(fragment[1]), "=r"(fragment[2]), "=r"(fragment[3])
               : "r"(sharedAddress(row))
               : "memory");
}

/// The same, each tile transposed.
__device__ inline void ldmatrix4Transposed(std::uint32_t (&fragment)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(fragment[0]), "=r"(fragment[1]), "=r"(fragment[2]), "=r"(fragment[3])
               : "r"(sharedAddress(row))
               : "memory");
}

/// d += a b on tensor cores: a is 16x16 by rows, b 16x8 by columns, d 16x8 in fp32. With g = lane / 4, t = lane % 4:
/// a[0..3] hold rows g, g + 8, g, g + 8 at columns 2t (first two) and 2t + 8; b[0..1] hold rows 2t and 2t + 8 of
/// column g; d[0..1] row g, d[2..3] row g + 8 at columns 2t and 2t + 1.
__device__ inline void mma16816(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// Starts a kernel; throws CudaError. `name` is for that message.
template <typename... Parameters, typename... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t sharedBytes,
            cudaStream_t stream, Arguments... arguments) {
  if (sharedBytes > 48 * 1024) {
    check(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(sharedBytes)),
          "cudaFuncSetAttribute", name);
  }
  kernel<<<grid, block, sharedBytes, stream>>>(static_cast<Parameters>(arguments)...);
  check(cudaGetLastError(), "kernel launch", name);
}

}  // namespace canopy::cuda

#endif

#if defined(CANOPY_CUDA_EMULATION) || defined(__CUDACC__)

namespace canopy::cuda {

/// The two bf16 of a register as floats; index 0 is the lower address.
__device__ inline float unpackBf16(std::uint32_t packed, int index) {
  return toFloat(bf16{static_cast<std::uint16_t>(index == 0 ? packed : packed >> 16)});
}

__device__ inline float warpSum(float value) {
  UNROLL
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(fullWarp, value, distance);
  return value;
}

/// Sum over a block of at most 1,024 threads, the same in every thread. `scratch`: 32 floats of shared memory, which
/// may be used again only after another barrier.
__device__ inline float blockSum(float value, float* scratch) {
  const int thread = static_cast<int>(threadIdx.x);
  value = warpSum(value);
  if (thread % 32 == 0) scratch[thread / 32] = value;
  __syncthreads();
  const int warps = (static_cast<int>(blockDim.x) + 31) / 32;
  return warpSum(thread % 32 < warps ? scratch[thread % 32] : 0.0F);
}

}  // namespace canopy::cuda

#endif
