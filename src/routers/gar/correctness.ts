import { fitIsotonic, type IsotonicMap, isotonicValue } from "../../learning/calibration/isotonic.ts";
import { fitLogistic, type LogisticModel, logOdds } from "../../learning/calibration/logistic-regression.ts";
import { fitPlatt } from "../../learning/calibration/platt.ts";
import { smoothedAccuracy } from "../../learning/calibration/smoothed-accuracy.ts";
import type { CalibrationExample } from "./calibration-file.ts";
import type { CalibrationParameters } from "./parameters.ts";

/** Features beside the task types, one column each: logarithms of prompt tokens and of turns, standardised. */
const PLAIN = 2;

/**
 * Predicted probability that a model answers a request rightly (specification gar.md section 3).
 *
 * `logistic`: a regression for each model on prompt tokens, turns and task type, made a probability on held-out
 * examples. Platt's scaling is folded into the coefficients, so that an estimate is one logistic function. `table`:
 * the smoothed accuracy of each task type on the calibration split, whatever the request.
 */
export class CorrectnessEstimate {
  /** Of the request asked about last, by model. */
  readonly byModel: Float64Array;
  /** Log odds without the plain features, or the probability itself, at `taskType * models + model`. */
  readonly #base: Float64Array;
  readonly #tokenSlope: Float64Array;
  readonly #turnSlope: Float64Array;
  readonly #isotonic: readonly IsotonicMap[];
  readonly #constant: boolean;

  /**
   * @param fit examples of the regression
   * @param held held-out examples: Platt, isotonic, or the table itself
   */
  constructor(
    taskTypes: number,
    models: number,
    fit: readonly CalibrationExample[],
    held: readonly CalibrationExample[],
    parameters: Pick<CalibrationParameters, "estimator" | "calibrator" | "l2">,
  ) {
    this.byModel = new Float64Array(models);
    this.#base = new Float64Array(taskTypes * models);
    this.#tokenSlope = new Float64Array(models);
    this.#turnSlope = new Float64Array(models);
    this.#constant = parameters.estimator === "table";
    const isotonic: IsotonicMap[] = [];
    this.#isotonic = isotonic;
    if (this.#constant) {
      for (let j = 0; j < taskTypes; j++) {
        const own = held.filter((example) => example.taskType === j);
        for (let m = 0; m < models; m++) {
          const right = own.reduce((sum, example) => sum + example.correct[m], 0);
          this.#base[j * models + m] = smoothedAccuracy(right, own.length);
        }
      }
      return;
    }
    const scale = standardisation(fit);
    const width = PLAIN + taskTypes;
    const features = matrix(fit, width, scale);
    const heldFeatures = matrix(held, width, scale);
    for (let m = 0; m < models; m++) {
      const regression = fitLogistic({ width, features, labels: labelsOf(fit, m) }, parameters.l2);
      const scores = Float64Array.from(held, (_, i) => logOdds(regression, heldFeatures, i * width));
      let slope = 1;
      let offset = 0;
      if (parameters.calibrator === "platt") ({ slope, offset } = fitPlatt(scores, labelsOf(held, m)));
      if (parameters.calibrator === "isotonic") isotonic.push(fitIsotonic(scores, labelsOf(held, m)));
      this.#fold(m, taskTypes, models, regression, scale, slope, offset);
    }
  }

  /** Writes the estimates for a request into {@link byModel}. Allocates nothing with Platt's scaling. */
  estimate(taskType: number, promptTokens: number, turns: number): void {
    const { byModel } = this;
    const models = byModel.length;
    const row = taskType * models;
    if (this.#constant) {
      for (let m = 0; m < models; m++) byModel[m] = this.#base[row + m];
      return;
    }
    const tokens = Math.log(1 + promptTokens);
    const depth = turns > 1 ? Math.log(turns) : 0;
    for (let m = 0; m < models; m++) {
      const odds = this.#base[row + m] + this.#tokenSlope[m] * tokens + this.#turnSlope[m] * depth;
      byModel[m] =
        this.#isotonic.length > 0 ? isotonicValue(this.#isotonic[m], odds) : 1 / (1 + Math.exp(-odds));
    }
  }

  /** slope * (regression of standardised features) + offset, as coefficients of the features themselves. */
  #fold(
    m: number,
    taskTypes: number,
    models: number,
    { weights, intercept }: LogisticModel,
    scale: Standardisation,
    slope: number,
    offset: number,
  ): void {
    this.#tokenSlope[m] = (slope * weights[0]) / scale.tokenDeviation;
    this.#turnSlope[m] = (slope * weights[1]) / scale.turnDeviation;
    const constant =
      slope * intercept +
      offset -
      this.#tokenSlope[m] * scale.tokenMean -
      this.#turnSlope[m] * scale.turnMean;
    for (let j = 0; j < taskTypes; j++) {
      this.#base[j * models + m] = constant + slope * weights[PLAIN + j];
    }
  }
}

interface Standardisation {
  readonly tokenMean: number;
  readonly tokenDeviation: number;
  readonly turnMean: number;
  readonly turnDeviation: number;
}

function standardisation(examples: readonly CalibrationExample[]): Standardisation {
  const tokens = moments(examples.map((example) => Math.log(1 + example.promptTokens)));
  const turns = moments(examples.map((example) => Math.log(Math.max(1, example.turns))));
  return {
    tokenMean: tokens.mean,
    tokenDeviation: tokens.deviation,
    turnMean: turns.mean,
    turnDeviation: turns.deviation,
  };
}

function moments(values: readonly number[]): { readonly mean: number; readonly deviation: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
  return { mean, deviation: variance > 1e-12 ? Math.sqrt(variance) : 1 };
}

function matrix(
  examples: readonly CalibrationExample[],
  width: number,
  scale: Standardisation,
): Float64Array {
  const rows = new Float64Array(examples.length * width);
  for (const [i, { promptTokens, turns, taskType }] of examples.entries()) {
    rows[i * width] = (Math.log(1 + promptTokens) - scale.tokenMean) / scale.tokenDeviation;
    rows[i * width + 1] = (Math.log(Math.max(1, turns)) - scale.turnMean) / scale.turnDeviation;
    rows[i * width + PLAIN + taskType] = 1;
  }
  return rows;
}

function labelsOf(examples: readonly CalibrationExample[], model: number): Uint8Array {
  return Uint8Array.from(examples, (example) => example.correct[model]);
}
