import { UserError } from "../errors.ts";
import { Stream } from "../numeric/random.ts";
import { DEFAULT_TIER, FloorSampler, resolveFloors } from "../workload/classes.ts";
import { sharedColumn } from "../workload/columns.ts";
import { type ReadTraceOptions, readTrace } from "../workload/read/read-trace.ts";
import { superpose } from "../workload/superpose.ts";
import { PURPOSES } from "../workload/synthetic.ts";
import type { Trace } from "../workload/trace.ts";
import { assignTiers, changed, compressTime, cut, scaleLengths } from "../workload/transform.ts";
import { hashOfJson } from "./canonical-json.ts";
import { inputPath } from "./data-path.ts";
import type { ExperimentPoint } from "./load.ts";
import { directoryOf, type InputTables, noReferenceData, once } from "./read-inputs.ts";
import { tierShares, tiersOf } from "./resolve-workload.ts";
import type { Experiment } from "./schema.ts";
import type { TraceWorkloadConfig } from "./workload-schema.ts";

/** The file of a trace; undefined where the folder of reference data is not there. */
export function traceFile(
  point: ExperimentPoint,
  { trace }: TraceWorkloadConfig,
  { dataRoot }: InputTables,
): string | undefined {
  return inputPath(trace, directoryOf(point, ["workload", "trace"]), dataRoot);
}

/**
 * Reads the trace of a point, changes it as the experiment asks, and puts it among the shared workloads. The changes
 * in order: window, lengths, copies, rate, number of requests, tiers and floors, repetition. What is drawn (shifts of
 * copies, tiers, floors) is drawn anew for every seed.
 *
 * @returns its key there
 * @throws UserError CANOPY_TRACE_*, CANOPY_FILE_*, CANOPY_WORKLOAD_*, CANOPY_EXPERIMENT_DATA
 */
export async function readTraceWorkload(
  point: ExperimentPoint,
  seed: number,
  tables: InputTables,
): Promise<string> {
  const { experiment } = point;
  const { workload } = experiment;
  if (!("trace" in workload)) throw new Error("the workload is no trace");
  const file = traceFile(point, workload, tables);
  if (file === undefined) throw noReferenceData(workload.trace);
  const { base, hasTiers } = await once(tables.traces, hashOfJson([file, workload, experiment.tiers]), () =>
    readBase(file, workload, experiment),
  );
  const trace = drawn(base, workload, experiment, seed, hasTiers);
  const { sha256, meanPromptTokens, meanOutputTokens } = trace;
  const key = workload.repeat === 1 ? sha256 : `${sha256} x ${workload.repeat}`;
  tables.workloads[key] ??= {
    requests: trace.toShared(),
    repeat: workload.repeat,
    meanPromptTokens,
    meanOutputTokens,
  };
  return key;
}

/** What no seed changes. */
async function readBase(
  file: string,
  config: TraceWorkloadConfig,
  { tiers }: Experiment,
): Promise<{ base: Trace; hasTiers: boolean }> {
  const options: ReadTraceOptions = {
    ...(config.name === undefined ? {} : { name: config.name }),
    ...(config.format === undefined ? {} : { format: config.format }),
    ...(config.columns === undefined ? {} : { columns: config.columns }),
    ...(config.sessionsPerS === undefined ? {} : { sessionsPerSecond: config.sessionsPerS }),
    ...(config.agents === undefined ? {} : { agents: config.agents }),
    ...(config.dependent === undefined ? {} : { dependent: config.dependent }),
    ...(config.largeModels === undefined ? {} : { largeModels: config.largeModels }),
  };
  let trace = await readTrace(file, options);
  const [first] = trace.tiers;
  const hasTiers = trace.tiers.length > 1 || first.name !== DEFAULT_TIER.name;
  const draws = config.drawTiers ?? !hasTiers;
  if (tiers !== undefined && hasTiers && !draws)
    trace = await readTrace(file, { ...options, tiers: tiersOf(tiers) });
  const { fromS = 0, durationS } = config;
  if (fromS > 0 || durationS !== undefined) {
    trace = cut(trace, {
      fromSeconds: fromS,
      ...(durationS === undefined ? {} : { toSeconds: fromS + durationS }),
    });
    if (trace.requests === 0) {
      throw new UserError(
        "CANOPY_TRACE_EMPTY",
        `${file}: no request arrives in the window, expected at least one`,
      );
    }
  }
  if (config.lengthFactor !== 1) trace = scaleLengths(trace, config.lengthFactor);
  return { base: trace, hasTiers };
}

function drawn(
  base: Trace,
  config: TraceWorkloadConfig,
  { tiers, floors }: Experiment,
  seed: number,
  hasTiers: boolean,
): Trace {
  let trace = config.copies === 1 ? base : superpose(base, config.copies, seed);
  if (config.rateFactor !== 1) trace = compressTime(trace, config.rateFactor);
  if (config.requests !== undefined) trace = cut(trace, { requests: config.requests });
  const drawTiers = config.drawTiers ?? !hasTiers;
  if (tiers !== undefined && drawTiers) {
    if (tiers.some((tier) => tier.share === undefined)) {
      throw new UserError(
        "CANOPY_TRACE_TIERS",
        "the trace names no tiers, expected a share for each of the tiers",
      );
    }
    return assignTiers(trace, { tiers: tierShares(tiers), floors, seed });
  }
  return floors === "off" ? trace : withFloors(trace, floors, seed);
}

/** Draws which requests need a large model, for tiers that stand in the file. */
function withFloors(trace: Trace, floors: Experiment["floors"], seed: number): Trace {
  const sampler = new FloorSampler(resolveFloors(floors, trace.tiers), new Stream(seed, PURPOSES.floors));
  const needsLarge = sharedColumn("needsLarge", trace.requests);
  sampler.fill(needsLarge, trace.columns.tier, trace.requests);
  return changed(trace, { ...trace.columns, needsLarge });
}
