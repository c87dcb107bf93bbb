// softmax(q k / sqrt(headDim)) v over a paged cache, with the softmax taken as the keys come (online): a running
// maximum and sum per row, and what was added up before is scaled down when the maximum grows. Both matrix products
// run on tensor cores, in the shape m16n8k16.
//
// The query heads of one key/value head share its keys: rows of the products are (query token, head of the group)
// pairs, row r being token r / group, head r % group. So keys and values are read once per group, not once per head.
//
//   prefillKernel  many query tokens: a block of 64 rows walks over all keys that they may see.
//   decodeKernel   one query token: its context is cut into splits, each a block, and combineKernel joins them
//                  (flash-decoding).
//
// Keys and values come to shared memory by cp.async, two stages; 16-byte chunk c of row r lies at c ^ (r % 8), so that
// ldmatrix reads eight rows from different banks. Scores are in base 2: exp2 is one instruction.
#include <cmath>

#include "cuda/device.h"
#include "cuda/kernels.h"

namespace canopy::cuda {

namespace {

inline constexpr float log2e = 1.4426950408889634F;

template <int headDim>
__device__ inline int chunkAt(int row, int chunk) {
  return row * headDim + (chunk ^ (row % 8)) * 8;
}

/// Where the key or value of position `position` of a sequence begins, for one key/value head.
template <int headDim>
__device__ inline std::size_t cacheOffset(const PagedCache& cache, const std::int32_t* table, int kvHead,
                                          int position) {
  const int block = table[position >> cache.blockShift];
  const int offset = position & ((1 << cache.blockShift) - 1);
  const std::size_t row =
      (static_cast<std::size_t>(block) * static_cast<std::size_t>(cache.kvHeads) + static_cast<std::size_t>(kvHead))
      << cache.blockShift;
  return (row + static_cast<std::size_t>(offset)) * headDim;
}

/// Begins to copy `rows` keys and values from `position` on; zeros from `end` on, so that no NaN meets a weight of 0.
template <int headDim, int rows>
__device__ inline void loadKeys(bf16* keys, bf16* values, const PagedCache& cache, const std::int32_t* table,
                                int kvHead, int position, int end, int thread, int threads) {
  constexpr int chunks = headDim / 8;
  UNROLL_BY(2)  // unrolled wholly, the addresses alone fill the registers
  for (int i = thread; i < rows * chunks; i += threads) {
    const int row = i / chunks;
    const int chunk = i % chunks;
    const bool valid = position + row < end;
    const std::size_t from =
        valid ? cacheOffset<headDim>(cache, table, kvHead, position + row) + static_cast<std::size_t>(8 * chunk) : 0;
    cpAsync16(keys + chunkAt<headDim>(row, chunk), cache.keys + from, valid);
    cpAsync16(values + chunkAt<headDim>(row, chunk), cache.values + from, valid);
  }
}

/// Sixteen rows of attention under way in one warp. With g = lane / 4 and t = lane % 4, a thread holds of rows g and
/// g + 8 the columns 2t and 2t + 1 of every eight.
template <int headDim>
struct Rows {
  std::uint32_t q[headDim / 16][4];
  float out[headDim / 8][4];
  float maximum[2];  ///< of the scores so far, in base 2
  float sum[2];      ///< of the weights so far; each lane's own columns only, until finish()

  /// `low` and `high`: queries of rows g and g + 8, null where there is no such row.
  __device__ inline void start(const bf16* low, const bf16* high) {
    const int column = static_cast<int>(threadIdx.x) % 4 * 2;
    const auto two = [](const bf16* row, int at) {
      return row == nullptr ? 0U : *reinterpret_cast<const std::uint32_t*>(row + at);
    };
    UNROLL
    for (int i = 0; i < headDim / 16; ++i) {
      q[i][0] = two(low, 16 * i + column);
      q[i][1] = two(high, 16 * i + column);
      q[i][2] = two(low, 16 * i + 8 + column);
      q[i][3] = two(high, 16 * i + 8 + column);
    }
    UNROLL
    for (int i = 0; i < headDim / 8; ++i) {
      UNROLL
      for (int e = 0; e < 4; ++e) out[i][e] = 0.0F;
    }
    maximum[0] = maximum[1] = -INFINITY;
    sum[0] = sum[1] = 0.0F;
  }

