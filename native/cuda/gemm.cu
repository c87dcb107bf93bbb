// y [m, n] = x [m, k] w^T, w [n, k], bf16 in, fp32 sums, on tensor cores (mma m16n8k16).
//
// Two kernels, for two limits:
//   skinnyKernel  m <= 16: time is that of reading w once. No shared memory on the way: lanes load w straight into
//                 fragments, 16 bytes each.
//   tileKernel    larger m: time is that of the tensor cores. Tiles go through shared memory by cp.async.
#include "cuda/device.h"
#include "cuda/kernels.h"

namespace canopy::cuda {

namespace {

__device__ inline void storeOne(void* y, bool fp32, std::size_t index, float value) {
  if (fp32) {
    static_cast<float*>(y)[index] = value;
  } else {
    static_cast<bf16*>(y)[index] = toBf16(value);
  }
}

/// Two neighbours; `pair` says that both exist and that the index is even.
__device__ inline void storePair(void* y, bool fp32, std::size_t index, float first, float second, bool pair) {
  if (!pair) {
    storeOne(y, fp32, index, first);
  } else if (fp32) {
    *reinterpret_cast<float2*>(static_cast<float*>(y) + index) = make_float2(first, second);
  } else {
    *reinterpret_cast<std::uint32_t*>(static_cast<bf16*>(y) + index) = packBf16(first, second);
  }
}

// ---- skinnyKernel
//
// Grid: n / 16 blocks of 8 warps. A block owns 16 rows of w and all rows of x; y^T = w x^T, so that the 16 rows of w
// are the rows of a fragment and x (8 or 16 rows) is the columns: no tensor-core row is empty at m = 8.
// The warps share k out in turns of 64 (128 bytes of each row), and add up at the end.
// In a turn, lane (g, t) loads 16 bytes at k = 8 t and at k = 32 + 8 t of row g, of row g + 8, and of x alike. Which k
// a fragment's column stands for is free, if w and x agree: 16 bytes are two fragments' worth.
// Shared memory: 8 warps x (16 x columns) floats for the last sum.

inline constexpr int skinnyWarps = 8;
inline constexpr int skinnyRows = 16;
inline constexpr int turnLength = 64;

template <int tiles>
__device__ inline void skinnyTurn(float (&sums)[tiles][4], const bf16* low, const bf16* high,
                                  const bf16* const (&x)[tiles], int k, int limit) {
  UNROLL
  for (int part = 0; part < 2; ++part) {
    const int at = k + 32 * part;
    // A multiple of 8 in all, so that 16 bytes are inside or outside as a whole.
    const bool inside = at < limit;
    const uint4 zero = make_uint4(0, 0, 0, 0);
    const uint4 wLow = inside ? loadStreaming(low + at) : zero;
    const uint4 wHigh = inside ? loadStreaming(high + at) : zero;
    const std::uint32_t first[4] = {wLow.x, wHigh.x, wLow.y, wHigh.y};
    const std::uint32_t second[4] = {wLow.z, wHigh.z, wLow.w, wHigh.w};
    UNROLL
    for (int tile = 0; tile < tiles; ++tile) {
      const uint4 values = inside ? *reinterpret_cast<const uint4*>(x[tile] + at) : zero;
      mma16816(sums[tile], first, values.x, values.y);
      mma16816(sums[tile], second, values.z, values.w);
    }
  }
}

template <int tiles>
__global__ void __launch_bounds__(skinnyWarps * 32, 2) skinnyKernel(Product product) {
  DYNAMIC_SHARED(float, partial);  // [warp][column of x][row of w]
  const int m = product.m;
  const int n = product.n;
  const int k = product.k;
  const int thread = static_cast<int>(threadIdx.x);
  const int warp = thread / 32;
  const int g = thread % 32 / 4;
  const int t = thread % 4;
  const int row = static_cast<int>(blockIdx.x) * skinnyRows;
  // Rows behind the last are read as the last, and not written: no branch in the loop.
  const auto rowOf = [&](const bf16* matrix, int index, int count) {
    return matrix + static_cast<std::size_t>(index < count ? index : count - 1) * static_cast<std::size_t>(k) + 8 * t;
  };
  const bf16* low = rowOf(product.w, row + g, n);
  const bf16* high = rowOf(product.w, row + g + 8, n);
  const bf16* x[tiles];
  float sums[tiles][4];
  UNROLL
  for (int tile = 0; tile < tiles; ++tile) {
    x[tile] = rowOf(product.x, 8 * tile + g, m);
    UNROLL
    for (int i = 0; i < 4; ++i) sums[tile][i] = 0.0F;
  }
  const int whole = k / turnLength * turnLength;
  int at = warp * turnLength;
  UNROLL_BY(2)
  for (; at < whole; at += skinnyWarps * turnLength) skinnyTurn<tiles>(sums, low, high, x, at, 0x7fffffff);
  if (at < k) skinnyTurn<tiles>(sums, low, high, x, at, k - 8 * t);

  constexpr int columns = 8 * tiles;
  float* mine = partial + warp * columns * skinnyRows;
  UNROLL
  for (int tile = 0; tile < tiles; ++tile) {
    UNROLL
    for (int i = 0; i < 4; ++i) {
      mine[(8 * tile + 2 * t + i % 2) * skinnyRows + g + (i < 2 ? 0 : 8)] = sums[tile][i];
    }
  }
  __syncthreads();
  for (int i = thread; i < columns * skinnyRows; i += skinnyWarps * 32) {
    float sum = 0.0F;
    UNROLL
    for (int w = 0; w < skinnyWarps; ++w) sum += partial[w * columns * skinnyRows + i];
    const int column = i / skinnyRows;
    const int weightRow = row + i % skinnyRows;
    if (column < m && weightRow < n) {
      storeOne(product.y, product.fp32, static_cast<std::size_t>(column) * static_cast<std::size_t>(n) + weightRow,
               sum);
    }
  }
}

// ---- tileKernel
//
// Grid: (m / tile, n / tile, splits); m runs fastest, so that blocks that run together read the same rows of w.
// A block owns a square of y (tile = 128: 8 warps of 64x32; tile = 64: 4 warps of 32x32) over its part of k.
// Shared memory: `stages` stages of [tile rows of x, tile rows of w] x 32 values of k. Three stages are on their way
// while one is used. Rows are 64 bytes, two in a line of 128 bytes; the 16-byte chunk c of row r lies at
// c ^ (r / 2 % 4), so that the eight rows that ldmatrix reads at once are in different banks.
// Parts of k go to fp32 planes [split][m][n] in the workspace, which sumKernel adds in a fixed order.

inline constexpr int stages = 4;
inline constexpr int depth = 32;          ///< values of k in a stage
inline constexpr int chunks = depth / 8;  ///< 16-byte chunks of a row

template <int tile>
struct TileShape {
  static constexpr int warpRows = tile / 2;
  static constexpr int warpColumns = 32;
  static constexpr int threads = 2 * (tile / warpColumns) * 32;
  static constexpr int stageValues = 2 * tile * depth;
  static constexpr std::size_t sharedBytes = std::size_t{stages} * stageValues * sizeof(bf16);
};

__device__ inline int chunkAt(int row, int chunk) { return row * depth + (chunk ^ (row / 2 % chunks)) * 8; }

template <int tile>
__device__ inline void loadStage(bf16* stage, const bf16* x, const bf16* w, int row, int column, int k, int m, int n,
                                 int kTotal) {
  constexpr int perMatrix = tile * chunks;
  for (int i = static_cast<int>(threadIdx.x); i < 2 * perMatrix; i += TileShape<tile>::threads) {
    const bool isX = i < perMatrix;
    const int at = isX ? i : i - perMatrix;
    const int r = at / chunks;
    const int chunk = at % chunks;
    const int index = (isX ? row : column) + r;
    const int from = k + 8 * chunk;
    const bool valid = index < (isX ? m : n) && from < kTotal;
    const bf16* source = isX ? x : w;
    const std::size_t offset =
        valid ? static_cast<std::size_t>(index) * static_cast<std::size_t>(kTotal) + static_cast<std::size_t>(from) : 0;
    cpAsync16(stage + (isX ? 0 : tile * depth) + chunkAt(r, chunk), source + offset, valid);
  }
}

template <int tile>
__global__ void __launch_bounds__(TileShape<tile>::threads, tile == 128 ? 2 : 4)
    tileKernel(Product product, float* workspace) {
  using Shape = TileShape<tile>;
  constexpr int rowTiles = Shape::warpRows / 16;
  constexpr int columnTiles = Shape::warpColumns / 8;
  DYNAMIC_SHARED(bf16, shared);
  const int m = product.m;
  const int n = product.n;
  const int k = product.k;
  const int row = static_cast<int>(blockIdx.x) * tile;
  const int column = static_cast<int>(blockIdx.y) * tile;
  const int turns = (k + depth - 1) / depth;
  const int turnsOfSplit = (turns + static_cast<int>(gridDim.z) - 1) / static_cast<int>(gridDim.z);
  const int firstTurn = static_cast<int>(blockIdx.z) * turnsOfSplit;
  const int lastTurn = firstTurn + turnsOfSplit < turns ? firstTurn + turnsOfSplit : turns;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int warpRow = warp % 2 * Shape::warpRows;
  const int warpColumn = warp / 2 * Shape::warpColumns;

  float sums[rowTiles][columnTiles][4];
  UNROLL
  for (int i = 0; i < rowTiles; ++i) {
    UNROLL
    for (int j = 0; j < columnTiles; ++j) {
      UNROLL
      for (int e = 0; e < 4; ++e) sums[i][j][e] = 0.0F;
    }
  }

  for (int s = 0; s < stages - 1; ++s) {
    if (firstTurn + s < lastTurn) {
      loadStage<tile>(shared + s * Shape::stageValues, product.x, product.w, row, column, (firstTurn + s) * depth, m, n,
                      k);
    }
    cpAsyncCommit();  // a group for each stage, empty ones too, so that the count of the wait holds
  }
  for (int turn = firstTurn; turn < lastTurn; ++turn) {
    cpAsyncWait<stages - 2>();
    // Everyone's copies of this stage are there, and everyone has done with the stage that is filled next.
    __syncthreads();
    const int next = turn + stages - 1;
    if (next < lastTurn) {
      loadStage<tile>(shared + (next - firstTurn) % stages * Shape::stageValues, product.x, product.w, row, column,
                      next * depth, m, n, k);
    }
    cpAsyncCommit();
    const bf16* xTile = shared + (turn - firstTurn) % stages * Shape::stageValues;
    const bf16* wTile = xTile + tile * depth;
    UNROLL
    for (int step = 0; step < depth / 16; ++step) {
      std::uint32_t a[rowTiles][4];
      std::uint32_t b[columnTiles / 2][4];
      UNROLL
      for (int i = 0; i < rowTiles; ++i) {
        ldmatrix4(a[i], xTile + chunkAt(warpRow + 16 * i + lane % 16, 2 * step + lane / 16));
      }
      UNROLL
      for (int j = 0; j < columnTiles / 2; ++j) {
        ldmatrix4(b[j], wTile + chunkAt(warpColumn + 16 * j + lane % 8 + lane / 16 * 8, 2 * step + lane / 8 % 2));
      }
      UNROLL
      for (int i = 0; i < rowTiles; ++i) {
        UNROLL
        for (int j = 0; j < columnTiles; ++j) {
          mma16816(sums[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
        }
      }
    }
  }

  const bool whole = gridDim.z == 1;
  void* y = whole ? product.y
                  : static_cast<void*>(workspace + static_cast<std::size_t>(blockIdx.z) * static_cast<std::size_t>(m) *
                                                       static_cast<std::size_t>(n));
  const bool fp32 = !whole || product.fp32;
  UNROLL
  for (int i = 0; i < rowTiles; ++i) {
    UNROLL
    for (int half = 0; half < 2; ++half) {
      const int r = row + warpRow + 16 * i + 8 * half + lane / 4;
      UNROLL
      for (int j = 0; j < columnTiles; ++j) {
        const int c = column + warpColumn + 8 * j + lane % 4 * 2;
        if (r >= m || c >= n) continue;
        const std::size_t index =
            static_cast<std::size_t>(r) * static_cast<std::size_t>(n) + static_cast<std::size_t>(c);
        const bool pair = c + 1 < n && n % 2 == 0;
        storePair(y, fp32, index, sums[i][j][2 * half], sums[i][j][2 * half + 1], pair);
        if (!pair && c + 1 < n) storeOne(y, fp32, index + 1, sums[i][j][2 * half + 1]);
      }
    }
  }
}

/// y = sum of the planes; a thread per value.
__global__ void __launch_bounds__(256)
    sumKernel(const float* planes, void* y, bool fp32, std::uint64_t count, int splits) {
  const std::uint64_t i = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= count) return;
  float sum = 0.0F;
  for (int s = 0; s < splits; ++s) sum += planes[static_cast<std::uint64_t>(s) * count + i];
  storeOne(y, fp32, i, sum);
}

int ceilDivide(int a, int b) { return (a + b - 1) / b; }

/// Blocks that keep a multiprocessor busy at the small tile.
inline constexpr int smallTilesPerMultiprocessor = 3;

template <int tile>
void startTiles(const Product& product, int splits, float* workspace, cudaStream_t stream) {
  using Shape = TileShape<tile>;
  const dim3 grid(static_cast<unsigned>(ceilDivide(product.m, tile)),
                  static_cast<unsigned>(ceilDivide(product.n, tile)), static_cast<unsigned>(splits));
  launch("tileProduct", tileKernel<tile>, grid, Shape::threads, Shape::sharedBytes, stream, product, workspace);
}

}  // namespace

void skinnyProduct(const Product& product, cudaStream_t stream) {
  const auto blocks = static_cast<unsigned>(ceilDivide(product.n, skinnyRows));
  const auto shared = [](int columns) { return static_cast<std::size_t>(skinnyWarps * skinnyRows * columns) * 4; };
  if (product.m <= 8) {
    launch("skinnyProduct", skinnyKernel<1>, blocks, skinnyWarps * 32, shared(8), stream, product);
  } else {
    launch("skinnyProduct", skinnyKernel<2>, blocks, skinnyWarps * 32, shared(16), stream, product);
  }
}

TilePlan planTiles(int m, int n, int k, int multiprocessors) {
  if (ceilDivide(m, 128) * ceilDivide(n, 128) >= multiprocessors) return {128, 1};
  const int tiles = ceilDivide(m, 64) * ceilDivide(n, 64);
  // A part shorter than 256 values of k is gone before its pipeline is full.
  const int longest = k / 256 < 1 ? 1 : k / 256;
  const int wanted = smallTilesPerMultiprocessor * multiprocessors / tiles;
  const int splits = wanted < 1 ? 1 : wanted;
  return {64, splits < longest ? splits : longest};
}

std::size_t tileWorkspace(int multiprocessors) {
  return static_cast<std::size_t>(smallTilesPerMultiprocessor * multiprocessors) * 64 * 64;
}

void tileProduct(const Product& product, const TilePlan& plan, float* workspace, cudaStream_t stream) {
  if (plan.tile == 128) {
    startTiles<128>(product, plan.splits, workspace, stream);
  } else {
    startTiles<64>(product, plan.splits, workspace, stream);
  }
  if (plan.splits > 1) {
    const auto count = static_cast<std::uint64_t>(product.m) * static_cast<std::uint64_t>(product.n);
    launch("sumPlanes", sumKernel, static_cast<unsigned>((count + 255) / 256), 256, 0, stream,
           static_cast<const float*>(workspace), product.y, product.fp32, count, plan.splits);
  }
}

}  // namespace canopy::cuda
