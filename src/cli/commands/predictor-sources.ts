import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { UserError } from "../../errors.ts";
import { dataRoot } from "../../experiment/data-path.ts";
import { loadExperiment } from "../../experiment/load.ts";
import { emptyTables } from "../../experiment/read-inputs.ts";
import { generatedParameters, generatedWorkload } from "../../experiment/resolve-workload.ts";
import { readTraceWorkload } from "../../experiment/trace-workload.ts";
import { readTextFile } from "../../files.ts";
import { decodePredictor } from "../../learning/cost-predictor/predictor-file.ts";
import type { TrainedPredictor, TrainingFacts } from "../../learning/cost-predictor/train-predictor.ts";
import type { PredictorRows, SampleOptions } from "../../learning/cost-predictor/training-rows.ts";
import { rowsOfPairs, rowsOfWorkload } from "../../learning/cost-predictor/workload-rows.ts";
import { readLengthPairs } from "../../workload/read/length-pairs.ts";
import { readTrace } from "../../workload/read/read-trace.ts";
import { Trace } from "../../workload/trace.ts";

/** Requests to train on or to try a predictor on. */
export interface PredictorSource extends Pick<TrainingFacts, "source" | "origin" | "correlation"> {
  readonly rows: PredictorRows;
}

export interface SourceOptions extends SampleOptions {
  readonly seed: number;
  readonly set: readonly string[];
}

/**
 * Reads the requests of a file: an experiment (`.yaml`, `.yml`), whose first point counts, else a trace, else lengths
 * without times.
 *
 * @throws UserError those of the readers
 */
export async function readSource(path: string, options: SourceOptions): Promise<PredictorSource> {
  if (/\.ya?ml$/i.test(path)) return experimentSource(path, options);
  const real = { source: basename(path), origin: "real", correlation: null } as const;
  try {
    return { ...real, rows: rowsOfWorkload(await readTrace(path), options) };
  } catch (error) {
    if (!isOtherLayout(error)) throw error;
    const pairs = await readLengthPairs(path).catch(() => {
      throw error;
    });
    return { ...real, rows: rowsOfPairs(pairs, options) };
  }
}

function isOtherLayout(error: unknown): boolean {
  return (
    error instanceof UserError &&
    (error.code === "CANOPY_TRACE_FORMAT" || error.code === "CANOPY_TRACE_COLUMN")
  );
}

async function experimentSource(path: string, options: SourceOptions): Promise<PredictorSource> {
  const loaded = await loadExperiment(path, { sets: options.set });
  const [point] = loaded.points;
  const { workload, tiers, floors } = point.experiment;
  const { seed } = options;
  const generated = generatedParameters(workload, { tiers, floors, seed, start: null });
  if (generated !== undefined) {
    const { parameters } = generated;
    const correlation = "outputFeatures" in parameters ? (parameters.outputFeatures?.rho ?? 0) : 0;
    const rows = rowsOfWorkload(generatedWorkload(generated), options);
    return { source: loaded.id, origin: "constructed", correlation, rows };
  }
  const tables = emptyTables(dataRoot());
  const key = await readTraceWorkload(point, seed, tables);
  const trace = Trace.fromShared(tables.workloads[key].requests);
  return { source: loaded.id, origin: "real", correlation: null, rows: rowsOfWorkload(trace, options) };
}

/** The predictor in a file; undefined where the file is something else. */
export async function readIfPredictor(path: string): Promise<TrainedPredictor | undefined> {
  if (!/\.json$/i.test(path)) return undefined;
  return readPredictor(path);
}

/** @throws UserError CANOPY_FILE_*, CANOPY_PREDICTOR_* */
export async function readPredictor(path: string): Promise<TrainedPredictor> {
  // For the message where it is missing or unreadable.
  await readTextFile(path, "predictor");
  return decodePredictor(await readFile(path), path);
}
