import { logistic } from "../../numeric/logistic.ts";
import { interpolate } from "../../numeric/quantile.ts";
import type { Forest } from "../trees/forest.ts";
import type { FeatureNames } from "./features.ts";

export interface PredictorParts {
  readonly names: FeatureNames;
  readonly length: Forest;
  readonly risk: Forest | undefined;
  /** Quantiles 0 %, 1 %, … 100 % of log(1 + true) - log(1 + predicted) on the validation rows, ascending. */
  readonly residuals: Float64Array;
}

/** Which length to predict: the `mean` of log(1 + tokens), or a quantile in 0..1 (CAPS's `lengthQuantile`). */
export type LengthQuantile = "mean" | number;

/**
 * Predicts what a prompt will cost before it runs (CAPS, its specification section 5): its output tokens, and the
 * probability that it misses its objective at endpoints of a given load. Two forests: one of log(1 + output tokens),
 * one of "missed". Not reentrant; predicting allocates nothing.
 *
 * Rows are written by `fillFeatures` and `fillLoad`.
 */
export class CostPredictor {
  readonly names: FeatureNames;
  readonly length: Forest;
  /** Undefined for a predictor that was trained without labels: it predicts lengths alone. */
  readonly risk: Forest | undefined;
  readonly residuals: Float64Array;

  constructor({ names, length, risk, residuals }: PredictorParts) {
    this.names = names;
    this.length = length;
    this.risk = risk;
    this.residuals = residuals;
  }

  /**
   * Output tokens, at least 1.
   *
   * @param row values in the order of `names.prompt` from `at` on
   * @param shift of `lengthShift`; 0 gives the mean of log(1 + tokens), turned back: about the median of the tokens
   */
  outputTokens(row: Float64Array, at = 0, shift = 0): number {
    return Math.max(1, Math.expm1(this.length.predict(row, at) + shift));
  }

  /**
   * What to add to the predicted logarithm for a quantile: that quantile of its errors on the validation rows, taken to
   * be the same for all prompts.
   *
   * @throws RangeError for a quantile outside 0..1
   */
  lengthShift(quantile: LengthQuantile): number {
    if (quantile === "mean") return 0;
    if (!(quantile >= 0 && quantile <= 1)) throw new RangeError(`quantile ${quantile} is outside 0..1`);
    const place = quantile * (this.residuals.length - 1);
    const low = Math.floor(place);
    const high = Math.min(low + 1, this.residuals.length - 1);
    return interpolate(this.residuals[low], this.residuals[high], place - low);
  }

  /**
   * Probability of missing the objective.
   *
   * @param row values in the order of `names.all` from `at` on
   * @throws Error for a predictor without labels: ask `risk` first
   */
  missProbability(row: Float64Array, at = 0): number {
    const forest = this.#riskForest();
    return logistic(forest.predict(row, at));
  }

  /** Takes in a prompt whose risk is to be known at several pools; `missProbabilityAt` then needs the load alone. */
  placePrompt(row: Float64Array, at = 0): void {
    this.#riskForest().place(row, at, 0, this.names.prompt.length);
  }

  /** As `missProbability` for the prompt that `placePrompt` took in and the load in `row`. */
  missProbabilityAt(row: Float64Array, at = 0): number {
    const forest = this.#riskForest();
    forest.place(row, at, this.names.prompt.length, this.names.all.length);
    return logistic(forest.score());
  }

  #riskForest(): Forest {
    if (this.risk === undefined)
      throw new Error("the predictor was trained without labels of missed objectives");
    return this.risk;
  }
}
