/** From a sweep file to its plan, and from a plan to the runs that a shard needs. */
import { dirname, join, relative, resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { UserError } from "../../errors.ts";
import { canonicalJson } from "../../experiment/canonical-json.ts";
import type { EpochExperiment } from "../../experiment/epochs/epoch-schema.ts";
import { createEpochPlanner } from "../../experiment/epochs/expand-epochs.ts";
import {
  createPlanner,
  type ExpandOptions,
  type ExperimentPlan,
  type Planner,
} from "../../experiment/expand.ts";
import type { ResultHead } from "../../experiment/head-schema.ts";
import {
  type ExperimentPoint,
  type OpenExperiment,
  openAnyExperiment,
  type Variant,
} from "../../experiment/load.ts";
import { pointProvenance } from "../../experiment/point-provenance.ts";
import type { DenseBackend, PointProvenance } from "../../experiment/result.ts";
import { type CodeOf, filesOfRouters } from "../../experiment/router-code.ts";
import type { PlanPoint, RunPlan } from "../../experiment/run-plan.ts";
import type { RunSpec } from "../../experiment/run-spec.ts";
import { sha256OfFile } from "../../files.ts";
import { type LoadedSweep, loadSweep } from "../file/load-sweep.ts";
import { refuseIdleAxes } from "./idle-axes.ts";
import {
  PLAN_SCHEMA_ID,
  type PlanInput,
  type PlannedRouter,
  type SweepPlan,
  type SweepPlanPoint,
} from "./sweep-plan.ts";

/** Points up to which a plan says of each what its figures rest on. */
const MOST_PROVENANCES = 24;

/** A sweep whose points are made when they are asked for. */
export interface OpenSweep {
  readonly sweep: LoadedSweep;
  readonly files: readonly string[];
  readonly count: number;
  readonly kind: RunPlan["kind"];
  point(index: number): ExperimentPoint<ResultHead>;
  /** @param variantAt in place of the sweep's own variants, of the experiment's first point */
  planner(options: ExpandOptions, variantAt?: (index: number) => Variant): SweepPlanner;
}

/** Plans points of a sweep of either kind, one at a time; what they share is read once. */
export interface SweepPlanner extends Pick<RunPlan, "environment" | "trainings" | "inputs"> {
  /** Of this machine, once something that learns on dense kernels was planned. */
  readonly dense: DenseBackend | undefined;
  /** @throws UserError as {@link Planner.plan} */
  plan(index: number): Promise<PlannedOfSweep>;
}

interface PlannedOfSweep {
  readonly planned: PlanPoint;
  readonly runs: readonly RunSpec[];
  /** Names of the tiers; none of planners. */
  readonly tiers: readonly string[];
  readonly provenance: () => PointProvenance;
}

/**
 * Opens a sweep file and its experiment.
 *
 * @throws UserError CANOPY_SWEEP_*, CANOPY_EXPERIMENT_*
 */
export async function openSweep(file: string, sets: readonly string[]): Promise<OpenSweep> {
  const sweep = await loadSweep(file, sets);
  const any = await openAnyExperiment(sweep.experiment, {
    sets,
    overrides: sweep.overrides,
    withoutPoints: sweep.withPoints,
    varied: sweep.varied,
  }).catch((error: unknown) => {
    if (!(error instanceof UserError) || !error.message.startsWith(`experiment ${sweep.experiment}: `))
      throw error;
    const { code, exitCode } = error;
    throw new UserError(code, `${sweep.experimentPlace}: ${error.message}`, { cause: error, exitCode });
  });
  const pointOf = <Of extends ResultHead>(open: OpenExperiment<Of>, index: number) => {
    try {
      return open.point(Math.floor(index / sweep.count), sweep.variant(index % sweep.count));
    } catch (error) {
      throw sweep.explain(error);
    }
  };
  const pointsOf =
    <Of extends ResultHead>(open: OpenExperiment<Of>, variantAt?: (index: number) => Variant) =>
    (index: number) =>
      variantAt === undefined ? pointOf(open, index) : open.point(0, variantAt(index));
  return {
    sweep,
    files: [file, ...any.open.files],
    count: any.open.count * sweep.count,
    kind: any.kind,
    point: (index) => (any.kind === "epochs" ? pointOf(any.open, index) : pointOf(any.open, index)),
    planner: (options, variantAt) =>
      any.kind === "epochs"
        ? plannerOfEpochs(pointsOf(any.open, variantAt), options)
        : plannerOfRequests(pointsOf(any.open, variantAt), options),
  };
}

function plannerOfRequests(
  pointAt: (index: number) => ExperimentPoint,
  options: ExpandOptions,
): SweepPlanner {
  const planner = createPlanner(options);
  let dense: DenseBackend | undefined;
  return {
    environment: planner.environment,
    get dense() {
      return dense;
    },
    get trainings() {
      return planner.trainings;
    },
    get inputs() {
      return planner.inputs;
    },
    plan: async (index) => {
      const point = pointAt(index);
      const { planned, runs } = await planner.plan(point, index);
      dense ??= planned.routers.find(({ backend }) => backend !== null)?.backend ?? undefined;
      return {
        planned,
        runs,
        tiers: (point.experiment.tiers ?? []).map(({ name }) => name),
        provenance: () =>
          pointProvenance(planned, { inputs: planner.inputs, runs } as unknown as ExperimentPlan),
      };
    },
  };
}

function plannerOfEpochs(
  pointAt: (index: number) => ExperimentPoint<EpochExperiment>,
  options: ExpandOptions,
): SweepPlanner {
  const planner = createEpochPlanner(options);
  return {
    environment: planner.environment,
    trainings: [],
    get inputs() {
      return planner.inputs;
    },
    get dense() {
      return planner.dense;
    },
    plan: async (index) => ({ ...(await planner.plan(pointAt(index), index)), tiers: [] }),
  };
}

export interface PlanSweepOptions extends ExpandOptions {
  readonly sets?: readonly string[];
  /** Pieces; default: the sweep file's. */
  readonly shards?: number | undefined;
  /** Folder of the plan. */
  readonly folder: string;
  /** Hears how many points are planned. */
  readonly progress?: (done: number, of: number) => void;
}

/** A plan, and what runs it in this process. */
export interface PlannedSweep {
  readonly plan: SweepPlan;
  readonly sweep: LoadedSweep;
  /** By key. */
  readonly specs: ReadonlyMap<string, RunSpec>;
  readonly planner: SweepPlanner;
}

/**
 * Plans every point of a sweep: what is wrong with one is found before any run.
 *
 * @throws UserError as {@link openSweep} and {@link Planner.plan}; CANOPY_SWEEP_VALUE for an axis that changes no run
 */
export async function planSweep(file: string, options: PlanSweepOptions): Promise<PlannedSweep> {
  const sets = options.sets ?? [];
  const open = await openSweep(file, sets);
  const planner = open.planner(options);
  const specs = new Map<string, RunSpec>();
  const points: SweepPlanPoint[] = [];
  const routers: PlannedRouter[] = [];
  const places = new Map<string, number>();
  const made = new Map<string, CodeOf>();
  const provenance: PointProvenance[] = [];
  let first: PlanPoint | undefined;
  for (let index = 0; index < open.count; index++) {
    const { planned, runs, tiers, provenance: provenanceOf } = await planner.plan(index);
    first ??= planned;
    const own = new Map<string, number>();
    for (const { label, id, parameters, about, file, own: external } of planned.routers) {
      const router = { label, id, parameters, about };
      const text = canonicalJson(router);
      if (!places.has(text)) places.set(text, routers.push(router) - 1);
      own.set(label, places.get(text) as number);
      made.set(JSON.stringify([file, external?.files]), { file, own: external });
    }
    for (const run of runs) if (!specs.has(run.key)) specs.set(run.key, run);
    points.push({
      labels: planned.point.labels,
      runs: runs.map(({ router, seed, start, key }) => [own.get(router.label) as number, seed, start, key]),
      ...(planned.point.experiment.outputs.reward === undefined ? {} : { tiers }),
    });
    if (index < MOST_PROVENANCES) provenance.push(provenanceOf());
    options.progress?.(index + 1, open.count);
  }
  if (first === undefined) throw new Error("a sweep without points");
  const { experiment } = first.point;
  await refuseIdleAxes(open.sweep, points, first.point.tree, variantPlanner(open, options));
  const plan: SweepPlan = {
    schema: PLAN_SCHEMA_ID,
    ...(open.kind === "epochs" ? { kind: open.kind } : {}),
    ...(planner.dense === undefined ? {} : { dense: planner.dense }),
    sweep: open.sweep.config.sweep,
    description: open.sweep.config.description ?? experiment.description ?? null,
    file: relative(options.folder, file),
    sets,
    shards: options.shards ?? open.sweep.config.shards,
    environment: planner.environment,
    experiment: {
      id: experiment.experiment,
      paper: experiment.paper ?? null,
      outputs: experiment.outputs,
      baseline: experiment.baseline ?? null,
      published: experiment.published,
      calibrated: experiment.calibrated,
      comparable: experiment.comparable,
    },
    inputs: await inputsOf(open, planner, filesOfRouters(made.values())),
    provenance: open.count > MOST_PROVENANCES ? provenance.slice(0, 1) : provenance,
    routers,
    points,
  };
  return { plan, sweep: open.sweep, specs, planner };
}

/** Plans variants for their keys alone: nothing of them gets into the plan. */
function variantPlanner(open: OpenSweep, options: ExpandOptions): (variant: Variant) => Promise<string> {
  let wanted: Variant = { labels: {}, overrides: [] };
  let planner: SweepPlanner | undefined;
  return async (variant) => {
    planner ??= open.planner(options, () => wanted);
    wanted = variant;
    const { runs } = await planner.plan(0);
    return runs.map(({ key }) => key).join(" ");
  };
}

/**
 * Runs of a plan with everything that they need, planned again from the files: only the points that have one of them.
 *
 * @param folder of the plan
 * @param keys of the runs
 * @throws UserError CANOPY_SWEEP_CHANGED when the files, the code or Node are no longer those of the plan; the signal's
 *   reason when it is aborted
 */
export async function planAgain(
  plan: SweepPlan,
  folder: string,
  keys: ReadonlySet<string>,
  options: ExpandOptions & { readonly signal?: AbortSignal | undefined } = {},
): Promise<{ specs: ReadonlyMap<string, RunSpec>; planner: SweepPlanner }> {
  const file = join(folder, plan.file);
  const open = await openSweep(file, plan.sets);
  const planner = open.planner(options);
  const changed = (what: string): UserError =>
    new UserError(
      "CANOPY_SWEEP_CHANGED",
      `${what} since the plan in ${folder} was made; plan again: canopy sweep-plan ${file} --out ${folder}`,
    );
  const { code, node } = planner.environment;
  if (node !== plan.environment.node) throw changed(`Node was ${plan.environment.node} and is ${node}`);
  if (code !== plan.environment.code) throw changed("the code of Canopy has changed");
  if (open.count !== plan.points.length)
    throw changed(`${file} had ${plan.points.length} points and has ${open.count}`);
  const specs = new Map<string, RunSpec>();
  for (const [index, { runs }] of plan.points.entries()) {
    if (!runs.some(([, , , key]) => keys.has(key) && !specs.has(key))) continue;
    // Points need no turn of the event loop, and signals of the system come by it.
    await setImmediate();
    options.signal?.throwIfAborted();
    const { runs: again } = await planner.plan(index);
    if (again.length !== runs.length || again.some(({ key }, r) => key !== runs[r][3])) {
      throw changed(`point ${index} of ${file}, or a file that it names, has changed`);
    }
    for (const run of again) if (keys.has(run.key)) specs.set(run.key, run);
  }
  return { specs, planner };
}

/** The sweep file of a plan, from the working directory. */
export function sweepFileOf(plan: SweepPlan, folder: string): string {
  return relative(".", resolve(folder, plan.file)) || dirname(plan.file);
}

async function inputsOf(
  open: OpenSweep,
  { inputs }: SweepPlanner,
  code: readonly string[],
): Promise<PlanInput[]> {
  const list: PlanInput[] = [];
  for (const name of open.files)
    list.push({ role: list.length === 0 ? "other" : "experiment", name, sha256: await sha256OfFile(name) });
  for (const [sha256, profile] of Object.entries(inputs.profiles)) {
    list.push({ role: "profile", name: "id" in profile ? profile.id : "law in the experiment", sha256 });
  }
  for (const [sha256, { header }] of Object.entries(inputs.series)) {
    list.push({ role: "signal", name: `${header.source} ${header.zone}`, sha256 });
  }
  for (const { requests } of Object.values(inputs.workloads)) {
    if (requests.sha256 !== undefined)
      list.push({ role: "trace", name: requests.name, sha256: requests.sha256 });
  }
  for (const sha256 of Object.keys(inputs.artefacts))
    list.push({ role: "artefact", name: "artefact", sha256 });
  for (const name of code) list.push({ role: "router", name, sha256: await sha256OfFile(name) });
  const seen = new Set<string>();
  return list.filter(({ role, name, sha256 }) => {
    const text = `${role} ${name} ${sha256}`;
    if (seen.has(text)) return false;
    seen.add(text);
    return true;
  });
}
