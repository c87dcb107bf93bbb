// Rotary positions, the cache's slots, and attention over them.
//
// Rows are the query heads of one key/value head over some tokens; up to `rows` of them share what is read from the
// cache. The scores of a row over its whole context are kept, then turned into weights, then the values are summed:
// that is plainer than a running softmax, and the scores of a tile fit the second level cache.
#pragma once

#include <cmath>
#include <limits>

#include "cpu/kernels.h"
#include "cpu/vector.h"

namespace canopy::cpu {

/// x in the place `index` of a fp32 or bf16 array; bf16 arrays are pairs along the first of two dimensions.
template <bool bf16>
CANOPY_INLINE void storeCached(char* array, std::size_t major, std::size_t minor, std::size_t stride, float x) {
  if constexpr (bf16) {
    const std::uint16_t rounded = toBf16(x);
    std::memcpy(array + ((major / 2 * stride + minor) * 2 + major % 2) * 2, &rounded, sizeof(rounded));
  } else {
    std::memcpy(array + (major * stride + minor) * 4, &x, sizeof(x));
  }
}

CANOPY_INLINE void rotate(float* head, const float* cosines, const float* sines, int half, float scale) {
  for (int i = 0; i < half; ++i) {
    const float a = head[i];
    const float b = head[i + half];
    head[i] = (a * cosines[i] - b * sines[i]) * scale;
    head[i + half] = (b * cosines[i] + a * sines[i]) * scale;
  }
}

template <bool bf16>
CANOPY_INLINE void rotateAndStoreBody(const RotateAndStore& work) {
  const CacheLayout& layout = *work.layout;
  const int headDim = layout.headDim;
  const int half = headDim / 2;
  const float scale = 1.0F / std::sqrt(static_cast<float>(headDim));
  for (int h = 0; h < work.heads; ++h) rotate(work.qkv + h * headDim, work.cosines, work.sines, half, scale);
  const std::int32_t block = work.slot / layout.blockTokens;
  const auto offset = static_cast<std::size_t>(work.slot % layout.blockTokens);
  char* base = work.cache + static_cast<std::size_t>(block) * layout.blockBytes;
  const auto kvHeads = static_cast<std::size_t>(layout.kvHeads);
  for (std::size_t h = 0; h < kvHeads; ++h) {
    float* key = work.qkv + (static_cast<std::size_t>(work.heads) + h) * static_cast<std::size_t>(headDim);
    const float* value = key + kvHeads * static_cast<std::size_t>(headDim);
    rotate(key, work.cosines, work.sines, half, 1.0F);
    char* keys = base + h * layout.keyBytes;
    char* values = base + kvHeads * layout.keyBytes + h * layout.valueBytes;
    for (int d = 0; d < headDim; ++d) {
      storeCached<bf16>(keys, static_cast<std::size_t>(d), offset, layout.keyStride, key[d]);
      storeCached<bf16>(values, offset, static_cast<std::size_t>(d), layout.valueStride, value[d]);
    }
  }
}

/// scores[row][token] of one block for `context` tokens of it; what lies behind them is written too.
template <int bytes, int rows, bool bf16>
CANOPY_INLINE void scoreBlock(const float* queries, const char* keys, const CacheLayout& layout, int context,
                              float* scores, std::size_t scoresStride) {
  using V = Floats<bytes>;
  constexpr int lanes = bytes / 4;
  for (int t = 0; t < context; t += lanes) {
    V total[rows] = {};
    const char* from = keys + static_cast<std::size_t>(t) * 4;
    if constexpr (bf16) {
      for (int d = 0; d < layout.headDim; d += 2) {
        Words<bytes> words;
        V even;
        V odd;
        load(&words, from + static_cast<std::size_t>(d / 2) * layout.keyStride * 4);
        splitPairs<bytes>(&words, &even, &odd);
        for (int r = 0; r < rows; ++r) total[r] += even * queries[d * rows + r];
        for (int r = 0; r < rows; ++r) total[r] += odd * queries[(d + 1) * rows + r];
      }
    } else {
      for (int d = 0; d < layout.headDim; ++d) {
        V key;
        load(&key, from + static_cast<std::size_t>(d) * layout.keyStride * 4);
        for (int r = 0; r < rows; ++r) total[r] += key * queries[d * rows + r];
      }
    }
    for (int r = 0; r < rows; ++r) store(scores + static_cast<std::size_t>(r) * scoresStride + t, &total[r]);
  }
}

/// Scores to weights that sum to the returned number; behind `context` they are zero up to `padded`, a multiple of the
/// lanes.
template <int bytes>
CANOPY_INLINE float weigh(float* scores, int context, int padded) {
  using V = Floats<bytes>;
  constexpr int lanes = bytes / 4;
  for (int t = context; t < padded; ++t) scores[t] = -std::numeric_limits<float>::infinity();
  V most;
  load(&most, scores);
  for (int t = lanes; t < context; t += lanes) {
    V s;
    load(&s, scores + t);
    most = s > most ? s : most;
  }
  float largest = most[0];
  for (int i = 1; i < lanes; ++i) largest = most[i] > largest ? most[i] : largest;
  V total = {};
  for (int t = 0; t < context; t += lanes) {
    V s;
    load(&s, scores + t);
    s -= largest;
    exponential<bytes>(&s);
    store(scores + t, &s);
    if (t + lanes > context) {
      for (int i = context; i < t + lanes; ++i) scores[i] = 0.0F;
      load(&s, scores + t);
    }
    total += s;
  }
  for (int t = context; t < padded; ++t) scores[t] = 0.0F;
  return sumOf<bytes>(&total);
}

/// Adds weights times values of one block for `context` tokens of it, `vectors` vectors of the head from `values` on.
template <int bytes, int rows, int vectors, bool bf16>
CANOPY_INLINE void sumBlock(const float* weights, std::size_t weightsStride, const char* values, std::size_t stride,
                            int context, Floats<bytes> (&total)[rows][vectors]) {
  using V = Floats<bytes>;
  if constexpr (bf16) {
    for (int t = 0; t < context; t += 2) {
      V even[vectors];
      V odd[vectors];
      for (int v = 0; v < vectors; ++v) {
        Words<bytes> words;
        load(&words, values + static_cast<std::size_t>(t / 2) * stride * 4 + v * bytes);
        splitPairs<bytes>(&words, &even[v], &odd[v]);
      }
      // The weight behind the last token of an odd block belongs to the next block.
      const bool both = t + 1 < context;
      for (int r = 0; r < rows; ++r) {
        const float* w = weights + static_cast<std::size_t>(r) * weightsStride + t;
        const float second = both ? w[1] : 0.0F;
        for (int v = 0; v < vectors; ++v) total[r][v] += even[v] * w[0];
        for (int v = 0; v < vectors; ++v) total[r][v] += odd[v] * second;
      }
    }
  } else {
    for (int t = 0; t < context; ++t) {
      V value[vectors];
      for (int v = 0; v < vectors; ++v) load(&value[v], values + static_cast<std::size_t>(t) * stride * 4 + v * bytes);
      for (int r = 0; r < rows; ++r) {
        const float w = weights[static_cast<std::size_t>(r) * weightsStride + static_cast<std::size_t>(t)];
        for (int v = 0; v < vectors; ++v) total[r][v] += value[v] * w;
      }
    }
  }
}

/// A row's query, and where its result goes.
struct AttentionRow {
  int token;
  int head;
};

/// One group of rows at work.
struct AttentionGroup {
  const Attention* work;
  int longest;         ///< context of the last row
  std::size_t stride;  ///< floats of a row of scores

