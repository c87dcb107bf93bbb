#include "dense/kernels.h"

#include "dense/elementwise_body.h"
#include "dense/gemm_body.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace canopy::dense {

namespace {

// One set of functions per instruction set. target_clones would do the choosing too, but it splits and spills vectors
// that are wider than the registers of a clone.
#define CANOPY_KERNELS(NAME, TARGET, BYTES, ROWS, VECTORS)                                                            \
  struct NAME {                                                                                                       \
    TARGET static void gemm(const GemmArguments& g) { gemmBody<BYTES, ROWS, VECTORS>(g); }                            \
    TARGET static void addBias(float* y, const float* bias, std::ptrdiff_t rows, std::ptrdiff_t columns, bool relu) { \
      addBiasBody(y, bias, rows, columns, relu);                                                                      \
    }                                                                                                                 \
    TARGET static void reluGradient(float* gradient, const float* output, std::ptrdiff_t count) {                     \
      reluGradientBody(gradient, output, count);                                                                      \
    }                                                                                                                 \
    TARGET static void tanhGradient(float* gradient, const float* output, std::ptrdiff_t count) {                     \
      tanhGradientBody(gradient, output, count);                                                                      \
    }                                                                                                                 \
    TARGET static void columnSums(float* sums, const float* x, std::ptrdiff_t rows, std::ptrdiff_t columns) {         \
      columnSumsBody(sums, x, rows, columns);                                                                         \
    }                                                                                                                 \
    TARGET static void adam(const AdamArguments& s) { adamBody(s); }                                                  \
    TARGET static void polyak(float* target, const float* source, std::ptrdiff_t count, float tau) {                  \
      polyakBody(target, source, count, tau);                                                                         \
    }                                                                                                                 \
    static constexpr Kernels table{gemm, addBias, reluGradient, tanhGradient, columnSums, adam, polyak};              \
  }

CANOPY_KERNELS(Baseline, , 16, 6, 2);

#if defined(__x86_64__)
CANOPY_KERNELS(Avx2, __attribute__((target("avx2,fma"))), 32, 6, 2);

// Wide vectors have to be asked for: g++ halves them by default on these CPUs. clang uses them where it finds them.
#if defined(__clang__)
#define CANOPY_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))
#else
#define CANOPY_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,prefer-vector-width=512")))
#endif
CANOPY_KERNELS(Avx512, CANOPY_AVX512, 64, 8, 2);
#endif

}  // namespace

const Kernels& kernelsOf(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return Avx512::table;
  if (isa == Isa::avx2) return Avx2::table;
#endif
  (void)isa;
  return Baseline::table;
}

#if defined(__x86_64__)
constexpr unsigned kFlushToZero = 0x8000;
constexpr unsigned kDenormalsAreZero = 0x0040;

FlushDenormals::FlushDenormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | kFlushToZero | kDenormalsAreZero); }
FlushDenormals::~FlushDenormals() { _mm_setcsr(saved_); }
#else
FlushDenormals::FlushDenormals() = default;
FlushDenormals::~FlushDenormals() = default;
#endif

}  // namespace canopy::dense
