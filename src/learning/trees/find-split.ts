import type { BinnedRows } from "./binned-rows.ts";
import type { HistogramStride } from "./histogram.ts";

/** Sums over the rows of a node. */
export interface NodeSums {
  gradient: number;
  hessian: number;
  rows: number;
}

/** The best split of a node; `feature` is -1 where there is none. */
export interface Split {
  gain: number;
  /** Place among the used features. */
  feature: number;
  /** Rows in this bin of the feature (in the numbering over all features) and those below go left. */
  bin: number;
  readonly left: NodeSums;
}

export interface SplitLimits {
  readonly l2: number;
  readonly minRows: number;
  readonly minHessian: number;
}

export function noSplit(): Split {
  return { gain: 0, feature: -1, bin: 0, left: { gradient: 0, hessian: 0, rows: 0 } };
}

/**
 * The split of greatest gain GL^2/(HL+l2) + GR^2/(HR+l2) - G^2/(H+l2) (CAPS specification, section 5; Chen and
 * Guestrin 2016, equation 7, without its factor 1/2), which has to be above 0. Of equal gains the first feature's
 * lowest cut is taken.
 *
 * @param split written to
 */
export function findSplit(
  split: Split,
  histogram: Float64Array,
  stride: HistogramStride,
  { firstBin, used }: BinnedRows,
  { gradient, hessian, rows }: NodeSums,
  { l2, minRows, minHessian }: SplitLimits,
): void {
  const whole = (gradient * gradient) / (hessian + l2);
  split.gain = 0;
  split.feature = -1;
  for (let f = 0; f < used.length; f++) {
    const last = firstBin[f + 1] - 1;
    let leftGradient = 0;
    let leftHessian = 0;
    let leftRows = 0;
    for (let bin = firstBin[f]; bin < last; bin++) {
      const at = bin * stride;
      const own = histogram[at + 1];
      if (own === 0) continue;
      leftGradient += histogram[at];
      leftRows += own;
      leftHessian += stride === 2 ? own : histogram[at + 2];
      if (leftRows < minRows || leftHessian < minHessian) continue;
      const rightHessian = hessian - leftHessian;
      if (rows - leftRows < minRows || rightHessian < minHessian) break;
      const rightGradient = gradient - leftGradient;
      const gain =
        (leftGradient * leftGradient) / (leftHessian + l2) +
        (rightGradient * rightGradient) / (rightHessian + l2) -
        whole;
      if (gain <= split.gain) continue;
      split.gain = gain;
      split.feature = f;
      split.bin = bin;
      split.left.gradient = leftGradient;
      split.left.hessian = leftHessian;
      split.left.rows = leftRows;
    }
  }
}
