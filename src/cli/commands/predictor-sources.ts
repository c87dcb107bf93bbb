import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { UserError } from "../../errors.ts";
import { dataRoot } from "../../experiment/data-path.ts";
import { executeTraining } from "../../experiment/execute-training.ts";
import { expandExperiment } from "../../experiment/expand.ts";
import { loadExperiment } from "../../experiment/load.ts";
import { emptyTables } from "../../experiment/read-inputs.ts";
import {
  type GeneratedParameters,
  generatedParameters,
  generatedWorkload,
} from "../../experiment/resolve-workload.ts";
import { readTraceWorkload } from "../../experiment/trace-workload.ts";
import { readTextFile } from "../../files.ts";
import { decodePredictor } from "../../learning/cost-predictor/predictor-file.ts";
import type { TrainedPredictor, TrainingFacts } from "../../learning/cost-predictor/train-predictor.ts";
import type { PredictorRows, SampleOptions } from "../../learning/cost-predictor/training-rows.ts";
import { rowsOfPairs, rowsOfWorkload } from "../../learning/cost-predictor/workload-rows.ts";
import { readLengthPairs } from "../../workload/read/length-pairs.ts";
import { readTrace } from "../../workload/read/read-trace.ts";
import type { Workload } from "../../workload/requests.ts";
import { Trace } from "../../workload/trace.ts";

/** Requests to train on or to try a predictor on. */
export interface PredictorSource extends Pick<TrainingFacts, "source" | "origin" | "correlation"> {
  readonly rows: PredictorRows;
}

export interface SourceOptions extends SampleOptions {
  readonly seed: number;
  readonly set: readonly string[];
  /** About how many requests of a generated workload to take, from its beginning; default all. */
  readonly requests?: number;
}

/**
 * Reads the requests of a file: an experiment (`.yaml`, `.yml`), whose first point counts, else a trace, else lengths
 * without times.
 *
 * @throws UserError those of the readers
 */
export async function readSource(path: string, options: SourceOptions): Promise<PredictorSource> {
  if (isExperiment(path)) return experimentSource(path, options);
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

/**
 * The predictor that an experiment's routers learn in its training run, which labels the risk too; undefined for a file
 * that is no experiment, has no `training`, or none of whose routers learns one. Of several points the first counts.
 */
export async function trainInRun(
  path: string,
  { set }: Pick<SourceOptions, "set">,
): Promise<TrainedPredictor | undefined> {
  if (!isExperiment(path)) return undefined;
  const loaded = await loadExperiment(path, { sets: set });
  const [point] = loaded.points;
  if (point.experiment.training === undefined) return undefined;
  const { trainings, inputs } = await expandExperiment({ ...loaded, points: [point] });
  const spec = trainings.find(({ artefacts }) => artefacts.includes(ARTEFACT));
  if (spec === undefined) return undefined;
  const { [ARTEFACT]: bytes } = await executeTraining(spec, inputs);
  const { training, ...trained } = decodePredictor(bytes, `${path}, router ${spec.router.label}`);
  const { tiers, floors, workload } = point.experiment;
  const generated = generatedParameters(workload, { tiers, floors, seed: spec.seed, start: null });
  const about =
    generated === undefined
      ? { origin: "real" as const, correlation: null }
      : { origin: "constructed" as const, correlation: correlationOf(generated) };
  return { ...trained, training: { ...training, source: loaded.id, ...about } };
}

/** Name of a predictor among what training leaves. */
const ARTEFACT = "predictor";

function isExperiment(path: string): boolean {
  return /\.ya?ml$/i.test(path);
}

function correlationOf({ parameters }: GeneratedParameters): number {
  return "outputFeatures" in parameters ? (parameters.outputFeatures?.rho ?? 0) : 0;
}

/** @param requests most requests to generate; default: as many as the experiment has */
async function experimentSource(
  path: string,
  { requests, ...options }: SourceOptions,
): Promise<PredictorSource> {
  const loaded = await loadExperiment(path, { sets: options.set });
  const [point] = loaded.points;
  const { workload, tiers, floors } = point.experiment;
  const { seed } = options;
  const generated = generatedParameters(workload, { tiers, floors, seed, start: null });
  if (generated !== undefined) {
    const whole = generatedWorkload(generated);
    const rows = rowsOfWorkload(requests === undefined ? whole : beginning(whole, requests), options);
    return { source: loaded.id, origin: "constructed", correlation: correlationOf(generated), rows };
  }
  const tables = emptyTables(dataRoot());
  const key = await readTraceWorkload(point, seed, tables);
  const trace = Trace.fromShared(tables.workloads[key].requests);
  return { source: loaded.id, origin: "real", correlation: null, rows: rowsOfWorkload(trace, options) };
}

/** About the first requests of a workload: whole chunks. */
function beginning(workload: Workload, requests: number): Pick<Workload, "taskTypes" | "open"> {
  const open = () => {
    const cursor = workload.open();
    let left = requests;
    return {
      next() {
        const chunk = left > 0 ? cursor.next() : undefined;
        left -= chunk?.count ?? 0;
        return chunk;
      },
    };
  };
  return { taskTypes: workload.taskTypes, open };
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
