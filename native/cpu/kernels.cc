#include "cpu/kernels.h"

#include "cpu/attention_body.h"
#include "cpu/product_body.h"
#include "cpu/rows_body.h"

namespace canopy::cpu {

CacheLayout cacheLayoutOf(const ModelShape& shape, int blockTokens) {
  CacheLayout layout;
  layout.headDim = shape.headDim;
  layout.kvHeads = shape.kvHeads;
  layout.blockTokens = blockTokens;
  layout.bf16 = shape.weights == WeightType::bf16;
  layout.keyStride = roundUp(static_cast<std::size_t>(blockTokens), kMostLanes);
  // Values are read two vectors at a time.
  layout.valueStride = roundUp(static_cast<std::size_t>(shape.headDim), 2 * kMostLanes);
  const auto each = static_cast<std::size_t>(shape.bytesPerWeight());
  layout.keyBytes = roundUp(static_cast<std::size_t>(shape.headDim), 2) * layout.keyStride * each;
  layout.valueBytes = roundUp(static_cast<std::size_t>(blockTokens), 2) * layout.valueStride * each;
  layout.blockBytes = static_cast<std::size_t>(shape.kvHeads) * (layout.keyBytes + layout.valueBytes);
  return layout;
}

namespace {

// One set of functions per instruction set. target_clones would do the choosing too, but it splits and spills vectors
// that are wider than the registers of a clone.
#define CANOPY_KERNELS(NAME, TARGET, BYTES, TILE_TOKENS)                                                             \
  struct NAME {                                                                                                      \
    TARGET static void fillPanels(const PackedMatrix& matrix, std::uint32_t layer, Matrix name, float scale,         \
                                  int firstPanel, int endPanel) {                                                    \
      if (matrix.bf16) {                                                                                             \
        fillPanelsBody<BYTES, true>(matrix, layer, name, scale, firstPanel, endPanel);                               \
      } else {                                                                                                       \
        fillPanelsBody<BYTES, false>(matrix, layer, name, scale, firstPanel, endPanel);                              \
      }                                                                                                              \
    }                                                                                                                \
    TARGET static void fillArray(void* to, bool bf16, std::uint32_t layer, Matrix name, std::uint64_t first,         \
                                 std::uint64_t end, float scale) {                                                   \
      if (bf16) {                                                                                                    \
        fillArrayBody<BYTES, true>(to, layer, name, first, end, scale);                                              \
      } else {                                                                                                       \
        fillArrayBody<BYTES, false>(to, layer, name, first, end, scale);                                             \
      }                                                                                                              \
    }                                                                                                                \
    TARGET static void multiply(const Product& product, int firstPanel, int endPanel, int firstTile, int endTile) {  \
      multiplyBody<BYTES, TILE_TOKENS>(product, firstPanel, endPanel, firstTile, endTile);                           \
    }                                                                                                                \
    TARGET static void normTile(const float* const* rows, int tokens, int hidden, const float* gains, float epsilon, \
                                float* output) {                                                                     \
      normTileBody<BYTES>(rows, tokens, hidden, gains, epsilon, output);                                             \
    }                                                                                                                \
    TARGET static void rotateAndStore(const RotateAndStore& work) {                                                  \
      if (work.layout->bf16) {                                                                                       \
        rotateAndStoreBody<true>(work);                                                                              \
      } else {                                                                                                       \
        rotateAndStoreBody<false>(work);                                                                             \
      }                                                                                                              \
    }                                                                                                                \
    TARGET static void attend(const Attention& work) {                                                               \
      if (work.layout->bf16) {                                                                                       \
        attendBody<BYTES, TILE_TOKENS, true>(work);                                                                  \
      } else {                                                                                                       \
        attendBody<BYTES, TILE_TOKENS, false>(work);                                                                 \
      }                                                                                                              \
    }                                                                                                                \
    TARGET static std::uint32_t sumWords(const std::uint32_t* words, std::size_t count) {                            \
      return sumWordsBody<BYTES>(words, count);                                                                      \
    }                                                                                                                \
    static constexpr Kernels table{BYTES / 4, TILE_TOKENS,    fillPanels, fillArray, multiply,                       \
                                   normTile,  rotateAndStore, attend,     sumWords};                                 \
  }

CANOPY_KERNELS(Baseline, , 16, 4);

#if defined(__x86_64__)
CANOPY_KERNELS(Avx2, __attribute__((target("avx2,fma"))), 32, 4);

// Wide vectors have to be asked for: g++ halves them by default on these CPUs. clang uses them where it finds them.
#if defined(__clang__)
#define CANOPY_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))
#else
#define CANOPY_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,prefer-vector-width=512")))
#endif
CANOPY_KERNELS(Avx512, CANOPY_AVX512, 64, kMostTileTokens);
#endif

#undef CANOPY_KERNELS

}  // namespace

const Kernels& kernelsOf(dense::Isa isa) {
#if defined(__x86_64__)
  if (isa == dense::Isa::avx512) return Avx512::table;
  if (isa == dense::Isa::avx2) return Avx2::table;
#endif
  (void)isa;
  return Baseline::table;
}

}  // namespace canopy::cpu
