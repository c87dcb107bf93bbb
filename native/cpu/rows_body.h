// Norms, synthetic weights, and reading memory.
#pragma once

#include <cmath>

#include "cpu/kernels.h"
#include "cpu/vector.h"

namespace canopy::cpu {

template <int bytes>
CANOPY_INLINE void normTileBody(const float* const* rows, int tokens, int hidden, const float* gains, float epsilon,
                                float* output) {
  using V = Floats<bytes>;
  constexpr int lanes = bytes / 4;
  for (int t = 0; t < tokens; ++t) {
    const float* x = rows[t];
    V squares = {};
    int i = 0;
    for (; i + lanes <= hidden; i += lanes) {
      V v;
      load(&v, x + i);
      squares += v * v;
    }
    float sum = sumOf<bytes>(&squares);
    for (; i < hidden; ++i) sum += x[i] * x[i];
    const float inverse = 1.0F / std::sqrt(sum / static_cast<float>(hidden) + epsilon);
    for (int k = 0; k < hidden; ++k) output[k * tokens + t] = x[k] * inverse * gains[k];
  }
}

/// The row of the matrix in a place of a panel, or -1 in the padding.
CANOPY_INLINE std::int64_t rowAt(const PackedMatrix& matrix, int lanes, int panel, int vector, int lane) {
  if (matrix.halves) {
    const int half = matrix.rows / 2;
    const int row = panel * lanes + lane;
    return row < half ? std::int64_t{vector} * half + row : -1;
  }
  const int row = (panel * 2 + vector) * lanes + lane;
  return row < matrix.rows ? row : -1;
}

/// mixBits of each lane.
template <int bytes>
CANOPY_INLINE void mixLanes(Longs<bytes>* x) {
  Longs<bytes> v = *x + 0x9e3779b97f4a7c15ULL;
  v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9ULL;
  v = (v ^ (v >> 27)) * 0x94d049bb133111ebULL;
  *x = v ^ (v >> 31);
}

/// syntheticWeight of as many indices as a vector has floats: those of the even lanes, and those of the odd ones.
template <int bytes>
CANOPY_INLINE void weightLanes(std::uint64_t stream, const Longs<bytes>* even, const Longs<bytes>* odd, float scale,
                               Floats<bytes>* weights) {
  Longs<bytes> low = *even ^ stream;
  Longs<bytes> high = *odd ^ stream;
  mixLanes<bytes>(&low);
  mixLanes<bytes>(&high);
  const Longs<bytes> both = (low >> 40) | ((high >> 40) << 32);
  const Integers<bytes> top = reinterpret_cast<Integers<bytes>>(both) - (1 << 23);
  *weights = __builtin_convertvector(top, Floats<bytes>) * (1.0F / static_cast<float>(1 << 23)) * scale;
}

/// The bits of the nearest bf16 in the high half of each lane, as toBf16; the low half is to be masked.
template <int bytes>
CANOPY_INLINE void roundLanes(const Floats<bytes>* x, Words<bytes>* rounded) {
  const Words<bytes> bits = reinterpret_cast<Words<bytes>>(*x);
  *rounded = bits + 0x7fffU + ((bits >> 16) & 1U);
}

template <int bytes, bool bf16>
CANOPY_INLINE void fillPanelsBody(const PackedMatrix& matrix, std::uint32_t layer, Matrix name, float scale,
                                  int firstPanel, int endPanel) {
  constexpr int lanes = bytes / 4;
  const int depth = matrix.depth;
  const std::uint64_t stream = weightStream(layer, name);
  for (int panel = firstPanel; panel < endPanel; ++panel) {
    char* to = static_cast<char*>(matrix.data) + static_cast<std::size_t>(panel) * matrix.panelBytes;
    for (int vector = 0; vector < 2; ++vector) {
      // Index of the first weight of each row.
      Longs<bytes> even;
      Longs<bytes> odd;
      Words<bytes> exists;
      for (int lane = 0; lane < lanes; ++lane) {
        const std::int64_t row = rowAt(matrix, lanes, panel, vector, lane);
        const std::uint64_t first = static_cast<std::uint64_t>(row < 0 ? 0 : row) * static_cast<std::uint64_t>(depth);
        (lane % 2 == 0 ? even : odd)[lane / 2] = first;
        exists[lane] = row < 0 ? 0U : ~0U;
      }
      for (int k = 0; k < depth; k += bf16 ? 2 : 1) {
        Floats<bytes> weights;
        weightLanes<bytes>(stream, &even, &odd, scale, &weights);
        even += 1;
        odd += 1;
        Words<bytes> words;
        if constexpr (bf16) {
          Words<bytes> first;
          Words<bytes> second = {};
          roundLanes<bytes>(&weights, &first);
          if (k + 1 < depth) {
            weightLanes<bytes>(stream, &even, &odd, scale, &weights);
            roundLanes<bytes>(&weights, &second);
          }
          even += 1;
          odd += 1;
          words = (first >> 16) | (second & 0xffff0000U);
        } else {
          words = reinterpret_cast<Words<bytes>>(weights);
        }
        words &= exists;
        const auto step = static_cast<std::size_t>(bf16 ? k / 2 : k);
        store(to + (step * 2 + static_cast<std::size_t>(vector)) * bytes, &words);
      }
    }
  }
}

template <int bytes, bool bf16>
CANOPY_INLINE void fillArrayBody(void* to, std::uint32_t layer, Matrix name, std::uint64_t first, std::uint64_t end,
                                 float scale) {
  constexpr int lanes = bytes / 4;
  constexpr int weightsOfLane = bf16 ? 2 : 1;
  const std::uint64_t stream = weightStream(layer, name);
  auto* place = static_cast<char*>(to);
  Longs<bytes> even;
  Longs<bytes> odd;
  for (int lane = 0; lane < lanes; ++lane) {
    (lane % 2 == 0 ? even : odd)[lane / 2] = first + static_cast<std::uint64_t>(lane * weightsOfLane);
  }
  for (; first + lanes * weightsOfLane <= end; first += lanes * weightsOfLane) {
    Floats<bytes> weights;
    weightLanes<bytes>(stream, &even, &odd, scale, &weights);
    if constexpr (bf16) {
      Words<bytes> low;
      roundLanes<bytes>(&weights, &low);
      const Longs<bytes> evenNext = even + 1;
      const Longs<bytes> oddNext = odd + 1;
      weightLanes<bytes>(stream, &evenNext, &oddNext, scale, &weights);
      Words<bytes> high;
      roundLanes<bytes>(&weights, &high);
      const Words<bytes> words = (low >> 16) | (high & 0xffff0000U);
      store(place, &words);
    } else {
      store(place, &weights);
    }
    place += bytes;
    even += static_cast<std::uint64_t>(lanes * weightsOfLane);
    odd += static_cast<std::uint64_t>(lanes * weightsOfLane);
  }
  for (; first < end; ++first) {
    const float weight = syntheticWeight(layer, name, first, scale);
    if constexpr (bf16) {
      const std::uint16_t rounded = toBf16(weight);
      std::memcpy(place, &rounded, sizeof(rounded));
      place += sizeof(rounded);
    } else {
      std::memcpy(place, &weight, sizeof(weight));
      place += sizeof(weight);
    }
  }
}

template <int bytes>
CANOPY_INLINE std::uint32_t sumWordsBody(const std::uint32_t* words, std::size_t count) {
  constexpr std::size_t lanes = bytes / 4;
  constexpr std::size_t vectors = 8;
  Words<bytes> total[vectors] = {};
  for (std::size_t i = 0; i + vectors * lanes <= count; i += vectors * lanes) {
    for (std::size_t v = 0; v < vectors; ++v) {
      Words<bytes> x;
      load(&x, words + i + v * lanes);
      total[v] += x;
    }
  }
  std::uint32_t sum = 0;
  for (std::size_t v = 0; v < vectors; ++v) {
    std::uint32_t line[lanes];
    store(line, &total[v]);
    for (const std::uint32_t x : line) sum += x;
  }
  return sum;
}

}  // namespace canopy::cpu
