/**
 * Makes a measured row non-decreasing: where it dips, neighbours share their weighted mean (pool adjacent violators), the
 * non-decreasing row that is nearest in weighted squares.
 *
 * @param weights one for each value, above 0; default all equal
 */
export function isotonicRow(values: readonly number[], weights?: readonly number[]): number[] {
  const pools: { mean: number; weight: number; count: number }[] = [];
  values.forEach((value, i) => {
    let pool = { mean: value, weight: weights?.[i] ?? 1, count: 1 };
    for (let last = pools.at(-1); last !== undefined && last.mean > pool.mean; last = pools.at(-1)) {
      const weight = last.weight + pool.weight;
      pool = {
        mean: (last.mean * last.weight + pool.mean * pool.weight) / weight,
        weight,
        count: last.count + pool.count,
      };
      pools.pop();
    }
    pools.push(pool);
  });
  return pools.flatMap(({ mean, count }) => Array<number>(count).fill(mean));
}

const MOST_ROUNDS = 500;
/** Relative change of a round at which the projections have met. */
const MET = 1e-12;

/**
 * A grid that falls neither along rows nor along columns, the nearest in weighted squares: projections on rows and on
 * columns in turn, each with its correction carried on (Dykstra's algorithm; Dykstra & Robertson 1982 for this problem),
 * and what rounding leaves by running maxima.
 *
 * @param weights same shape, above 0; default all equal
 */
export function isotonicGrid(
  grid: readonly (readonly number[])[],
  weights?: readonly (readonly number[])[],
): number[][] {
  const columnWeights = weights && transposed(weights);
  let result = grid.map((row) => [...row]);
  let rowCorrection = grid.map((row) => row.map(() => 0));
  let columnCorrection = rowCorrection;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const before = result;
    const forRows = sum(result, rowCorrection, 1);
    const rows = forRows.map((row, i) => isotonicRow(row, weights?.[i]));
    rowCorrection = sum(forRows, rows, -1);
    const forColumns = sum(rows, columnCorrection, 1);
    result = transposed(transposed(forColumns).map((column, j) => isotonicRow(column, columnWeights?.[j])));
    columnCorrection = sum(forColumns, result, -1);
    const met = result.every((row, i) =>
      row.every((value, j) => Math.abs(value - before[i][j]) <= MET * Math.abs(value)),
    );
    if (met) break;
  }
  for (let i = 0; i < result.length; i++) {
    for (let j = 0; j < result[i].length; j++) {
      if (i > 0) result[i][j] = Math.max(result[i][j], result[i - 1][j]);
      if (j > 0) result[i][j] = Math.max(result[i][j], result[i][j - 1]);
    }
  }
  return result;
}

function sum(a: readonly (readonly number[])[], b: readonly (readonly number[])[], factor: number) {
  return a.map((row, i) => row.map((value, j) => value + factor * b[i][j]));
}

function transposed(grid: readonly (readonly number[])[]): number[][] {
  return (grid[0] ?? []).map((_, column) => grid.map((row) => row[column]));
}
