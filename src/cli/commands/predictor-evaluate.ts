import { UserError } from "../../errors.ts";
import type { CostPredictor } from "../../learning/cost-predictor/cost-predictor.ts";
import { measureQuality } from "../../learning/cost-predictor/measure-quality.ts";
import { encodePredictor } from "../../learning/cost-predictor/predictor-file.ts";
import type { PredictorQuality } from "../../learning/cost-predictor/quality.ts";
import { splitByTime } from "../../learning/cost-predictor/split-by-time.ts";
import {
  type TrainedPredictor,
  type TrainingFacts,
  trainPredictor,
} from "../../learning/cost-predictor/train-predictor.ts";
import type { PredictorRows } from "../../learning/cost-predictor/training-rows.ts";
import type { PredictorCommandOptions } from "./predictor.ts";
import {
  type PredictorSource,
  readIfPredictor,
  readPredictor,
  readSource,
  trainInRun,
} from "./predictor-sources.ts";

/** One data set of the table. */
export interface PredictorRow {
  readonly training: TrainingFacts;
  /** Data set that the predictor was tried on. */
  readonly data: string;
  readonly quality: PredictorQuality;
  /**
   * Processor seconds that training took, reading left out; with a run that labels the risk, of that too. Null where
   * nothing was trained.
   */
  readonly trainingSeconds: number | null;
  /** Microseconds of one prediction of a length; null where there are no rows to predict. */
  readonly predictionMicroseconds: number | null;
}

/** Trains on a file. */
export async function trainSource(
  path: string,
  options: PredictorCommandOptions,
): Promise<{ row: PredictorRow; bytes: Uint8Array }> {
  const start = process.cpuUsage();
  const inRun = await trainInRun(path, options);
  if (inRun !== undefined) {
    const seconds = secondsSince(start);
    const { rows } = await readSource(path, { ...options, requests: TIMED_ROWS });
    return resultOf(inRun, rows, seconds);
  }
  const { rows, ...facts } = await readSource(path, options);
  const { patience } = options;
  const begun = process.cpuUsage();
  const trained = trainPredictor(rows, { ...facts, ...(patience === undefined ? {} : { patience }) });
  return resultOf(trained, rows, secondsSince(begun));
}

function resultOf(trained: TrainedPredictor, rows: PredictorRows, trainingSeconds: number) {
  const { training, quality, predictor } = trained;
  const predictionMicroseconds = timePredictions(predictor, rows);
  return {
    row: { training, data: training.source, quality, trainingSeconds, predictionMicroseconds },
    bytes: encodePredictor(trained),
  };
}

function secondsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
}

/** @param predictorFile a predictor to try in place of one that is trained on the file */
export async function evaluateSource(
  path: string,
  options: PredictorCommandOptions,
  predictorFile?: string,
): Promise<PredictorRow> {
  if (predictorFile !== undefined) {
    const { predictor, training } = await readPredictor(predictorFile);
    const source = await readSource(path, options);
    expectFeatures(predictor, source, predictorFile);
    return {
      training,
      data: source.source,
      quality: measureQuality(predictor, source.rows, splitByTime(source.rows)),
      trainingSeconds: null,
      predictionMicroseconds: timePredictions(predictor, source.rows),
    };
  }
  const known = await readIfPredictor(path);
  if (known !== undefined) {
    const { training, quality } = known;
    return { training, data: training.source, quality, trainingSeconds: null, predictionMicroseconds: null };
  }
  return (await trainSource(path, options)).row;
}

function expectFeatures({ names }: CostPredictor, { rows, source }: PredictorSource, file: string): void {
  const found = rows.names.taskTypes;
  const expected = names.taskTypes;
  if (found.length === expected.length && found.every((name, i) => name === expected[i])) return;
  throw new UserError(
    "CANOPY_PREDICTOR_FEATURES",
    `${file}: trained with ${listed(expected)}, and ${source} has ${listed(found)}; train it on requests of the same task types`,
  );
}

function listed(taskTypes: readonly string[]): string {
  return taskTypes.length === 0 ? "no task types" : `the task types ${taskTypes.join(", ")}`;
}

/** Rows that predictions are timed on. */
const TIMED_ROWS = 10_000;
const PASSES = 25;
const LEAST_MILLISECONDS = 2;

/** Of the rows, each in turn: the quickest of several passes, since other processes can only slow one down. */
function timePredictions({ length, names }: CostPredictor, { columns, count }: PredictorRows): number {
  const width = names.prompt.length;
  const used = Math.min(count, TIMED_ROWS);
  const rows = new Float64Array(used * width);
  for (let i = 0; i < used; i++) for (let f = 0; f < width; f++) rows[i * width + f] = columns[f][i];
  let sum = 0;
  let quickest = Number.POSITIVE_INFINITY;
  for (let pass = 0, row = 0; pass < PASSES; pass++) {
    let predictions = 0;
    const start = performance.now();
    let elapsed = 0;
    while (elapsed < LEAST_MILLISECONDS) {
      for (let i = 0; i < 100; i++, row = (row + 1) % used) sum += length.predict(rows, row * width);
      predictions += 100;
      elapsed = performance.now() - start;
    }
    quickest = Math.min(quickest, (1000 * elapsed) / predictions);
  }
  if (Number.isNaN(sum)) throw new Error("a prediction is no number");
  return quickest;
}
