/** One tenth of the probabilities: what was predicted there and what came. */
export interface CalibrationBin {
  readonly from: number;
  readonly to: number;
  readonly rows: number;
  /** Means over the rows; null without any. */
  readonly predicted: number | null;
  readonly observed: number | null;
}

export interface LengthQuality {
  readonly rows: number;
  /** Mean absolute error in tokens. */
  readonly maeTokens: number;
  /** Likewise of the predicted median: on lengths whose logarithms lean to one side it errs less. */
  readonly medianMaeTokens: number;
  /** Mean of |error| / true length. */
  readonly mape: number;
  /** Error of the best constant, the median of the training rows. */
  readonly constantMaeTokens: number;
  /** Error of each tenant's running mean, of the training rows' mean before a tenant has one; null without tenants. */
  readonly tenantMeanMaeTokens: number | null;
  /** Share of the true lengths at or below the predicted 90 % quantile: 0.9 if it holds. */
  readonly belowQuantile90: number;
}

export interface RiskQuality {
  readonly rows: number;
  /** Share of the rows that missed their objective. */
  readonly missed: number;
  /** Area under the ROC curve; null where all rows have the same label. */
  readonly auroc: number | null;
  /** Expected calibration error over ten bins of equal width. */
  readonly ece: number;
  readonly calibration: readonly CalibrationBin[];
}

/** How well a predictor did on the last tenth of its data, which it had not seen. */
export interface PredictorQuality {
  readonly length: LengthQuality;
  readonly risk: RiskQuality | null;
}

export function meanAbsoluteError(predicted: ArrayLike<number>, actual: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < actual.length; i++) sum += Math.abs(predicted[i] - actual[i]);
  return sum / actual.length;
}

/** Mean of |predicted - actual| / |actual|, as a share. Actual values are not 0. */
export function meanAbsolutePercentageError(predicted: ArrayLike<number>, actual: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < actual.length; i++) sum += Math.abs((predicted[i] - actual[i]) / actual[i]);
  return sum / actual.length;
}

/**
 * Area under the ROC curve: the chance that a row of label 1 has a higher score than one of label 0, equal scores
 * counted half. NaN where one of the labels does not occur. O(n log n).
 */
export function auroc(scores: Float64Array, labels: Float64Array): number {
  const order = Int32Array.from(scores, (_, i) => i).sort((a, b) => scores[a] - scores[b]);
  let positives = 0;
  let rankSum = 0;
  for (let from = 0; from < order.length; ) {
    let to = from;
    let own = 0;
    for (; to < order.length && scores[order[to]] === scores[order[from]]; to++) own += labels[order[to]];
    positives += own;
    rankSum += (own * (from + 1 + to)) / 2;
    from = to;
  }
  const negatives = order.length - positives;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

/** Ten bins of equal width over 0..1; a probability of 1 lies in the last. */
export function calibrationTable(probabilities: Float64Array, labels: Float64Array): CalibrationBin[] {
  const rows = new Float64Array(BINS);
  const predicted = new Float64Array(BINS);
  const observed = new Float64Array(BINS);
  for (let i = 0; i < labels.length; i++) {
    const bin = Math.min(BINS - 1, Math.floor(probabilities[i] * BINS));
    rows[bin]++;
    predicted[bin] += probabilities[i];
    observed[bin] += labels[i];
  }
  return Array.from(rows, (count, bin) => ({
    from: bin / BINS,
    to: (bin + 1) / BINS,
    rows: count,
    predicted: count === 0 ? null : predicted[bin] / count,
    observed: count === 0 ? null : observed[bin] / count,
  }));
}

/** Mean of |predicted - observed| over the bins, weighted by rows (Naeini, Cooper and Hauskrecht 2015). */
export function expectedCalibrationError(bins: readonly CalibrationBin[]): number {
  let sum = 0;
  let rows = 0;
  for (const bin of bins) {
    rows += bin.rows;
    sum += bin.rows * Math.abs((bin.predicted ?? 0) - (bin.observed ?? 0));
  }
  return sum / rows;
}

const BINS = 10;
