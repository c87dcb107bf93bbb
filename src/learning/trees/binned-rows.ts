import { binOf, quantileCuts } from "./quantile-bins.ts";

/** Rows whose values are bins: what trees are grown from. */
export interface BinnedRows {
  readonly rows: number;
  /** Features with more than one bin, as indices of the columns given: the others cannot split anything. */
  readonly used: Int32Array;
  /** Cuts of each used feature. */
  readonly cuts: readonly Float64Array[];
  /** First bin of each used feature in the numbering over all of them, and the number of all bins at the end. */
  readonly firstBin: Int32Array;
  /** [rows, used features], row-major: bins in the numbering over all features. */
  readonly bins: Uint16Array;
}

/** Bins of all features together. */
const MOST_BINS = 65536;

/**
 * Bins the columns of a training set.
 *
 * @param columns one array for each feature, `rows` values in each
 * @throws RangeError where the features have more than 65,536 bins together
 */
export function binRows(columns: readonly Float64Array[], rows: number, maxBins: number): BinnedRows {
  const used: number[] = [];
  const cuts: Float64Array[] = [];
  const firstBin: number[] = [0];
  for (let feature = 0; feature < columns.length; feature++) {
    const own = quantileCuts(columns[feature].subarray(0, rows), maxBins);
    if (own.length === 0) continue;
    used.push(feature);
    cuts.push(own);
    firstBin.push(firstBin[firstBin.length - 1] + own.length + 1);
  }
  const total = firstBin[firstBin.length - 1];
  if (total > MOST_BINS) throw new RangeError(`${total} bins in all, expected at most ${MOST_BINS}`);
  const width = used.length;
  const bins = new Uint16Array(rows * width);
  for (let f = 0; f < width; f++) {
    const column = columns[used[f]];
    const first = firstBin[f];
    for (let row = 0, at = f; row < rows; row++, at += width) bins[at] = first + binOf(column[row], cuts[f]);
  }
  return { rows, used: Int32Array.from(used), cuts, firstBin: Int32Array.from(firstBin), bins };
}
