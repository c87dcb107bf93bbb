import { binOf, quantileCuts } from "./quantile-bins.ts";

/** Rows whose values are bins: what trees are grown from. */
export interface BinnedRows {
  readonly rows: number;
  /**
   * Features that splits can use, as indices of the columns given: those with more than one bin, and of several with
   * the same bin in every row the first, since it would win every tie.
   */
  readonly used: Int32Array;
  /** Cuts of each used feature. */
  readonly cuts: readonly Float64Array[];
  /** First bin of each used feature in the numbering over all of them, and the number of all their bins at the end. */
  readonly firstBin: Int32Array;
  /** Bins in each row: those of the used features, filled up to a multiple of `SIDE_BY_SIDE` with one of its own. */
  readonly width: number;
  /** [rows, width], row-major: bins in the numbering over all features. */
  readonly bins: Uint16Array;
}

/** Features that a histogram takes in one step. */
export const SIDE_BY_SIDE = 4;

/** Bins of all features together, and the one that fills up rows. */
const MOST_BINS = 65536;

/**
 * Bins the columns of a training set.
 *
 * @param columns one array for each feature, `rows` values in each
 * @throws RangeError where the features have more than 65,535 bins together
 */
export function binRows(columns: readonly Float64Array[], rows: number, maxBins: number): BinnedRows {
  const used: number[] = [];
  const cuts: Float64Array[] = [];
  const own: Uint8Array[] = [];
  const firstBin: number[] = [0];
  for (let feature = 0; feature < columns.length; feature++) {
    const column = columns[feature].subarray(0, rows);
    const between = quantileCuts(column, maxBins);
    if (between.length === 0) continue;
    const bins = new Uint8Array(rows);
    for (let row = 0; row < rows; row++) bins[row] = binOf(column[row], between);
    if (own.some((other) => Buffer.compare(other, bins) === 0)) continue;
    used.push(feature);
    cuts.push(between);
    own.push(bins);
    firstBin.push(firstBin[firstBin.length - 1] + between.length + 1);
  }
  const total = firstBin[firstBin.length - 1];
  if (total >= MOST_BINS) throw new RangeError(`${total} bins in all, expected fewer than ${MOST_BINS}`);
  const width = Math.ceil(used.length / SIDE_BY_SIDE) * SIDE_BY_SIDE;
  const bins = new Uint16Array(rows * width).fill(total);
  for (const [f, column] of own.entries())
    for (let row = 0, at = f; row < rows; row++, at += width) bins[at] = firstBin[f] + column[row];
  return { rows, used: Int32Array.from(used), cuts, firstBin: Int32Array.from(firstBin), width, bins };
}

/** Bins that a histogram has: those of the features, and the one that fills up rows. */
export function binCount({ firstBin }: BinnedRows): number {
  return firstBin[firstBin.length - 1] + 1;
}
