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

template <int bytes, int rows, bool bf16>
CANOPY_INLINE void attendRows(const Attention& work, const AttentionRow* row) {
  using V = Floats<bytes>;
  constexpr int lanes = bytes / 4;
  constexpr int vectors = 2;
  const CacheLayout& layout = *work.layout;
  const int headDim = layout.headDim;
  // Rows are in the order of their tokens.
  const int longest = work.positions[row[rows - 1].token] + 1;
  const int blocks = (longest + layout.blockTokens - 1) / layout.blockTokens;
  // The weights of a row whose context ends before the longest have to be zero behind it.
  const int padded = static_cast<int>(roundUp(static_cast<std::size_t>(longest), lanes));
  const std::size_t stride = roundUp(static_cast<std::size_t>(longest), kMostLanes) + 2 * kMostLanes;

  float* queries = work.queries;
  for (int r = 0; r < rows; ++r) {
    const float* q = work.qkv + static_cast<std::size_t>(row[r].token) * work.qkvStride + row[r].head * headDim;
    for (int d = 0; d < headDim; ++d) queries[d * rows + r] = q[d];
  }
  const auto kvHead = static_cast<std::size_t>(work.kvHead);
  const auto blockAt = [&](int b) {
    return work.cache + static_cast<std::size_t>(work.blockTable[b]) * layout.blockBytes;
  };
  for (int b = 0; b < blocks; ++b) {
    const int first = b * layout.blockTokens;
    const int context = longest - first < layout.blockTokens ? longest - first : layout.blockTokens;
    scoreBlock<bytes, rows, bf16>(queries, blockAt(b) + kvHead * layout.keyBytes, layout, context, work.scores + first,
                                  stride);
  }
  float inverse[rows];
  for (int r = 0; r < rows; ++r) {
    const int context = work.positions[row[r].token] + 1;
    inverse[r] = 1.0F / weigh<bytes>(work.scores + static_cast<std::size_t>(r) * stride, context, padded);
  }
  const std::size_t valuesAt = static_cast<std::size_t>(layout.kvHeads) * layout.keyBytes + kvHead * layout.valueBytes;
  for (int d = 0; d < headDim; d += vectors * lanes) {
    V total[rows][vectors] = {};
    for (int b = 0; b < blocks; ++b) {
      const int first = b * layout.blockTokens;
      const int context = longest - first < layout.blockTokens ? longest - first : layout.blockTokens;
      sumBlock<bytes, rows, vectors, bf16>(work.scores + first, stride,
                                           blockAt(b) + valuesAt + static_cast<std::size_t>(d) * 4, layout.valueStride,
                                           context, total);
    }
    for (int r = 0; r < rows; ++r) {
      const int tile = work.tileOf[row[r].token];
      const std::int32_t tileStart = work.tileStarts[tile];
      const int tileTokens = work.tileStarts[tile + 1] - tileStart;
      float* to = work.output + static_cast<std::size_t>(tileStart) * work.outputDepth +
                  static_cast<std::size_t>(row[r].head * headDim) * static_cast<std::size_t>(tileTokens) +
                  (row[r].token - tileStart);
      float line[vectors * lanes];
      for (int v = 0; v < vectors; ++v) {
        total[r][v] *= inverse[r];
        store(line + v * lanes, &total[r][v]);
      }
      for (int i = 0; i < vectors * lanes && d + i < headDim; ++i) to[(d + i) * tileTokens] = line[i];
    }
  }
}

/// Fewer than 2 * `most` rows, a power of two of them at a time.
template <int bytes, int most, bool bf16>
CANOPY_INLINE void attendRest(const Attention& work, const AttentionRow* row, int rows) {
  if (rows >= most) {
    attendRows<bytes, most, bf16>(work, row);
    row += most;
    rows -= most;
  }
  if constexpr (most > 1) {
    if (rows > 0) attendRest<bytes, most / 2, bf16>(work, row, rows);
  }
}

template <int bytes, int most, bool bf16>
CANOPY_INLINE void attendBody(const Attention& work) {
  static_assert((most & (most - 1)) == 0);
  const int group = work.heads / work.layout->kvHeads;
  AttentionRow rows[most];
  int count = 0;
  for (int token = work.firstToken; token < work.endToken; ++token) {
    for (int g = 0; g < group; ++g) {
      rows[count++] = {token, work.kvHead * group + g};
      const bool last = token + 1 == work.endToken && g + 1 == group;
      if (count < most && !last) continue;
      attendRest<bytes, most, bf16>(work, rows, count);
      count = 0;
    }
  }
}

}  // namespace canopy::cpu