  /// Takes in `count` (a multiple of 16) keys and values that lie in shared memory. Row g sees the first `seen[0]` of
  /// them, row g + 8 the first `seen[1]`.
  template <int count>
  __device__ inline void add(const bf16* keys, const bf16* values, float scale, const int (&seen)[2]) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    float scores[count / 8][4];
    UNROLL
    for (int j = 0; j < count / 16; ++j) {
      UNROLL
      for (int e = 0; e < 4; ++e) scores[2 * j][e] = scores[2 * j + 1][e] = 0.0F;
      UNROLL
      for (int i = 0; i < headDim / 16; ++i) {
        std::uint32_t k[4];
        ldmatrix4(k, keys + chunkAt<headDim>(16 * j + lane % 8 + lane / 16 * 8, 2 * i + lane / 8 % 2));
        mma16816(scores[2 * j], q[i], k[0], k[1]);
        mma16816(scores[2 * j + 1], q[i], k[2], k[3]);
      }
    }
    UNROLL
    for (int half = 0; half < 2; ++half) {
      float largest = -INFINITY;
      UNROLL
      for (int j = 0; j < count / 8; ++j) {
        UNROLL
        for (int e = 0; e < 2; ++e) {
          float& score = scores[j][2 * half + e];
          score = 8 * j + lane % 4 * 2 + e < seen[half] ? score * scale : -INFINITY;
          largest = fmaxf(largest, score);
        }
      }
      largest = fmaxf(largest, __shfl_xor_sync(fullWarp, largest, 1));
      largest = fmaxf(largest, __shfl_xor_sync(fullWarp, largest, 2));
      const float before = maximum[half];
      const float now = fmaxf(before, largest);
      // A row that has seen nothing yet: its maximum stays -inf, and -inf - -inf would be NaN.
      const float reference = now == -INFINITY ? 0.0F : now;
      const float shrink = exp2f(before - reference);
      maximum[half] = now;
      sum[half] *= shrink;
      UNROLL
      for (int j = 0; j < count / 8; ++j) {
        UNROLL
        for (int e = 0; e < 2; ++e) {
          float& score = scores[j][2 * half + e];
          score = exp2f(score - reference);
          sum[half] += score;
        }
      }
      UNROLL
      for (int i = 0; i < headDim / 8; ++i) {
        out[i][2 * half] *= shrink;
        out[i][2 * half + 1] *= shrink;
      }
    }
    UNROLL
    for (int j = 0; j < count / 16; ++j) {
      // The sums of one product lie as the left side of the next wants them.
      const std::uint32_t weights[4] = {
          packBf16(scores[2 * j][0], scores[2 * j][1]), packBf16(scores[2 * j][2], scores[2 * j][3]),
          packBf16(scores[2 * j + 1][0], scores[2 * j + 1][1]), packBf16(scores[2 * j + 1][2], scores[2 * j + 1][3])};
      UNROLL
      for (int i = 0; i < headDim / 16; ++i) {
        std::uint32_t v[4];
        ldmatrix4Transposed(v, values + chunkAt<headDim>(16 * j + lane % 16, 2 * i + lane / 16));
        mma16816(out[2 * i], weights, v[0], v[1]);
        mma16816(out[2 * i + 1], weights, v[2], v[3]);
      }
    }
  }

