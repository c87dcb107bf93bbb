/**
 * Makes a measured row non-decreasing: where it dips, neighbours share their weighted mean (pool adjacent violators), the
 * non-decreasing row that is nearest in squares.
 */
export function isotonicRow(values: readonly number[]): number[] {
  const pools: { mean: number; count: number }[] = [];
  for (const value of values) {
    let pool = { mean: value, count: 1 };
    for (let last = pools.at(-1); last !== undefined && last.mean > pool.mean; last = pools.at(-1)) {
      const count = last.count + pool.count;
      pool = { mean: (last.mean * last.count + pool.mean * pool.count) / count, count };
      pools.pop();
    }
    pools.push(pool);
  }
  return pools.flatMap(({ mean, count }) => Array<number>(count).fill(mean));
}

/** Rounds of rows and columns; noise of a few percent settles in two or three. */
const ROUNDS = 20;

/** A grid that falls neither along rows nor along columns: rows and columns in turn, then what is left by running maxima. */
export function isotonicGrid(grid: readonly (readonly number[])[]): number[][] {
  let result = grid.map((row) => [...row]);
  for (let round = 0; round < ROUNDS; round++) {
    result = result.map(isotonicRow);
    result = transposed(transposed(result).map(isotonicRow));
  }
  for (let i = 0; i < result.length; i++) {
    for (let j = 0; j < result[i].length; j++) {
      if (i > 0) result[i][j] = Math.max(result[i][j], result[i - 1][j]);
      if (j > 0) result[i][j] = Math.max(result[i][j], result[i][j - 1]);
    }
  }
  return result;
}

function transposed(grid: readonly (readonly number[])[]): number[][] {
  return (grid[0] ?? []).map((_, column) => grid.map((row) => row[column]));
}
