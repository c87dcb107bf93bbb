// The kernels, as host code starts them. Pointers are to device memory, matrices row-major, bf16 unless said
// otherwise; every function only puts work on the stream and throws CudaError. Formulas stand in engine/model_shape.h,
// grids and shared memory beside each kernel in the .cu files.
#pragma once

#include <cstdint>

#include "cuda/runtime.h"
#include "engine/synthetic_weights.h"

namespace canopy::cuda {

// ---- ops.cu: everything that is neither a matrix product nor attention

/// out[i] = bf16(syntheticWeight(layer, matrix, i, scale)) for i < count.
void fillWeights(bf16* out, std::uint64_t count, std::uint32_t layer, Matrix matrix, float scale, cudaStream_t stream);

/// residual [T, hidden] fp32 = rows of table [vocab, hidden].
void embed(const std::int32_t* tokens, const bf16* table, float* residual, int tokenCount, int hidden,
           cudaStream_t stream);

/// One row for each of `rows`: residual[row] += delta[row] (none: null), then out[i] = norm(residual[row]) with fp32
/// gains. `rowIndex` [rows] says which row of residual and delta the i-th is (null: the i-th). hidden % 8 == 0.
void addAndNormalize(float* residual, const bf16* delta, const float* gain, const std::int32_t* rowIndex, bf16* out,
                     int rows, int hidden, float epsilon, cudaStream_t stream);

/// The cache of one layer: keys or values at [block][kvHead][offset in block][headDim].
struct PagedCache {
  bf16* keys;
  bf16* values;
  int kvHeads;
  int blockShift;  ///< log2 of the tokens of a block
};

/// Turns queries in place and writes turned keys, and values, into the cache at slots[t]; negative slots write nothing.
/// qkv [T, (heads + 2 kvHeads) headDim]; `turns` [positions, headDim] fp32 holds the cosines of a position, then the
/// sines.
void ropeAndCache(bf16* qkv, const float* turns, const std::int32_t* positions, const std::int32_t* slots,
                  const PagedCache& cache, int tokenCount, int heads, int headDim, cudaStream_t stream);

/// out [T, ffn] = silu(gate) * up of gateUp [T, 2 ffn]. ffn % 8 == 0.
void siluMultiply(const bf16* gateUp, bf16* out, int tokenCount, int ffn, cudaStream_t stream);

/// out[row] = index of the largest of logits [rows, columns] fp32, of equal ones the lowest; NaN is never the largest.
void argmaxRows(const float* logits, std::int32_t* out, int rows, int columns, cudaStream_t stream);

// ---- gemm.cu: y [m, n] = x [m, k] w^T with w [n, k], bf16 or (fp32 = true) float. k % 8 == 0.

struct Product {
  const bf16* x;
  const bf16* w;
  void* y;
  bool fp32;
  int m;
  int n;
  int k;
};

/// For m <= 16: reads every weight once, at the memory's speed.
void skinnyProduct(const Product& product, cudaStream_t stream);

/// How tileProduct cuts a product up.
struct TilePlan {
  int tile;    ///< 64 or 128: rows and columns of a block's tile
  int splits;  ///< parts of k, added up afterwards
};

/// Few tiles on many multiprocessors: smaller tiles, then parts of k.
TilePlan planTiles(int m, int n, int k, int multiprocessors);

/// Floats of workspace that any product on a device needs.
std::size_t tileWorkspace(int multiprocessors);

/// For any m. `workspace`: splits * m * n floats where splits > 1.
void tileProduct(const Product& product, const TilePlan& plan, float* workspace, cudaStream_t stream);

// ---- attention.cu. Head dimensions 64 and 128, at most 8 query heads per key/value head.

/// What both kernels read. q is the first heads * headDim columns of qkv, out [T, heads * headDim].
struct AttentionInput {
  const bf16* qkv;
  int qkvStride;
  PagedCache cache;
  const std::int32_t* blockTables;  ///< [S, tableStride]
  int tableStride;
  const std::int32_t* queryStarts;    ///< [S + 1]
  const std::int32_t* contextTokens;  ///< [S]; 0 for a row that only fills a graph's bucket
  bf16* out;
  int heads;
  int headDim;
};

/// Query tokens of a sequence from `first` on that one block of prefillAttention does for one key/value head.
struct QueryTile {
  std::int32_t sequence;
  std::int32_t first;
};

/// Query tokens of a tile.
int queriesPerTile(int heads, int kvHeads);

/// Attention of all query tokens in `tiles` [tileCount].
void prefillAttention(const AttentionInput& input, const QueryTile* tiles, int tileCount, cudaStream_t stream);

/// Attention of the only query token of each of `sequences` [count], its context cut into at most `splits` parts.
/// partials: decodeWorkspace floats, not used where splits is 1.
void decodeAttention(const AttentionInput& input, const std::int32_t* sequences, int count, int splits, float* partials,
                     cudaStream_t stream);

/// Splits that fill a device.
int planSplits(int count, int kvHeads, int multiprocessors);

std::size_t decodeWorkspace(int count, int heads, int headDim, int splits);

}  // namespace canopy::cuda