  /// Sums over the four lanes of a row.
  __device__ inline void finish() {
    UNROLL
    for (int half = 0; half < 2; ++half) {
      sum[half] += __shfl_xor_sync(fullWarp, sum[half], 1);
      sum[half] += __shfl_xor_sync(fullWarp, sum[half], 2);
    }
  }
};

__device__ inline float scoreScale(int headDim) { return log2e * rsqrtf(static_cast<float>(headDim)); }

// ---- prefillKernel
//
// Grid: (tiles, key/value heads), 4 warps. A block owns 64 rows: 64 / group query tokens of one sequence (a tile), all
// heads of one group; a warp owns 16 of them. All warps walk over the same keys, 64 at a time.
// Shared memory: 2 stages x (64 keys + 64 values): 64 KiB at headDim 128.

inline constexpr int prefillWarps = 4;
inline constexpr int prefillRows = 16 * prefillWarps;
inline constexpr int prefillKeys = 64;

template <int headDim>
constexpr std::size_t prefillShared() {
  return std::size_t{2} * 2 * prefillKeys * headDim * sizeof(bf16);
}

template <int headDim>
__global__ void __launch_bounds__(prefillWarps * 32) prefillKernel(AttentionInput input, const QueryTile* tiles) {
  DYNAMIC_SHARED(bf16, shared);
  const QueryTile tile = tiles[blockIdx.x];
  const int kvHead = static_cast<int>(blockIdx.y);
  const int group = input.heads / input.cache.kvHeads;
  const int firstQuery = input.queryStarts[tile.sequence];
  const int queries = input.queryStarts[tile.sequence + 1] - firstQuery;
  const int context = input.contextTokens[tile.sequence];
  const int perTile = prefillRows / group;
  const int lastOfTile = tile.first + perTile < queries ? tile.first + perTile : queries;
  // Query i stands at position context - queries + i and sees keys up to its own.
  const int keysBefore = context - queries;
  const int end = keysBefore + lastOfTile;
  const std::int32_t* table =
      input.blockTables + static_cast<std::size_t>(tile.sequence) * static_cast<std::size_t>(input.tableStride);
  const int thread = static_cast<int>(threadIdx.x);

  int token[2];    // of the thread's two rows; -1 where there is no such row
  int column[2];   // where the row's head begins, in q and in out
  int visible[2];  // keys that the row sees
  const bf16* queryRow[2];
  UNROLL
  for (int half = 0; half < 2; ++half) {
    const int row = thread / 32 * 16 + thread % 32 / 4 + 8 * half;
    const int query = tile.first + row / group;
    const bool real = row < perTile * group && query < lastOfTile;
    token[half] = real ? firstQuery + query : -1;
    column[half] = (kvHead * group + row % group) * headDim;
    visible[half] = real ? keysBefore + query + 1 : 0;
    queryRow[half] = real ? input.qkv +
                                static_cast<std::size_t>(token[half]) * static_cast<std::size_t>(input.qkvStride) +
                                column[half]
                          : nullptr;
  }
  Rows<headDim> rows;
  rows.start(queryRow[0], queryRow[1]);

  const float scale = scoreScale(headDim);
  constexpr int matrix = prefillKeys * headDim;
  const int turns = (end + prefillKeys - 1) / prefillKeys;
  loadKeys<headDim, prefillKeys>(shared, shared + matrix, input.cache, table, kvHead, 0, end, thread,
                                 prefillWarps * 32);
  cpAsyncCommit();
  for (int turn = 0; turn < turns; ++turn) {
    bf16* now = shared + turn % 2 * 2 * matrix;
    bf16* next = shared + (turn + 1) % 2 * 2 * matrix;
    if (turn + 1 < turns) {
      loadKeys<headDim, prefillKeys>(next, next + matrix, input.cache, table, kvHead, (turn + 1) * prefillKeys, end,
                                     thread, prefillWarps * 32);
    }
    cpAsyncCommit();
    cpAsyncWait<1>();
    __syncthreads();  // every thread's part of this stage is there
    const int seen[2] = {visible[0] - turn * prefillKeys, visible[1] - turn * prefillKeys};
    rows.template add<prefillKeys>(now, now + matrix, scale, seen);
    __syncthreads();  // nobody reads this stage any more: the next turn fills it
  }
  rows.finish();
  UNROLL
  for (int half = 0; half < 2; ++half) {
    if (token[half] < 0) continue;
    const float inverse = 1.0F / rows.sum[half];
    bf16* out = input.out + static_cast<std::size_t>(token[half]) * static_cast<std::size_t>(input.heads * headDim) +
                column[half] + thread % 4 * 2;
    UNROLL
    for (int i = 0; i < headDim / 8; ++i) {
      *reinterpret_cast<std::uint32_t*>(out + 8 * i) =
          packBf16(rows.out[i][2 * half] * inverse, rows.out[i][2 * half + 1] * inverse);
    }
  }
}

// ---- decodeKernel
//
// Grid: (splits, key/value heads, sequences), 4 warps. A block owns one split of the context for one group; its warps
// take turns of 16 keys, each with stages of its own, so that nothing but a warp waits for a warp. Rows 0 to group - 1
// of the products are the heads; the others are empty: the time is that of reading keys and values.
// A context is cut into as many splits as hold at least 64 keys each: the grid does not hang on the context, and a
// captured graph fits any. Blocks without keys leave.
// Shared memory: 4 warps x 2 stages x (16 keys + 16 values): 64 KiB at headDim 128. Afterwards the same place holds
// each warp's maxima, sums and outputs, for the block's first join.
// With one split the block writes the result; else a part per (sequence, head, split): headDim floats of output, scaled
// by the part's own sum, and behind all outputs a pair (maximum, sum).

inline constexpr int decodeWarps = 4;
inline constexpr int decodeKeys = 16;
inline constexpr int decodeTurn = decodeWarps * decodeKeys;
inline constexpr int maxGroup = 8;

template <int headDim>
constexpr std::size_t decodeShared() {
  return std::size_t{decodeWarps} * 2 * 2 * decodeKeys * headDim * sizeof(bf16);
}

/// Keys of a split: whole turns of a block.
__device__ inline int splitLength(int context, int splits) {
  const int share = (context + splits - 1) / splits;
  return (share + decodeTurn - 1) / decodeTurn * decodeTurn;
}

template <int headDim>
__global__ void __launch_bounds__(decodeWarps * 32)
    decodeKernel(AttentionInput input, const std::int32_t* sequences, float* partials) {
  DYNAMIC_SHARED(bf16, shared);
  const int splits = static_cast<int>(gridDim.x);
  const int split = static_cast<int>(blockIdx.x);
  const int kvHead = static_cast<int>(blockIdx.y);
  const int item = static_cast<int>(blockIdx.z);
  const int sequence = sequences[item];
  const int context = input.contextTokens[sequence];
  const int length = splitLength(context, splits);
  const int begin = split * length;
  const int end = begin + length < context ? begin + length : context;
  if (begin >= context && (split > 0 || splits > 1)) return;

  const int group = input.heads / input.cache.kvHeads;
  const auto token = static_cast<std::size_t>(input.queryStarts[sequence]);
  const std::int32_t* table =
      input.blockTables + static_cast<std::size_t>(sequence) * static_cast<std::size_t>(input.tableStride);
  const int thread = static_cast<int>(threadIdx.x);
  const int warp = thread / 32;
  const int lane = thread % 32;
  const int g = lane / 4;

  Rows<headDim> rows;
  rows.start(g < group ? input.qkv + token * static_cast<std::size_t>(input.qkvStride) + (kvHead * group + g) * headDim
                       : nullptr,
             nullptr);
  constexpr int matrix = decodeKeys * headDim;
  bf16* stages = shared + warp * 4 * matrix;
  const float scale = scoreScale(headDim);
  int at = begin + warp * decodeKeys;
  if (at < end) {
    loadKeys<headDim, decodeKeys>(stages, stages + matrix, input.cache, table, kvHead, at, end, lane, 32);
  }
  cpAsyncCommit();
  for (int turn = 0; at < end; ++turn, at += decodeTurn) {
    bf16* now = stages + turn % 2 * 2 * matrix;
    bf16* next = stages + (turn + 1) % 2 * 2 * matrix;
    if (at + decodeTurn < end) {
      loadKeys<headDim, decodeKeys>(next, next + matrix, input.cache, table, kvHead, at + decodeTurn, end, lane, 32);
    }
    cpAsyncCommit();
    cpAsyncWait<1>();
    __syncwarp();  // every lane's part of this stage is there
    const int seen[2] = {g < group ? end - at : 0, 0};
    rows.template add<decodeKeys>(now, now + matrix, scale, seen);
    // No wait before the next turn fills this stage: it is read by ldmatrix alone, which all lanes do together.
  }
  rows.finish();

  __syncthreads();                                   // from here on the place of the stages holds the warps' results
  float* maxima = reinterpret_cast<float*>(shared);  // [warp][head]
  float* sums = maxima + decodeWarps * maxGroup;     // [warp][head]
  float* outputs = sums + decodeWarps * maxGroup;    // [warp][head][headDim]
  if (g < group) {
    if (lane % 4 == 0) {
      maxima[warp * maxGroup + g] = rows.maximum[0];
      sums[warp * maxGroup + g] = rows.sum[0];
    }
    float* mine = outputs + (warp * maxGroup + g) * headDim + lane % 4 * 2;
    UNROLL
    for (int i = 0; i < headDim / 8; ++i) {
      *reinterpret_cast<float2*>(mine + 8 * i) = make_float2(rows.out[i][0], rows.out[i][1]);
    }
  }
  __syncthreads();
  for (int i = thread; i < group * headDim; i += decodeWarps * 32) {
    const int member = i / headDim;
    const int column = i % headDim;
    float largest = -INFINITY;
    UNROLL
    for (int w = 0; w < decodeWarps; ++w) largest = fmaxf(largest, maxima[w * maxGroup + member]);
    const float reference = largest == -INFINITY ? 0.0F : largest;
    float sum = 0.0F;
    float value = 0.0F;
    UNROLL
    for (int w = 0; w < decodeWarps; ++w) {
      const float weight = exp2f(maxima[w * maxGroup + member] - reference);
      sum += weight * sums[w * maxGroup + member];
      value += weight * outputs[(w * maxGroup + member) * headDim + column];
    }
    value = sum > 0.0F ? value / sum : 0.0F;  // no context: a row that only fills a bucket
    const int head = kvHead * group + member;
    if (splits == 1) {
      input.out[token * static_cast<std::size_t>(input.heads * headDim) + static_cast<std::size_t>(head * headDim) +
                static_cast<std::size_t>(column)] = toBf16(value);
    } else {
      const std::size_t part =
          (static_cast<std::size_t>(item) * static_cast<std::size_t>(input.heads) + static_cast<std::size_t>(head)) *
              static_cast<std::size_t>(splits) +
          static_cast<std::size_t>(split);
      const std::size_t parts = static_cast<std::size_t>(gridDim.z) * static_cast<std::size_t>(input.heads) *
                                static_cast<std::size_t>(splits);
      partials[part * headDim + static_cast<std::size_t>(column)] = value;
      if (column == 0) {
        float* pair = partials + parts * headDim + 2 * part;
        pair[0] = largest;
        pair[1] = sum;
      }
    }
  }
}

/// Grid: (heads, sequences), a thread per column: the weighted mean of the splits' outputs, each weighing
/// sum * 2^(maximum - largest maximum).
template <int headDim>
__global__ void __launch_bounds__(headDim)
    combineKernel(AttentionInput input, const std::int32_t* sequences, const float* partials, int splits) {
  const int head = static_cast<int>(blockIdx.x);
  const int item = static_cast<int>(blockIdx.y);
  const int column = static_cast<int>(threadIdx.x);
  const int sequence = sequences[item];
  const int context = input.contextTokens[sequence];
  const int length = splitLength(context, splits);
  const int filled = length == 0 ? 0 : (context + length - 1) / length;
  const std::size_t first =
      (static_cast<std::size_t>(item) * static_cast<std::size_t>(input.heads) + static_cast<std::size_t>(head)) *
      static_cast<std::size_t>(splits);
  const std::size_t parts =
      static_cast<std::size_t>(gridDim.y) * static_cast<std::size_t>(input.heads) * static_cast<std::size_t>(splits);
  const float* pairs = partials + parts * headDim + 2 * first;
  float largest = -INFINITY;
  for (int s = 0; s < filled; ++s) largest = fmaxf(largest, pairs[2 * s]);
  float sum = 0.0F;
  float value = 0.0F;
  for (int s = 0; s < filled; ++s) {
    const float weight = exp2f(pairs[2 * s] - largest) * pairs[2 * s + 1];
    sum += weight;
    value += weight * partials[(first + static_cast<std::size_t>(s)) * headDim + static_cast<std::size_t>(column)];
  }
  const auto token = static_cast<std::size_t>(input.queryStarts[sequence]);
  input.out[token * static_cast<std::size_t>(input.heads * headDim) +
            static_cast<std::size_t>(head * headDim + column)] = toBf16(filled > 0 ? value / sum : 0.0F);
}

template <int headDim>
void startDecode(const AttentionInput& input, const std::int32_t* sequences, int count, int splits, float* partials,
                 cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(splits), static_cast<unsigned>(input.cache.kvHeads),
                  static_cast<unsigned>(count));
  launch("decodeAttention", decodeKernel<headDim>, grid, decodeWarps * 32, decodeShared<headDim>(), stream, input,
         sequences, partials);
  if (splits > 1) {
    const dim3 heads(static_cast<unsigned>(input.heads), static_cast<unsigned>(count));
    launch("combineAttention", combineKernel<headDim>, heads, headDim, 0, stream, input, sequences,
           static_cast<const float*>(partials), splits);
  }
}

}  // namespace

