import { logistic, softplus } from "../../numeric/logistic.ts";

/** A row-major matrix of features and a 0/1 label for each row. */
export interface LabelledRows {
  readonly width: number;
  /** `width` numbers for each row. */
  readonly features: Float64Array;
  readonly labels: Uint8Array;
}

export interface LogisticModel {
  readonly intercept: number;
  readonly weights: Float64Array;
}

const STEPS = 100;
/** Newton's decrement, over the loss, at which one more whole step reaches the minimum to rounding. */
const LAST_DECREMENT = 1e-9;

/**
 * Logistic regression with an L2 penalty: the minimum over weights w and intercept b of
 *
 *     sum over rows of log loss  +  l2 / 2 * |w|^2
 *
 * The intercept carries no penalty, but for 1e-6 that keeps it finite where all labels agree. Newton's method with
 * halved steps; the objective is strictly convex, so the answer does not depend on the way there.
 *
 * @param l2 above 0: without a penalty separable rows have no minimum
 */
export function fitLogistic(rows: LabelledRows, l2: number): LogisticModel {
  const { width } = rows;
  const size = width + 1;
  const penalty = new Float64Array(size).fill(l2);
  penalty[width] = 1e-6;
  let at = new Float64Array(size);
  let loss = objective(rows, at, penalty);
  for (let step = 0; step < STEPS; step++) {
    const { gradient, hessian } = derivatives(rows, at, penalty);
    const direction = solvePositiveDefinite(hessian, gradient, size);
    const decrement = gradient.reduce((sum, g, i) => sum + g * direction[i], 0);
    if (decrement < LAST_DECREMENT * (1 + loss)) {
      at = at.map((v, i) => v - direction[i]);
      break;
    }
    let length = 1;
    let next = at;
    let nextLoss = loss;
    for (; length > 1e-10; length /= 2) {
      next = at.map((v, i) => v - length * direction[i]);
      nextLoss = objective(rows, next, penalty);
      if (nextLoss <= loss) break;
    }
    if (!(nextLoss <= loss)) break;
    at = next;
    loss = nextLoss;
  }
  return { intercept: at[width], weights: at.slice(0, width) };
}

/** The log odds of a row. */
export function logOdds(model: LogisticModel, features: ArrayLike<number>, offset = 0): number {
  let sum = model.intercept;
  for (let i = 0; i < model.weights.length; i++) sum += model.weights[i] * features[offset + i];
  return sum;
}

function objective(rows: LabelledRows, at: Float64Array, penalty: Float64Array): number {
  const { width, features, labels } = rows;
  const model = { intercept: at[width], weights: at.subarray(0, width) };
  let loss = 0;
  for (let r = 0; r < labels.length; r++) {
    const score = logOdds(model, features, r * width);
    loss += softplus(labels[r] === 1 ? -score : score);
  }
  for (let i = 0; i <= width; i++) loss += 0.5 * penalty[i] * at[i] * at[i];
  return loss;
}

function derivatives(rows: LabelledRows, at: Float64Array, penalty: Float64Array) {
  const { width, features, labels } = rows;
  const size = width + 1;
  const model = { intercept: at[width], weights: at.subarray(0, width) };
  const gradient = at.map((v, i) => penalty[i] * v);
  const hessian = new Float64Array(size * size);
  for (let i = 0; i < size; i++) hessian[i * size + i] = penalty[i];
  const row = new Float64Array(size).fill(1);
  for (let r = 0; r < labels.length; r++) {
    row.set(features.subarray(r * width, (r + 1) * width));
    const p = logistic(logOdds(model, row));
    const error = p - labels[r];
    const weight = p * (1 - p);
    for (let i = 0; i < size; i++) {
      gradient[i] += error * row[i];
      const scaled = weight * row[i];
      for (let k = 0; k <= i; k++) hessian[i * size + k] += scaled * row[k];
    }
  }
  return { gradient, hessian };
}

/** x of A x = b for a symmetric positive definite A of which the lower triangle is given, by Cholesky. */
function solvePositiveDefinite(lower: Float64Array, b: Float64Array, size: number): Float64Array {
  const factor = lower.slice();
  for (let i = 0; i < size; i++) {
    for (let k = 0; k <= i; k++) {
      let sum = factor[i * size + k];
      for (let s = 0; s < k; s++) sum -= factor[i * size + s] * factor[k * size + s];
      factor[i * size + k] = i === k ? Math.sqrt(sum) : sum / factor[k * size + k];
    }
  }
  const x = b.slice();
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < i; k++) x[i] -= factor[i * size + k] * x[k];
    x[i] /= factor[i * size + i];
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let k = i + 1; k < size; k++) x[i] -= factor[k * size + i] * x[k];
    x[i] /= factor[i * size + i];
  }
  return x;
}
