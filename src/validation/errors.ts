import { quantileOf } from "../numeric/quantile.ts";

/** How a quantity of every request was predicted. Shares of the measured values are fractions, not percent. */
export interface ErrorSummary {
  readonly requests: number;
  readonly measured: Spread;
  readonly predicted: Spread;
  /** Over the requests, |predicted - measured| / measured. */
  readonly medianError: number;
  readonly p95Error: number;
  /** Sum of the predicted over that of the measured values, less 1. */
  readonly bias: number;
}

interface Spread {
  readonly median: number;
  readonly p95: number;
}

/** Request by request; both of one length, at least 1, measured above 0. */
export function errorsOf(measured: Float64Array, predicted: Float64Array): ErrorSummary {
  const errors = measured.map((value, i) => Math.abs(predicted[i] - value) / value);
  const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
  return {
    requests: measured.length,
    measured: spreadOf(measured),
    predicted: spreadOf(predicted),
    medianError: quantileOf(errors, 0.5),
    p95Error: quantileOf(errors, 0.95),
    bias: sum(predicted) / sum(measured) - 1,
  };
}

function spreadOf(values: Float64Array): Spread {
  return { median: quantileOf(values, 0.5), p95: quantileOf(values, 0.95) };
}