  int blocks() const { return (longest + work->layout->blockTokens - 1) / work->layout->blockTokens; }
  int tokensOf(int block) const {
    const int left = longest - block * work->layout->blockTokens;
    return left < work->layout->blockTokens ? left : work->layout->blockTokens;
  }
  const char* keysOf(int block) const {
    return work->cache + static_cast<std::size_t>(work->blockTable[block]) * work->layout->blockBytes +
           static_cast<std::size_t>(work->kvHead) * work->layout->keyBytes;
  }
  const char* valuesOf(int block) const {
    const CacheLayout& layout = *work->layout;
    return work->cache + static_cast<std::size_t>(work->blockTable[block]) * layout.blockBytes +
           static_cast<std::size_t>(layout.kvHeads) * layout.keyBytes +
           static_cast<std::size_t>(work->kvHead) * layout.valueBytes;
  }
};

template <int bytes, int rows, bool bf16>
CANOPY_INLINE void scoreRows(const AttentionGroup& group) {
  const Attention& work = *group.work;
  for (int b = 0; b < group.blocks(); ++b) {
    scoreBlock<bytes, rows, bf16>(work.queries, group.keysOf(b), *work.layout, group.tokensOf(b),
                                  work.scores + b * work.layout->blockTokens, group.stride);
  }
}

/// The queries' place takes the results: [rows][valueStride].
template <int bytes, int rows, bool bf16>
CANOPY_INLINE void sumRows(const AttentionGroup& group) {
  using V = Floats<bytes>;
  constexpr int lanes = bytes / 4;
  constexpr int vectors = 2;
  const Attention& work = *group.work;
  const CacheLayout& layout = *work.layout;
  for (int d = 0; d < layout.headDim; d += vectors * lanes) {
    V total[rows][vectors] = {};
    for (int b = 0; b < group.blocks(); ++b) {
      sumBlock<bytes, rows, vectors, bf16>(work.scores + b * layout.blockTokens, group.stride,
                                           group.valuesOf(b) + static_cast<std::size_t>(d) * 4, layout.valueStride,
                                           group.tokensOf(b), total);
    }
    for (int r = 0; r < rows; ++r) {
      for (int v = 0; v < vectors; ++v) {
        store(work.queries + static_cast<std::size_t>(r) * layout.valueStride + d + v * lanes, &total[r][v]);
      }
    }
  }
}

/// scoreRows or sumRows for a power of two of rows, at most `most`, that is known only now.
template <int bytes, int most, bool bf16, bool scores>
CANOPY_INLINE void runRows(const AttentionGroup& group, int rows) {
  if constexpr (most > 1) {
    if (rows < most) {
      runRows<bytes, most / 2, bf16, scores>(group, rows);
      return;
    }
  }
  if constexpr (scores) {
    scoreRows<bytes, most, bf16>(group);
  } else {
    sumRows<bytes, most, bf16>(group);
  }
}

/// `rows` rows, a power of two, in the order of their tokens.
template <int bytes, int most, bool bf16>
CANOPY_INLINE void attendRows(const Attention& work, const AttentionRow* row, int rows) {
  constexpr int lanes = bytes / 4;
  const CacheLayout& layout = *work.layout;
  const int headDim = layout.headDim;
  AttentionGroup group;
  group.work = &work;
  group.longest = work.positions[row[rows - 1].token] + 1;
  group.stride = roundUp(static_cast<std::size_t>(group.longest), kMostLanes) + 2 * kMostLanes;
  for (int r = 0; r < rows; ++r) {
    const float* q = work.qkv + static_cast<std::size_t>(row[r].token) * work.qkvStride + row[r].head * headDim;
    for (int d = 0; d < headDim; ++d) work.queries[d * rows + r] = q[d];
  }
  runRows<bytes, most, bf16, true>(group, rows);
  // The weights of a row whose context ends before the longest have to be zero behind it.
  const int padded = static_cast<int>(roundUp(static_cast<std::size_t>(group.longest), lanes));
  float totals[most];
  for (int r = 0; r < rows; ++r) {
    float* scores = work.scores + static_cast<std::size_t>(r) * group.stride;
    totals[r] = weigh<bytes>(scores, work.positions[row[r].token] + 1, padded);
  }
  runRows<bytes, most, bf16, false>(group, rows);
  for (int r = 0; r < rows; ++r) {
    const int tile = work.tileOf[row[r].token];
    const std::int32_t tileStart = work.tileStarts[tile];
    const int tileTokens = work.tileStarts[tile + 1] - tileStart;
    float* to = work.output + static_cast<std::size_t>(tileStart) * work.outputDepth +
                static_cast<std::size_t>(row[r].head * headDim) * static_cast<std::size_t>(tileTokens) +
                (row[r].token - tileStart);
    const float* from = work.queries + static_cast<std::size_t>(r) * layout.valueStride;
    const float inverse = 1.0F / totals[r];
    for (int d = 0; d < headDim; ++d) to[d * tileTokens] = from[d] * inverse;
  }
}

template <int bytes, int most, bool bf16>
CANOPY_INLINE void attendBody(const Attention& work) {
  static_assert((most & (most - 1)) == 0);
  const int groupHeads = work.heads / work.layout->kvHeads;
  AttentionRow rows[most];
  int count = 0;
  for (int token = work.firstToken; token < work.endToken; ++token) {
    for (int g = 0; g < groupHeads; ++g) {
      rows[count++] = {token, work.kvHead * groupHeads + g};
      const bool last = token + 1 == work.endToken && g + 1 == groupHeads;
      if (count < most && !last) continue;
      // What is left at the end is done in powers of two.
      for (int done = 0; done < count;) {
        int some = most;
        while (some > count - done) some /= 2;
        attendRows<bytes, most, bf16>(work, rows + done, some);
        done += some;
      }
      count = 0;
    }
  }
}

}  // namespace canopy::cpu
