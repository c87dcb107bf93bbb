/**
 * Forecasts of the requests of the next epoch, from the counts of those before. Rebuilt after Mu (MARLIN, section 5
 * of the specification): an exponentially weighted level plus the slope of a least-squares line over a window.
 */
export interface Predictor {
  readonly name: string;
  /** Requests expected next, at least 0; 0 before the first count. */
  predict(): number;
  /** Takes in the count of an epoch. */
  observe(count: number): void;
}

export interface EwmaSlopeParameters {
  /** Weight of the last count in the level, above 0 to 1 (ours: 0.3). */
  readonly weight: number;
  /** Epochs in the window of the slope (ours: 8). */
  readonly window: number;
}

export const EWMA_SLOPE: EwmaSlopeParameters = { weight: 0.3, window: 8 };

/** Weights that pretraining tries. */
export const WEIGHT_GRID = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] as const;

/** Level plus slope: max(0, level + b), level = a * count + (1 - a) * level. */
export class EwmaSlopePredictor implements Predictor {
  readonly name = "ewma-slope";
  readonly #weight: number;
  readonly #counts: Float64Array;
  #seen = 0;
  #level = 0;

  constructor({ weight, window }: EwmaSlopeParameters = EWMA_SLOPE) {
    if (!(weight > 0 && weight <= 1)) throw new RangeError(`weight ${weight}: expected above 0 to 1`);
    if (!(Number.isInteger(window) && window >= 1))
      throw new RangeError(`window ${window}: expected a whole number`);
    this.#weight = weight;
    this.#counts = new Float64Array(window);
  }

  get level(): number {
    return this.#level;
  }

  observe(count: number): void {
    this.#level = this.#seen === 0 ? count : this.#weight * count + (1 - this.#weight) * this.#level;
    this.#counts[this.#seen % this.#counts.length] = count;
    this.#seen++;
  }

  predict(): number {
    return Math.max(0, this.#level + this.slope);
  }

  /** Requests an epoch by which the counts of the window grow. */
  get slope(): number {
    const window = this.#counts.length;
    const n = Math.min(this.#seen, window);
    if (n < 2) return 0;
    const middle = (n - 1) / 2;
    let covariance = 0;
    for (let i = 0; i < n; i++) {
      covariance += (i - middle) * this.#counts[(this.#seen - n + i) % window];
    }
    return (12 * covariance) / (n * (n * n - 1));
  }
}

/** The last count again: what the others are compared with. */
export class PersistencePredictor implements Predictor {
  readonly name = "persistence";
  #last = 0;

  observe(count: number): void {
    this.#last = count;
  }

  predict(): number {
    return this.#last;
  }
}

/** Errors of one-step forecasts of a series. */
export interface ForecastAccuracy {
  readonly predictor: string;
  /** Epochs that were forecast; those without requests are left out of `mape`. */
  readonly epochs: number;
  /** Mean absolute error over the count. */
  readonly mape: number;
  /** 1 - MAPE, as the paper counts accuracy; may be negative. */
  readonly accuracy: number;
  /** Sum of absolute errors over the sum of counts: quiet epochs do not rule it. */
  readonly wape: number;
}

/** Forecasts every count from `from` on by those before it. */
export function forecastAccuracy(
  predictor: Predictor,
  counts: ArrayLike<number>,
  from: number,
): ForecastAccuracy {
  let relative = 0;
  let busy = 0;
  let absolute = 0;
  let total = 0;
  for (let e = 0; e < counts.length; e++) {
    if (e >= from) {
      const error = Math.abs(predictor.predict() - counts[e]);
      absolute += error;
      total += counts[e];
      if (counts[e] > 0) {
        relative += error / counts[e];
        busy++;
      }
    }
    predictor.observe(counts[e]);
  }
  const mape = busy > 0 ? relative / busy : Number.NaN;
  return {
    predictor: predictor.name,
    epochs: counts.length - from,
    mape,
    accuracy: 1 - mape,
    wape: total > 0 ? absolute / total : Number.NaN,
  };
}

/** The weight of the grid with the least MAPE on a prefix: what is used from then on. */
export function pretrainWeight(prefix: ArrayLike<number>, window: number = EWMA_SLOPE.window): number {
  let best: number = EWMA_SLOPE.weight;
  let least = Number.POSITIVE_INFINITY;
  for (const weight of WEIGHT_GRID) {
    const { mape } = forecastAccuracy(new EwmaSlopePredictor({ weight, window }), prefix, 1);
    if (mape < least) {
      least = mape;
      best = weight;
    }
  }
  return best;
}
