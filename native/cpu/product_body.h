// The matrix product of kernels.h.
//
// A tile is `tokens` x `panels` panels of accumulators in registers, over the whole depth: a panel is read from memory
// once and from the second level cache by the tiles after the first. With few tokens several panels are done side by
// side, since one of them would have too few sums under way to keep up with the memory.
#pragma once

#include "cpu/kernels.h"
#include "cpu/vector.h"

namespace canopy::cpu {

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

template <int bytes, int tokens, int panels>
CANOPY_INLINE void multiplyPanels(const Product& product, int panel, int tileStart) {
  constexpr int width = panels * 2 * bytes / 4;
  const PackedMatrix& w = *product.weights;
  const std::size_t depth = roundUp(static_cast<std::size_t>(w.depth), 2);
  const float* input = product.input + static_cast<std::size_t>(tileStart) * depth;
  const char* weights = static_cast<const char*>(w.data) + static_cast<std::size_t>(panel) * w.panelBytes;
  alignas(64) float sums[tokens * width];
  if (w.bf16) {
    multiplyTile<bytes, tokens, panels, true>(input, weights, w.panelBytes, w.depth, sums);
  } else {
    multiplyTile<bytes, tokens, panels, false>(input, weights, w.panelBytes, w.depth, sums);
  }
  for (int t = 0; t < tokens; ++t) {
    for (int p = 0; p < panels; ++p) {
      finishRows<bytes>(product, sums + t * width + p * 2 * bytes / 4, panel + p, tileStart + t, tileStart, tokens);
    }
  }
}

/// Panels side by side for a tile of so many tokens: eight sums or more under way.
constexpr int panelsAtOnce(int tokens) { return tokens == 1 ? 4 : tokens == 2 ? 2 : 1; }

/// Panels [panel, endPanel) for a tile of `tokens`.
template <int bytes, int tokens>
CANOPY_INLINE void multiplySome(const Product& product, int panel, int endPanel, int tileStart) {
  constexpr int atOnce = panelsAtOnce(tokens);
  for (; panel + atOnce <= endPanel; panel += atOnce) multiplyPanels<bytes, tokens, atOnce>(product, panel, tileStart);
  if constexpr (atOnce > 1) {
    for (; panel < endPanel; ++panel) multiplyPanels<bytes, tokens, 1>(product, panel, tileStart);
  }
}

/// multiplySome for a number of tokens that is known only now.
template <int bytes, int most>
CANOPY_INLINE void multiplyAny(const Product& product, int panel, int endPanel, int tileStart, int tokens) {
  if constexpr (most > 1) {
    if (tokens < most) {
      multiplyAny<bytes, most - 1>(product, panel, endPanel, tileStart, tokens);
      return;
    }
  }
  multiplySome<bytes, most>(product, panel, endPanel, tileStart);
}

template <int bytes, int tileTokens>
CANOPY_INLINE void multiplyBody(const Product& product, int firstPanel, int endPanel, int firstTile, int endTile) {
  const std::int32_t* starts = product.tileStarts;
  const int group = panelsAtOnce(starts[firstTile + 1] - starts[firstTile]);
  for (int panel = firstPanel; panel < endPanel; panel += group) {
    const int end = panel + group < endPanel ? panel + group : endPanel;
    for (int tile = firstTile; tile < endTile; ++tile) {
      multiplyAny<bytes, tileTokens>(product, panel, end, starts[tile], starts[tile + 1] - starts[tile]);
    }
  }
}

}  // namespace canopy::cpu
