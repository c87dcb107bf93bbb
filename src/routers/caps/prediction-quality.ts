const BINS = 1000;

/**
 * How good predictions turned out, from the requests that have ended: mean absolute error of the output length in
 * tokens, its mean share of the true length, and the area under the ROC curve of the risk. Constant memory: scores
 * are counted in bins of a thousandth, of equal ones half a pair counts.
 */
export class PredictionQuality {
  #lengths = 0;
  #absolute = 0;
  #relative = 0;
  readonly #met = new Float64Array(BINS);
  readonly #missed = new Float64Array(BINS);

  /** A length predicted and the one that came, both in tokens. */
  length(predicted: number, actual: number): void {
    const error = Math.abs(predicted - actual);
    this.#lengths++;
    this.#absolute += error;
    this.#relative += error / actual;
  }

  /** A risk predicted, 0 to 1, and whether the objective was missed. */
  risk(predicted: number, missed: boolean): void {
    const bin = Math.min(BINS - 1, Math.floor(predicted * BINS));
    if (missed) this.#missed[bin]++;
    else this.#met[bin]++;
  }

  /** Mean absolute error in tokens; NaN before the first length. */
  get maeTokens(): number {
    return this.#absolute / this.#lengths;
  }

  /** Mean error over the true length; NaN before the first length. */
  get mape(): number {
    return this.#relative / this.#lengths;
  }

  /** NaN where one of the outcomes has not come. */
  get auroc(): number {
    let met = 0;
    let missed = 0;
    let ordered = 0;
    for (let bin = 0; bin < BINS; bin++) {
      ordered += this.#missed[bin] * (met + this.#met[bin] / 2);
      met += this.#met[bin];
      missed += this.#missed[bin];
    }
    return ordered / (met * missed);
  }
}
