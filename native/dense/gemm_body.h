// The matrix product as templates over the vector width. Only kernels.cc includes this: what is here compiles to the
// instruction set of the function that it is inlined into, so everything is forced inline, and no vector is passed by
// value (its size is no part of the ABI of the rest of the addon).
//
// A tile is `rows` x `vectors` accumulators in registers. b is copied, a panel of a tile's width at a time, into a
// buffer that fits the first cache level: that makes rows contiguous whatever the transposition and pads odd widths
// with zeros. a is read in place, as scalars that are broadcast.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "dense/kernels.h"

#define CANOPY_INLINE [[gnu::always_inline]] inline

namespace canopy::dense {

/// Rows of b in a panel. Fixed for all instruction sets: it decides the order of the additions.
constexpr std::ptrdiff_t kBlock = 256;

/// At most this many rows of c: a panel of b would be used too few times to pay for its copy.
constexpr std::ptrdiff_t kDirectRows = 8;

template <int bytes>
struct VectorOf {
  using Aligned [[gnu::vector_size(bytes)]] = float;
};

template <int bytes>
using Vector = typename VectorOf<bytes>::Aligned;

template <typename V>
CANOPY_INLINE void load(V* to, const float* from) {
  std::memcpy(to, from, sizeof(V));
}

template <typename V>
CANOPY_INLINE void store(float* to, const V* from) {
  std::memcpy(to, from, sizeof(V));
}

/// c [rows, width] = alpha a b + beta c for one tile. a's element (r, p) is a[r * rowStride + p * depthStride]; b's row
/// p starts at b + p * bStride. Only the first `columns` columns of c exist.
template <int bytes, int rows, int vectors>
CANOPY_INLINE void tile(std::ptrdiff_t depth, const float* a, std::ptrdiff_t rowStride, std::ptrdiff_t depthStride,
                        const float* b, std::ptrdiff_t bStride, float alpha, float beta, float* c,
                        std::ptrdiff_t cStride, std::ptrdiff_t columns) {
  using V = Vector<bytes>;
  constexpr int lanes = bytes / static_cast<int>(sizeof(float));
  constexpr int width = lanes * vectors;
  V sums[rows][vectors] = {};
  for (std::ptrdiff_t p = 0; p < depth; ++p) {
    V right[vectors];
    for (int v = 0; v < vectors; ++v) load(&right[v], b + p * bStride + v * lanes);
    for (int r = 0; r < rows; ++r) {
      const float left = a[r * rowStride + p * depthStride];
      for (int v = 0; v < vectors; ++v) sums[r][v] += left * right[v];
    }
  }
  if (columns >= width) {
    for (int r = 0; r < rows; ++r) {
      for (int v = 0; v < vectors; ++v) {
        float* place = c + r * cStride + v * lanes;
        V result = sums[r][v] * alpha;
        if (beta != 0.0F) {
          V old;
          load(&old, place);
          result += beta * old;
        }
        store(place, &result);
      }
    }
    return;
  }
  for (int r = 0; r < rows; ++r) {
    float line[width];
    for (int v = 0; v < vectors; ++v) store(line + v * lanes, &sums[r][v]);
    for (std::ptrdiff_t j = 0; j < columns; ++j) {
      float& place = c[r * cStride + j];
      // Not `alpha * line + beta * place` in one: the compiler may fuse either product.
      float result = line[j] * alpha;
      if (beta != 0.0F) result += beta * place;
      place = result;
    }
  }
}

/// All tiles of the rows [first, m) that are `rows` high; returns the first row that is left.
template <int bytes, int rows, int vectors>
CANOPY_INLINE std::ptrdiff_t tiles(std::ptrdiff_t first, const GemmArguments& g, std::ptrdiff_t depthStart,
                                   std::ptrdiff_t depth, const float* b, std::ptrdiff_t bStride, float beta,
                                   std::ptrdiff_t column, std::ptrdiff_t columns) {
  const std::ptrdiff_t rowStride = g.transA ? 1 : g.k;
  const std::ptrdiff_t depthStride = g.transA ? g.m : 1;
  for (; first + rows <= g.m; first += rows) {
    const float* a = g.a + first * rowStride + depthStart * depthStride;
    float* c = g.c + first * g.n + column;
    // Two copies, so that the unit stride is known to the compiler in each.
    if (g.transA) {
      tile<bytes, rows, vectors>(depth, a, 1, depthStride, b, bStride, g.alpha, beta, c, g.n, columns);
    } else {
      tile<bytes, rows, vectors>(depth, a, rowStride, 1, b, bStride, g.alpha, beta, c, g.n, columns);
    }
  }
  return first;
}

/// panel [depth, width] from the columns [column, column + columns) of op(b), the rest zero.
template <int width>
CANOPY_INLINE void packPanel(float* panel, const GemmArguments& g, std::ptrdiff_t depthStart, std::ptrdiff_t depth,
                             std::ptrdiff_t column, std::ptrdiff_t columns) {
  if (!g.transB) {
    const float* from = g.b + depthStart * g.n + column;
    if (columns >= width) {
      for (std::ptrdiff_t p = 0; p < depth; ++p) std::memcpy(panel + p * width, from + p * g.n, width * sizeof(float));
      return;
    }
    for (std::ptrdiff_t p = 0; p < depth; ++p) {
      for (std::ptrdiff_t j = 0; j < columns; ++j) panel[p * width + j] = from[p * g.n + j];
      for (std::ptrdiff_t j = columns; j < width; ++j) panel[p * width + j] = 0.0F;
    }
    return;
  }
  // Squares of 4 x 4 are turned in registers; element by element this copy would take a tenth of the product's time.
  using V = Vector<16>;
  const float* from = g.b + column * g.k + depthStart;
  std::ptrdiff_t j = 0;
  for (; j + 4 <= std::min<std::ptrdiff_t>(columns, width); j += 4) {
    const float* lines = from + j * g.k;
    std::ptrdiff_t p = 0;
    for (; p + 4 <= depth; p += 4) {
      V r0, r1, r2, r3;
      load(&r0, lines + p);
      load(&r1, lines + g.k + p);
      load(&r2, lines + 2 * g.k + p);
      load(&r3, lines + 3 * g.k + p);
      const V low01 = __builtin_shufflevector(r0, r1, 0, 4, 1, 5);
      const V high01 = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
      const V low23 = __builtin_shufflevector(r2, r3, 0, 4, 1, 5);
      const V high23 = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
      const V t0 = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
      const V t1 = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
      const V t2 = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
      const V t3 = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
      store(panel + p * width + j, &t0);
      store(panel + (p + 1) * width + j, &t1);
      store(panel + (p + 2) * width + j, &t2);
      store(panel + (p + 3) * width + j, &t3);
    }
    for (; p < depth; ++p) {
      for (int i = 0; i < 4; ++i) panel[p * width + j + i] = lines[i * g.k + p];
    }
  }
  for (; j < width; ++j) {
    for (std::ptrdiff_t p = 0; p < depth; ++p) panel[p * width + j] = j < columns ? from[j * g.k + p] : 0.0F;
  }
}

/// The product with tiles of `rows` x `vectors` vectors of `bytes`.
template <int bytes, int rows, int vectors>
CANOPY_INLINE void gemmBody(const GemmArguments& g) {
  constexpr int width = bytes / static_cast<int>(sizeof(float)) * vectors;
  if (g.k == 0 || g.alpha == 0.0F) {
    for (std::ptrdiff_t i = 0; i < g.m * g.n; ++i) g.c[i] = g.beta == 0.0F ? 0.0F : g.beta * g.c[i];
    return;
  }
  alignas(64) float panel[kBlock * width];
  for (std::ptrdiff_t start = 0; start < g.k; start += kBlock) {
    const std::ptrdiff_t depth = std::min(kBlock, g.k - start);
    const float beta = start == 0 ? g.beta : 1.0F;
    for (std::ptrdiff_t column = 0; column < g.n; column += width) {
      const std::ptrdiff_t columns = g.n - column;
      const bool direct = !g.transB && columns >= width && g.m <= kDirectRows;
      if (!direct) packPanel<width>(panel, g, start, depth, column, columns);
      const float* b = direct ? g.b + start * g.n + column : panel;
      const std::ptrdiff_t bStride = direct ? g.n : width;
      std::ptrdiff_t row = tiles<bytes, rows, vectors>(0, g, start, depth, b, bStride, beta, column, columns);
      row = tiles<bytes, 4, vectors>(row, g, start, depth, b, bStride, beta, column, columns);
      row = tiles<bytes, 2, vectors>(row, g, start, depth, b, bStride, beta, column, columns);
      tiles<bytes, 1, vectors>(row, g, start, depth, b, bStride, beta, column, columns);
    }
  }
}

}  // namespace canopy::dense
