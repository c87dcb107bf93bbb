// The loops of a transformer on a CPU, one set per instruction set. Stateless and reentrant.
//
// Every element of a result is summed in one accumulator and in a fixed order, whatever else is in the step: the
// outputs of a sequence do not depend on its neighbours, on chunks, or on the number of threads.
//
// Packed weights: panels of 2 vectors of rows, so `panelRows` rows, the last panel padded with zeros. In a panel the
// depth runs slowest, then the two vectors, then the rows of a vector. bf16 weights are kept as pairs along the depth,
// the even one in the low half of 32 bits: a shift and a mask make two floats of them.
//
// Packed input: the tokens of a step are cut into tiles of at most `tileTokens`; tile i holds [depth][tokens of the
// tile] and starts at tileStarts[i] * depth floats. The depth is rounded up to even; the weights there are zero, and
// the values have to be finite.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dense/isa.h"
#include "engine/model_shape.h"
#include "engine/synthetic_weights.h"

namespace canopy::cpu {

inline std::size_t roundUp(std::size_t x, std::size_t multiple) { return (x + multiple - 1) / multiple * multiple; }

/// Lanes of the widest vector: what does not depend on the instruction set is padded to it.
constexpr int kMostLanes = 16;

/// The largest tileTokens of all instruction sets.
constexpr int kMostTileTokens = 8;

/// A matrix in panels.
struct PackedMatrix {
  void* data = nullptr;
  int rows = 0;
  int depth = 0;
  int panels = 0;
  std::size_t panelBytes = 0;
  bool bf16 = false;
  /// Rows are halves of one output: the first vector of a panel holds rows of the first half, the second the same rows
  /// of the second half (gate and up).
  bool halves = false;
};

/// The largest logit of a sequence so far; of equal ones the lowest row.
struct Largest {
  float value;
  std::int32_t row;
};

enum class Finish {
  store,    ///< output[token, row] = y
  add,      ///< output[token, row] += y
  gate,     ///< packed output[row][token] = silu(y of the first half) * y of the second
  largest,  ///< largest[token] over the rows
};

/// y = W x for panels [firstPanel, endPanel) and tiles [firstTile, endTile).
struct Product {
  const PackedMatrix* weights = nullptr;
  const float* input = nullptr;  ///< packed
  const std::int32_t* tileStarts = nullptr;
  Finish finish = Finish::store;
  float* output = nullptr;
  std::size_t outputStride = 0;  ///< store, add: floats of a row [token]; gate: depth of the packed output
  Largest* largest = nullptr;    ///< [tokens]
};

/// Keys and values of a layer. bf16 values are kept in pairs, as weights are: keys along the head, values along the
/// tokens.
///   keys   of a block and head [headDim][keyStride], token after token;  values [blockTokens][valueStride]
struct CacheLayout {
  int headDim = 0;
  int kvHeads = 0;
  int blockTokens = 0;
  bool bf16 = false;
  std::size_t keyStride = 0;    ///< blockTokens, padded
  std::size_t valueStride = 0;  ///< headDim, padded
  std::size_t keyBytes = 0;     ///< of a block and head
  std::size_t valueBytes = 0;
  std::size_t blockBytes = 0;  ///< all heads, first their keys, then their values
};

CacheLayout cacheLayoutOf(const ModelShape& shape, int blockTokens);

/// Rotates the queries and the key of one token; queries are multiplied by 1 / sqrt(headDim) too. Key and value go to
/// their slot.
struct RotateAndStore {
  const CacheLayout* layout = nullptr;
  float* qkv = nullptr;  ///< [heads + 2 kvHeads, headDim]; queries are rotated in place
  int heads = 0;
  const float* cosines = nullptr;  ///< [headDim / 2] of the position
  const float* sines = nullptr;
  char* cache = nullptr;  ///< of the layer
  std::int32_t slot = 0;
};

/// Tokens [firstToken, endToken) of a step, all of one sequence, for the query heads of one key/value head.
struct Attention {
  const CacheLayout* layout = nullptr;
  const float* qkv = nullptr;  ///< [tokens of the step][qkvStride], rotated
  std::size_t qkvStride = 0;
  int heads = 0;
  int kvHead = 0;
  int firstToken = 0;
  int endToken = 0;
  const std::int32_t* positions = nullptr;  ///< [tokens of the step]
  const std::int32_t* blockTable = nullptr;
  const char* cache = nullptr;  ///< of the layer
  float* queries = nullptr;     ///< scratch of this thread: kMostTileTokens * valueStride floats
  float* scores = nullptr;      ///< scratch of this thread: scoresFloats(longest context) floats
  const std::int32_t* tileStarts = nullptr;
  const std::int32_t* tileOf = nullptr;  ///< [tokens of the step]
  float* output = nullptr;               ///< packed, depth heads * headDim
  std::size_t outputDepth = 0;           ///< rounded up to even
};

struct Kernels {
  int lanes;
  int tileTokens;
  int panelRows() const { return 2 * lanes; }

  /// Synthetic weights into panels [firstPanel, endPanel).
  void (*fillPanels)(const PackedMatrix& matrix, std::uint32_t layer, Matrix name, float scale, int firstPanel,
                     int endPanel);
  /// Synthetic weights [first, end) of a matrix in their own order, as fp32 or bf16.
  void (*fillArray)(void* to, bool bf16, std::uint32_t layer, Matrix name, std::uint64_t first, std::uint64_t end,
                    float scale);
  void (*multiply)(const Product& product, int firstPanel, int endPanel, int firstTile, int endTile);
  /// Root mean square norm of `tokens` rows of x [tokens][hidden] into a packed tile.
  void (*normTile)(const float* const* rows, int tokens, int hidden, const float* gains, float epsilon, float* output);
  void (*rotateAndStore)(const RotateAndStore& work);
  void (*attend)(const Attention& work);
  /// The sum of `count` words, a multiple of 1024: reads at the speed of the memory.
  std::uint32_t (*sumWords)(const std::uint32_t* words, std::size_t count);
};

/// Floats for the scores of contexts of up to `tokens`.
inline std::size_t scoresFloats(int tokens) {
  return kMostTileTokens * (roundUp(static_cast<std::size_t>(tokens), kMostLanes) + 2 * kMostLanes);
}

/// The kernels of an instruction set that this CPU has.
const Kernels& kernelsOf(dense::Isa isa);

}  // namespace canopy::cpu
