import type { BinnedRows } from "./binned-rows.ts";

/** Numbers for each bin: sum of gradients, rows, and with a logistic loss the sum of second derivatives. */
export type HistogramStride = 2 | 3;

/**
 * Sums the gradients of rows into bins.
 *
 * @param histogram [bins, stride], overwritten
 * @param order row numbers, of which those from `from` to before `to` are taken
 * @param hessian second derivatives, read where the stride is 3
 */
export function fillHistogram(
  histogram: Float64Array,
  stride: HistogramStride,
  { bins, used }: BinnedRows,
  order: Int32Array,
  from: number,
  to: number,
  gradient: Float64Array,
  hessian: Float64Array,
): void {
  histogram.fill(0);
  const width = used.length;
  if (stride === 2) {
    for (let i = from; i < to; i++) {
      const row = order[i];
      const g = gradient[row];
      const end = (row + 1) * width;
      for (let k = row * width; k < end; k++) {
        const at = bins[k] << 1;
        histogram[at] += g;
        histogram[at + 1] += 1;
      }
    }
    return;
  }
  for (let i = from; i < to; i++) {
    const row = order[i];
    const g = gradient[row];
    const h = hessian[row];
    const end = (row + 1) * width;
    for (let k = row * width; k < end; k++) {
      const at = bins[k] * 3;
      histogram[at] += g;
      histogram[at + 1] += 1;
      histogram[at + 2] += h;
    }
  }
}

/** `histogram` -= `part`: the histogram of a node without one child is that of the other. */
export function subtractHistogram(histogram: Float64Array, part: Float64Array): void {
  for (let i = 0; i < histogram.length; i++) histogram[i] -= part[i];
}
