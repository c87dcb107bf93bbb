// The matrix product of kernels.h.
//
// A tile is `tokens` x `panels` panels of accumulators in registers, over the whole depth: a panel is read from memory
// once and from the second level cache by the tiles after the first. With few tokens several panels are done side by
// side, since one of them would have too few sums under way to keep up with the memory.
#pragma once

#include "cpu/kernels.h"
#include "cpu/vector.h"

namespace canopy::cpu {

/// How far ahead of their use weights are asked for: what a core has to have under way to keep up with the memory. Few
/// streams at a time are not enough for the hardware's own prefetching.
constexpr std::size_t kPrefetchBytes = 2048;

/// sums [tokens][panels * panelRows].
template <int bytes, int tokens, int panels, bool bf16>
CANOPY_INLINE void multiplyTile(const float* input, const char* weights, std::size_t panelBytes, int depth,
                                float* sums) {
  using V = Floats<bytes>;
  constexpr int lanes = bytes / 4;
  constexpr int vectors = 2 * panels;
  V total[tokens][vectors] = {};
  if constexpr (bf16) {
    const int pairs = (depth + 1) / 2;
    for (int pair = 0; pair < pairs; ++pair) {
      V odd[vectors];
      V even[vectors];
      for (int v = 0; v < vectors; ++v) {
        Words<bytes> words;
        const char* from =
            weights + static_cast<std::size_t>(v / 2) * panelBytes + static_cast<std::size_t>(2 * pair + v % 2) * bytes;
        __builtin_prefetch(from + kPrefetchBytes);
        load(&words, from);
        splitPairs<bytes>(&words, &even[v], &odd[v]);
      }
      for (int t = 0; t < tokens; ++t) {
        const float x = input[t];
        for (int v = 0; v < vectors; ++v) total[t][v] += even[v] * x;
      }
      for (int t = 0; t < tokens; ++t) {
        const float x = input[tokens + t];
        for (int v = 0; v < vectors; ++v) total[t][v] += odd[v] * x;
      }
      input += 2 * tokens;
    }
  } else {
    for (int k = 0; k < depth; ++k) {
      V w[vectors];
      for (int v = 0; v < vectors; ++v) {
        load(&w[v],
             weights + static_cast<std::size_t>(v / 2) * panelBytes + static_cast<std::size_t>(2 * k + v % 2) * bytes);
      }
      for (int t = 0; t < tokens; ++t) {
        const float x = input[t];
        for (int v = 0; v < vectors; ++v) total[t][v] += w[v] * x;
      }
      input += tokens;
    }
  }
  for (int t = 0; t < tokens; ++t) {
    for (int v = 0; v < vectors; ++v) store(sums + (t * vectors + v) * lanes, &total[t][v]);
  }
}

/// silu(gate) * up for a panel of halves: `lanes` outputs.
template <int bytes>
CANOPY_INLINE void gateOf(const float* sums, float* result) {
  using V = Floats<bytes>;
  V gate;
  V up;
  load(&gate, sums);
  load(&up, sums + bytes / 4);
  V e = -gate;
  exponential<bytes>(&e);
  const V product = gate / (e + 1.0F) * up;
  store(result, &product);
}

/// What becomes of the sums of one token and panel.
template <int bytes>
CANOPY_INLINE void finishRows(const Product& product, const float* sums, int panel, int token, int tileStart,
                              int tileTokens) {
  constexpr int lanes = bytes / 4;
  constexpr int panelRows = 2 * lanes;
  const int first = panel * panelRows;
  const int count = product.weights->rows - first < panelRows ? product.weights->rows - first : panelRows;
  switch (product.finish) {
    case Finish::store: {
      float* to = product.output + static_cast<std::size_t>(token) * product.outputStride + first;
      for (int i = 0; i < count; ++i) to[i] = sums[i];
      break;
    }
    case Finish::add: {
      float* to = product.output + static_cast<std::size_t>(token) * product.outputStride + first;
      for (int i = 0; i < count; ++i) to[i] += sums[i];
      break;
    }
    case Finish::gate: {
      float gated[lanes];
      gateOf<bytes>(sums, gated);
      const int outputs = product.weights->rows / 2;
      const int row = panel * lanes;
      float* to = product.output + static_cast<std::size_t>(tileStart) * product.outputStride +
                  static_cast<std::size_t>(row) * static_cast<std::size_t>(tileTokens) + (token - tileStart);
      for (int i = 0; i < lanes && row + i < outputs; ++i) to[i * tileTokens] = gated[i];
      break;
    }
    case Finish::largest: {
      Largest& best = product.largest[token];
      float most = sums[0];
      for (int i = 1; i < count; ++i) most = sums[i] > most ? sums[i] : most;
      if (most < best.value) break;
      int row = 0;
      while (row + 1 < count && sums[row] != most) ++row;
      if (most > best.value || first + row < best.row) best = {most, first + row};
      break;
    }
  }
}

/// Panels side by side for a tile of so many tokens: eight sums or more under way.
constexpr int panelsAtOnce(int tokens) { return tokens == 1 ? 4 : tokens == 2 ? 2 : 1; }

/// multiplyTile for numbers that are known only now: `panels` is 1 or panelsAtOnce(tokens), tokens at most `most`.
template <int bytes, int most, bool bf16>
CANOPY_INLINE void multiplyAny(const float* input, const char* weights, std::size_t panelBytes, int depth, int tokens,
                               int panels, float* sums) {
  if constexpr (most > 1) {
    if (tokens < most) {
      multiplyAny<bytes, most - 1, bf16>(input, weights, panelBytes, depth, tokens, panels, sums);
      return;
    }
  }
  constexpr int atOnce = panelsAtOnce(most);
  if (panels == atOnce) {
    multiplyTile<bytes, most, atOnce, bf16>(input, weights, panelBytes, depth, sums);
  } else {
    multiplyTile<bytes, most, 1, bf16>(input, weights, panelBytes, depth, sums);
  }
}

template <int bytes, int tileTokens>
CANOPY_INLINE void multiplyBody(const Product& product, int firstPanel, int endPanel, int firstTile, int endTile) {
  constexpr int panelRows = 2 * bytes / 4;
  const PackedMatrix& w = *product.weights;
  const std::size_t depth = roundUp(static_cast<std::size_t>(w.depth), 2);
  const std::int32_t* starts = product.tileStarts;
  const int group = panelsAtOnce(starts[firstTile + 1] - starts[firstTile]);
  alignas(64) float sums[(tileTokens > 4 ? tileTokens : 4) * panelRows];
  for (int groupStart = firstPanel; groupStart < endPanel; groupStart += group) {
    const int groupEnd = groupStart + group < endPanel ? groupStart + group : endPanel;
    for (int tile = firstTile; tile < endTile; ++tile) {
      const std::int32_t start = starts[tile];
      const int tokens = starts[tile + 1] - start;
      const float* input = product.input + static_cast<std::size_t>(start) * depth;
      for (int panel = groupStart; panel < groupEnd;) {
        const int panels = panel + panelsAtOnce(tokens) <= groupEnd ? panelsAtOnce(tokens) : 1;
        const char* weights = static_cast<const char*>(w.data) + static_cast<std::size_t>(panel) * w.panelBytes;
        if (w.bf16) {
          multiplyAny<bytes, tileTokens, true>(input, weights, w.panelBytes, w.depth, tokens, panels, sums);
        } else {
          multiplyAny<bytes, tileTokens, false>(input, weights, w.panelBytes, w.depth, tokens, panels, sums);
        }
        for (int i = 0; i < tokens * panels; ++i) {
          finishRows<bytes>(product, sums + i * panelRows, panel + i % panels, start + i / panels, start, tokens);
        }
        panel += panels;
      }
    }
  }
}

}  // namespace canopy::cpu
