import { UserError } from "../../errors.ts";
import { quantileSorted } from "../../numeric/quantile.ts";
import { type ForestOptions, type LabelledRows, trainForest } from "../trees/train-forest.ts";
import { CostPredictor } from "./cost-predictor.ts";
import { measureQuality } from "./measure-quality.ts";
import type { PredictorQuality } from "./quality.ts";
import { splitByTime } from "./split-by-time.ts";
import type { PredictorRows } from "./training-rows.ts";

/** Rows below which a tenth is too few to say anything. */
const LEAST_ROWS = 100;

/** What a predictor was trained on, as its file states it. */
export interface TrainingFacts {
  /** Name of the data, e.g. an experiment's id or a file's name. */
  readonly source: string;
  /**
   * `constructed` where the requests were generated, so that what can be known of their lengths was put there; `real`
   * where they were observed; `unstated` for a router's training run, which does not know what serves it.
   */
  readonly origin: "constructed" | "real" | "unstated";
  /** Correlation of log output tokens with the features that a generated workload was given; null without. */
  readonly correlation: number | null;
  /** Rows of the sample, and how many there were to draw from. */
  readonly rows: number;
  readonly offered: number;
}

/** A predictor with what it rests on and how good it is: what its file holds. */
export interface TrainedPredictor {
  readonly predictor: CostPredictor;
  readonly training: TrainingFacts;
  readonly quality: PredictorQuality;
}

export interface PredictorOptions extends Partial<Omit<ForestOptions, "loss">> {
  readonly source: string;
  /** Default `unstated`. */
  readonly origin?: TrainingFacts["origin"];
  /** Default null. */
  readonly correlation?: number | null;
}

/**
 * Trains both forests on the first 80 % of the rows, takes the errors of the length on the next 10 % for its
 * quantiles (and to stop early where `patience` is given), and measures the quality on the last 10 %. The same rows
 * give the same predictor, byte for byte.
 *
 * @throws UserError CANOPY_PREDICTOR_ROWS for fewer than 100 rows, or too few moments to split them by time
 */
export function trainPredictor(rows: PredictorRows, options: PredictorOptions): TrainedPredictor {
  const { source, origin = "unstated", correlation = null, ...forest } = options;
  const { names, count, outputTokens, missed, offered } = rows;
  const split = splitByTime(rows);
  if (count < LEAST_ROWS || split.validation >= count || split.training >= split.validation) {
    throw new UserError(
      "CANOPY_PREDICTOR_ROWS",
      count < LEAST_ROWS
        ? `${source}: ${count} requests to train on, expected at least ${LEAST_ROWS}`
        : `${source}: too few moments of arrival to split ${count} requests by time`,
    );
  }
  const logs = outputTokens.map(Math.log1p);
  const prompt = rows.columns.slice(0, names.prompt.length);
  const part = (
    columns: readonly Float64Array[],
    labels: Float64Array,
    from: number,
    to: number,
  ): LabelledRows => ({
    columns: columns.map((column) => column.subarray(from, to)),
    labels: labels.subarray(from, to),
  });
  const train = (
    features: readonly string[],
    columns: readonly Float64Array[],
    labels: Float64Array,
    loss: ForestOptions["loss"],
  ) =>
    trainForest(
      features,
      part(columns, labels, 0, split.training),
      { ...forest, loss },
      forest.patience === undefined ? undefined : part(columns, labels, split.training, split.validation),
    ).forest;
  const length = train(names.prompt, prompt, logs, "squared");
  const risk = missed === undefined ? undefined : train(names.all, rows.columns, missed, "logistic");
  const row = new Float64Array(names.all.length);
  const errors = new Float64Array(split.validation - split.training);
  for (let i = 0; i < errors.length; i++) {
    for (let f = 0; f < prompt.length; f++) row[f] = prompt[f][split.training + i];
    errors[i] = logs[split.training + i] - length.predict(row);
  }
  errors.sort();
  const residuals = Float64Array.from({ length: 101 }, (_, percent) => quantileSorted(errors, percent / 100));
  const predictor = new CostPredictor({ names, length, risk, residuals });
  return {
    predictor,
    training: { source, origin, correlation, rows: count, offered },
    quality: measureQuality(predictor, rows, split),
  };
}
