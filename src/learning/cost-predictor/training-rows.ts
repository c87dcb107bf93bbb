import { Stream } from "../../numeric/random.ts";
import { type FeatureNames, featureNames } from "./features.ts";

/** Rows for a predictor in order of arrival. */
export interface PredictorRows {
  readonly names: FeatureNames;
  readonly count: number;
  /** A column for each of `names.all`. */
  readonly columns: readonly Float64Array[];
  readonly outputTokens: Float64Array;
  /** 1 where the objective was missed, 0 where it was met; undefined where nobody knows. */
  readonly missed: Float64Array | undefined;
  readonly arrivalSeconds: Float64Array;
  /** Rows that were offered, of which `count` were drawn. */
  readonly offered: number;
}

/** Rows drawn for training unless asked otherwise (CAPS's issue: 300,000). */
export const DEFAULT_SAMPLE_ROWS = 300_000;

export interface SampleOptions {
  /** Most rows to keep. */
  readonly rows?: number;
  readonly seed?: number | string;
}

/**
 * Gathers rows, e.g. while a run goes on, and keeps a uniform sample of them: reservoir sampling (Vitter 1985,
 * algorithm R), in memory that grows with what is kept. Rows may come in any order.
 */
export class TrainingSample {
  readonly names: FeatureNames;
  readonly #rows: number;
  readonly #stream: Stream;
  readonly #width: number;
  /** [kept, width]: the features, then output tokens, missed, arrival. */
  #values = new Float64Array(0);
  #kept = 0;
  #offered = 0;

  constructor(taskTypes: readonly string[], { rows = DEFAULT_SAMPLE_ROWS, seed = 1 }: SampleOptions = {}) {
    this.names = featureNames(taskTypes);
    this.#rows = rows;
    this.#stream = new Stream(seed, "learning/training-sample");
    this.#width = this.names.all.length + 3;
  }

  /**
   * @param row features in the order of `names.all`, from `at` on; copied
   * @param missed 1, 0, or NaN where nobody knows: all rows of a sample are alike in this
   */
  add(row: Float64Array, at: number, arrivalSeconds: number, outputTokens: number, missed: number): void {
    let slot = this.#offered++;
    if (slot >= this.#rows) {
      slot = this.#stream.below(this.#offered);
      if (slot >= this.#rows) return;
    } else {
      this.#kept++;
      this.#reserve();
    }
    const features = this.names.all.length;
    const start = slot * this.#width;
    for (let i = 0; i < features; i++) this.#values[start + i] = row[at + i];
    this.#values[start + features] = outputTokens;
    this.#values[start + features + 1] = missed;
    this.#values[start + features + 2] = arrivalSeconds;
  }

  /** The sample in order of arrival; of equal times in the order in which the rows lie. */
  rows(): PredictorRows {
    const features = this.names.all.length;
    const width = this.#width;
    const values = this.#values;
    const order = Int32Array.from({ length: this.#kept }, (_, i) => i).sort(
      (a, b) => values[a * width + features + 2] - values[b * width + features + 2] || a - b,
    );
    const column = (i: number) => Float64Array.from(order, (slot) => values[slot * width + i]);
    const missed = column(features + 1);
    return {
      names: this.names,
      count: this.#kept,
      columns: this.names.all.map((_, i) => column(i)),
      outputTokens: column(features),
      missed: missed.some(Number.isNaN) ? undefined : missed,
      arrivalSeconds: column(features + 2),
      offered: this.#offered,
    };
  }

  #reserve(): void {
    const needed = this.#kept * this.#width;
    if (needed <= this.#values.length) return;
    const most = this.#rows * this.#width;
    const grown = new Float64Array(Math.min(most, Math.max(needed, 2 * this.#values.length)));
    grown.set(this.#values);
    this.#values = grown;
  }
}