int queriesPerTile(int heads, int kvHeads) { return prefillRows / (heads / kvHeads); }

void prefillAttention(const AttentionInput& input, const QueryTile* tiles, int tileCount, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(tileCount), static_cast<unsigned>(input.cache.kvHeads));
  if (input.headDim == 64) {
    launch("prefillAttention", prefillKernel<64>, grid, prefillWarps * 32, prefillShared<64>(), stream, input, tiles);
  } else {
    launch("prefillAttention", prefillKernel<128>, grid, prefillWarps * 32, prefillShared<128>(), stream, input, tiles);
  }
}

void decodeAttention(const AttentionInput& input, const std::int32_t* sequences, int count, int splits, float* partials,
                     cudaStream_t stream) {
  if (input.headDim == 64) {
    startDecode<64>(input, sequences, count, splits, partials, stream);
  } else {
    startDecode<128>(input, sequences, count, splits, partials, stream);
  }
}

int planSplits(int count, int kvHeads, int multiprocessors) {
  // Two (A100) or three (H100) blocks fit a multiprocessor; more than 32 parts cost more to join than they bring.
  const int wanted = 3 * multiprocessors / (count * kvHeads);
  return wanted < 1 ? 1 : wanted > 32 ? 32 : wanted;
}

std::size_t decodeWorkspace(int count, int heads, int headDim, int splits) {
  return static_cast<std::size_t>(count) * static_cast<std::size_t>(heads) * static_cast<std::size_t>(splits) *
         static_cast<std::size_t>(headDim + 2);
}

}  // namespace canopy::cuda
