import type { Stream } from "../../numeric/random.ts";

/** Range of the log standard deviation (CleanRL, `sac_continuous_action.py`, commit fe8d8a0). */
const LOG_STD_MIN = -5;
const LOG_STD_MAX = 2;
const LOG_STD_HALF_RANGE = 0.5 * (LOG_STD_MAX - LOG_STD_MIN);
const HALF_LOG_TWO_PI = 0.5 * Math.log(2 * Math.PI);

/** The log standard deviation that a network's output x stands for: -5 + 3.5 (tanh x + 1). */
export function logStdOf(x: number): number {
  return LOG_STD_MIN + LOG_STD_HALF_RANGE * (Math.tanh(x) + 1);
}

/** log(1 - tanh(u)^2) without the cancellation: 2 (ln 2 - u - softplus(-2u)). */
export function logSquashSlope(u: number): number {
  const magnitude = Math.abs(u);
  return 2 * (Math.LN2 - magnitude - Math.log1p(Math.exp(-2 * magnitude)));
}

/** log-density of tanh(u) where u is normal. */
export function squashedLogDensity(u: number, mean: number, logStd: number): number {
  const z = (u - mean) * Math.exp(-logStd);
  return -0.5 * z * z - logStd - HALF_LOG_TWO_PI - logSquashSlope(u);
}

/** Actions drawn from a policy's outputs, with what their gradient needs. */
export interface PolicySample {
  /** tanh(u) [rows, size]. */
  readonly actions: Float32Array;
  /** By row: the sum over the action's dimensions. */
  readonly logDensities: Float64Array;
  /** tanh(u), all its digits. */
  readonly squashed: Float64Array;
  /** u less its mean. */
  readonly spreads: Float64Array;
  /** Slope of the log standard deviation by the network's output. */
  readonly logStdSlopes: Float64Array;
}

export function makePolicySample(rows: number, size: number): PolicySample {
  return {
    actions: new Float32Array(rows * size),
    logDensities: new Float64Array(rows),
    squashed: new Float64Array(rows * size),
    spreads: new Float64Array(rows * size),
    logStdSlopes: new Float64Array(rows * size),
  };
}

/**
 * Draws u = mean + std eps and a = tanh(u) by row.
 *
 * @param outputs of the network, a row each: `size` means, then as many x of {@link logStdOf}
 */
export function drawActions(
  outputs: Float32Array,
  rows: number,
  size: number,
  random: Stream,
  sample: PolicySample,
): void {
  for (let row = 0; row < rows; row++) {
    let sum = -size * (2 * Math.LN2 + HALF_LOG_TWO_PI);
    // log(1 - tanh(u)^2) = 2 (ln 2 - |u| - log(1 + e^(-2|u|))), with one logarithm for many dimensions.
    let product = 1;
    for (let i = 0; i < size; i++) {
      const at = row * size + i;
      const t = 1 - 2 / (1 + Math.exp(2 * outputs[(2 * row + 1) * size + i]));
      const logStd = LOG_STD_MIN + LOG_STD_HALF_RANGE * (t + 1);
      const eps = random.normal();
      const spread = Math.exp(logStd) * eps;
      const u = outputs[2 * row * size + i] + spread;
      const magnitude = Math.abs(u);
      const decay = Math.exp(-2 * magnitude);
      const action = (Math.sign(u) * (1 - decay)) / (1 + decay);
      sample.actions[at] = action;
      sample.squashed[at] = action;
      sample.spreads[at] = spread;
      sample.logStdSlopes[at] = LOG_STD_HALF_RANGE * (1 - t * t);
      sum -= 0.5 * eps * eps + logStd - 2 * magnitude;
      product *= 1 + decay;
      if (product > 1e300) {
        sum += 2 * Math.log(product);
        product = 1;
      }
    }
    sample.logDensities[row] = sum + 2 * Math.log(product);
  }
}

/** The actions of the means alone: tanh(mean), by row. */
export function meanActions(outputs: Float32Array, rows: number, size: number, actions: Float32Array): void {
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < size; i++) actions[row * size + i] = Math.tanh(outputs[2 * row * size + i]);
  }
}

/**
 * Gradient of mean over rows of (alpha log-density - value) by the outputs that {@link drawActions} drew from
 * (reparameterised: the noise stands still).
 *
 * @param valueGradients of each row's value by its action [rows, size]
 * @param gradients filled in the order of the outputs
 */
export function policyGradient(
  sample: PolicySample,
  rows: number,
  size: number,
  alpha: number,
  valueGradients: Float32Array,
  gradients: Float32Array,
): void {
  const share = 1 / rows;
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < size; i++) {
      const at = row * size + i;
      const action = sample.squashed[at];
      const byU = 2 * alpha * action - valueGradients[at] * (1 - action * action);
      const meanAt = 2 * row * size + i;
      gradients[meanAt] = share * byU;
      gradients[meanAt + size] = share * (byU * sample.spreads[at] - alpha) * sample.logStdSlopes[at];
    }
  }
}
