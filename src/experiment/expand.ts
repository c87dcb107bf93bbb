/** From a checked experiment to its plan of runs: router x point x seed x start, each named by its content. */

import { resolve } from "node:path";
import { buildFleet } from "../fleet/build-fleet.ts";
import type { RouterDefinition } from "../routers/contract.ts";
import { loadRouter, routerFile } from "../routers/load-router.ts";
import { findRouter, parseRouterParameters } from "../routers/registry.ts";
import { hashOfJson } from "./canonical-json.ts";
import { codeHash } from "./code-hash.ts";
import { dataRoot } from "./data-path.ts";
import { type ExperimentPoint, type LoadedExperiment, refuse } from "./load.ts";
import { locationText, originAt, type PlainValue } from "./located-tree.ts";
import {
  needsTraining,
  trainingPoint,
  trainingSpec,
  trainingStart,
  withoutTrainingPart,
} from "./plan-training.ts";
import { pointProvenance } from "./point-provenance.ts";
import { readAccuracy } from "./read-accuracy.ts";
import {
  at,
  directoryOf,
  emptyTables,
  type InputTables,
  once,
  readArtefacts,
  readProfiles,
  readSignals,
  sharedInputs,
} from "./read-inputs.ts";
import {
  type ProfileInput,
  planEndpoints,
  planFaults,
  powerCurveNotes,
  withCounts,
} from "./resolve-fleet.ts";
import { trackOf, UNKNOWN_SIGNAL } from "./resolve-signals.ts";
import { arrivalSpan, generatedParameters, generatedWorkload } from "./resolve-workload.ts";
import { type RouterCode, routerCode } from "./router-code.ts";
import { routerLabel } from "./router-label.ts";
import type { PlanPoint, RunEnvironment, RunPlan } from "./run-plan.ts";
import type { RouterSpec, RunSpec, TrainingSpec } from "./run-spec.ts";
import { startsOf } from "./run-starts.ts";
import type { PointInputs, SharedInputs } from "./shared-inputs.ts";
import { spanOf, workloadOf } from "./shared-workload.ts";
import { readTraceWorkload, traceFile } from "./trace-workload.ts";
import { wantsTimeline } from "./wants-timeline.ts";

/** A point of the plan. */
export interface PlannedPoint extends PlanPoint {
  readonly point: ExperimentPoint;
  readonly inputs: PointInputs;
}

export interface ExperimentPlan extends RunPlan {
  readonly kind: "requests";
  readonly points: readonly PlannedPoint[];
}

type TrainingRequests = Pick<TrainingSpec, "point" | "workload" | "seed" | "start">;

export interface ExpandOptions {
  /** Default: this package's code and this Node. */
  readonly environment?: RunEnvironment;
  /** Folder of the reference data, null for none; default: {@link dataRoot}. */
  readonly dataRoot?: string | null;
}

/** Plans points one at a time; what they share is read once. */
export interface Planner {
  readonly environment: RunEnvironment;
  /** Of all points planned so far. */
  readonly trainings: readonly TrainingSpec[];
  readonly inputs: SharedInputs;
  /**
   * Opens every file that the point names, checks what only they can tell, and lists its runs.
   *
   * @param place of the point in the plan
   * @param trainedOn point of whose requests routers learn; default: the point itself
   * @throws UserError with the place in the experiment file: profiles, traces, series, routers and their parameters
   */
  plan(
    point: ExperimentPoint,
    place: number,
    trainedOn?: ExperimentPoint,
  ): Promise<{ planned: PlannedPoint; runs: readonly RunSpec[] }>;
}

export function createPlanner(options: ExpandOptions = {}): Planner {
  const environment = options.environment ?? { code: codeHash(), node: process.version };
  const root = options.dataRoot === undefined ? dataRoot() : (options.dataRoot ?? undefined);
  const tables = emptyTables(root);
  const trainings = new Map<string, TrainingSpec>();
  return {
    environment,
    get trainings() {
      return [...trainings.values()];
    },
    get inputs() {
      return sharedInputs(tables);
    },
    plan: async (point, place, trainedOn = point) => {
      const planned = await planPoint(point, trainedOn, tables, environment, trainings);
      return { planned, runs: await planRuns(planned, place, tables, environment) };
    },
  };
}

/**
 * Plans all points of an experiment.
 *
 * @throws UserError as {@link Planner.plan}
 */
export async function expandExperiment(
  loaded: LoadedExperiment,
  options: ExpandOptions = {},
): Promise<ExperimentPlan> {
  const planner = createPlanner(options);
  const points: PlannedPoint[] = [];
  const runs: RunSpec[] = [];
  for (const point of loaded.points) {
    const { planned, runs: own } = await planner.plan(point, points.length);
    points.push(planned);
    runs.push(...own);
  }
  const { trainings, inputs, environment } = planner;
  const provenance = points.map((planned) => pointProvenance(planned, { runs, inputs }));
  const [dense] = points.flatMap(({ routers }) => routers.flatMap(({ backend }) => backend ?? []));
  return {
    kind: "requests",
    loaded,
    points,
    runs,
    trainings,
    inputs,
    environment,
    provenance,
    ...(dense === undefined ? {} : { dense }),
  };
}

async function planPoint(
  loaded: ExperimentPoint,
  trainedOn: ExperimentPoint,
  tables: InputTables,
  environment: RunEnvironment,
  trainings: Map<string, TrainingSpec>,
): Promise<PlannedPoint> {
  const notes: string[] = [];
  const named = withStandIn(loaded, tables, notes);
  const profiles = await readProfiles(named, tables);
  const { fleet, problems } = withCounts(named.experiment.fleet, profiles);
  if (problems.length > 0) refuse(named.tree, problems, named.labels);
  const whole = { ...named, experiment: { ...named.experiment, fleet } };
  notes.push(...powerCurveNotes(fleet));
  const point = withoutTrainingPart(whole);
  const { experiment } = point;
  const models = await checkFleet(point, profiles);
  const carbon = await readSignals(point, "carbon", tables, notes);
  const price = await readSignals(point, "price", tables, notes);
  const signals = [...Object.values(carbon), ...Object.values(price)];
  const starts = startsOf(experiment, signals, tables.series);
  const answers = await readAccuracy(
    point,
    models,
    await taskTypesOf(point, starts[0], tables),
    tables.dataRoot,
  );
  const inputs: PointInputs = {
    experiment,
    answers,
    profiles: profiles.map(({ key }) => key),
    carbon,
    price,
    starts,
    notes,
  };
  const key = hashOfJson(contentOf(inputs));
  tables.points[key] = inputs;
  const routers: RouterSpec[] = [];
  let requests: TrainingRequests | undefined;
  for (const i of experiment.routers.keys()) {
    const { definition, router, learns } = await planRouter(point, i, tables);
    if (!learns) {
      routers.push(router);
      continue;
    }
    requests ??= await planTraining(withRequestsOf(trainedOn, whole, tables), inputs, tables);
    const code = await codeOf(router, tables);
    const training = trainingSpec(definition, router, requests, environment, code);
    if (!trainings.has(training.key)) trainings.set(training.key, training);
    routers.push({ ...router, training: training.key });
  }
  return { key, point, inputs, routers };
}

/** The requests that the routers of a point are trained on; checks that the signals cover them. */
async function planTraining(
  whole: ExperimentPoint,
  evaluated: PointInputs,
  tables: InputTables,
): Promise<TrainingRequests> {
  const { training } = whole.experiment;
  if (training === undefined) throw new Error("the experiment has no training");
  const point = trainingPoint(whole, training);
  const own = training.carbon === undefined ? {} : { carbon: await readSignals(point, "carbon", tables, []) };
  const inputs: PointInputs = { ...evaluated, ...own, experiment: point.experiment };
  const key = hashOfJson(contentOf(inputs));
  tables.points[key] = inputs;
  const { seed } = training;
  const start = trainingStart(training, evaluated.starts);
  const workload = await workloadKey(point, seed, start, tables);
  await checkRun(point, inputs, { seed, start, workload }, tables, false);
  return { point: key, workload, seed, start };
}

/** A point with the requests of another, whole. */
function withRequestsOf(
  other: ExperimentPoint,
  whole: ExperimentPoint,
  tables: InputTables,
): ExperimentPoint {
  const { workload } = withStandIn(other, tables, []).experiment;
  return { ...whole, experiment: { ...whole.experiment, workload } };
}

/** Puts the synthetic workload in the place of a trace of reference data that is not there. */
function withStandIn(point: ExperimentPoint, tables: InputTables, notes: string[]): ExperimentPoint {
  const { workload } = point.experiment;
  if (!("trace" in workload) || workload.otherwise === undefined) return point;
  if (traceFile(point, workload, tables) !== undefined) return point;
  notes.push(`workload: no reference data here, a synthetic workload stands in for ${workload.trace}`);
  return { ...point, experiment: { ...point.experiment, workload: workload.otherwise } };
}

/** Everything of a point that a run's result depends on, files by their content. */
function contentOf({ experiment, profiles, carbon, price, answers, notes }: PointInputs): unknown {
  const { floors, tiers, latency, clock, fleet, batching, regions, network, kvTransfer, faults } = experiment;
  const { calibration, signals, telemetryIntervalS, end, horizon, warmup, workload } = experiment;
  const { signal, refreshS, forecast } = signals;
  return {
    schema: "canopy/run/1",
    // Requests of a file are named by their content in every run; where the file lies is no part of it.
    workload: "trace" in workload ? { ...workload, trace: undefined } : workload,
    floors,
    tiers,
    latency,
    clock,
    fleet: fleet.map((endpoint, i) => ({ ...endpoint, profile: profiles[i] })),
    batching,
    regions,
    network,
    kvTransfer,
    faults,
    calibration,
    signals: { signal, refreshS, forecast, carbon, price },
    telemetryIntervalS,
    end,
    horizon,
    warmup,
    timeline: wantsTimeline(experiment),
    breakdowns: experiment.outputs.breakdowns,
    windows: experiment.outputs.windows,
    answers,
    notes,
  };
}

/** The models of the fleet, in its order. */
async function checkFleet(
  point: ExperimentPoint,
  profiles: readonly ProfileInput[],
): Promise<readonly string[]> {
  const { endpoints, problems } = planEndpoints(point.experiment, profiles);
  if (problems.length > 0) refuse(point.tree, problems, point.labels);
  const regions = [...new Set(endpoints.map(({ region }) => region))];
  const { models } = await at(point, ["fleet"], () =>
    buildFleet({
      regions: regions.map((name) => ({
        name,
        carbon: UNKNOWN_SIGNAL,
        energyPrice: null,
        pue: 1,
        water: null,
      })),
      endpoints,
      faults: planFaults(point.experiment),
      kvTransfer: { bytesPerSecond: 1, latencySeconds: 0 },
    }),
  );
  return models.map(({ name }) => name);
}

/** Task types of the requests; none are looked up where correctness is not modelled. */
async function taskTypesOf(
  point: ExperimentPoint,
  start: number | null,
  tables: InputTables,
): Promise<readonly string[]> {
  const { workload, accuracy, seeds } = point.experiment;
  if (accuracy === undefined) return [];
  if (!("trace" in workload)) return (workload.taskTypes ?? []).map((type) => type.name);
  return tables.workloads[await workloadKey(point, seeds[0], start, tables)].requests.taskTypes;
}

async function planRouter(
  point: ExperimentPoint,
  index: number,
  tables: InputTables,
): Promise<{ definition: RouterDefinition; router: RouterSpec; learns: boolean }> {
  const config = point.experiment.routers[index];
  const path = ["routers", index];
  const where = locationText(originAt(point.tree, path), path);
  const folder = resolve(directoryOf(point, path));
  const file = routerFile(config.router, folder);
  const definition =
    file === null ? findRouter(config.router, where) : await at(point, path, () => loadRouter(file));
  const parameters = parseRouterParameters(definition, config.parameters, where);
  const router: RouterSpec = {
    label: routerLabel(config),
    id: definition.id,
    file,
    parameters: parameters as Record<string, PlainValue>,
    artefacts: await readArtefacts(point, path, config.artefacts, tables),
    training: null,
    ...(definition.files === undefined
      ? {}
      : {
          own: { folder, files: await at(point, path, () => definition.files?.(parameters, folder) ?? []) },
        }),
    backend: definition.backend?.(parameters) ?? null,
    about: {
      family: definition.family,
      group: definition.group,
      status: definition.status,
      source: definition.source,
      clairvoyant: definition.clairvoyant === true,
      ablationOf: definition.ablationOf ?? null,
    },
  };
  return { definition, router, learns: needsTraining(definition, router, point.experiment.training, where) };
}

function codeOf(router: RouterSpec, tables: InputTables): Promise<RouterCode> {
  return once(tables.seen, `code ${hashOfJson([router.file, router.own?.files ?? null])}`, () =>
    routerCode(router),
  );
}

async function planRuns(
  planned: PlannedPoint,
  place: number,
  tables: InputTables,
  environment: RunEnvironment,
): Promise<RunSpec[]> {
  const { point, inputs, key, routers } = planned;
  const { experiment, labels } = { experiment: inputs.experiment, labels: point.labels };
  const codes = await Promise.all(routers.map((router) => codeOf(router, tables)));
  const runs: RunSpec[] = [];
  for (const [s, seed] of experiment.seeds.entries()) {
    for (const [t, start] of inputs.starts.entries()) {
      const workload = await workloadKey(point, seed, start, tables);
      if (s === 0) await checkRun(point, inputs, { seed, start, workload }, tables, t === 0);
      for (const [r, router] of routers.entries()) {
        const { id, parameters, artefacts, training, backend } = router;
        const content = {
          key,
          workload,
          seed,
          start,
          id,
          parameters,
          artefacts,
          training,
          ...(backend === null ? {} : { backend }),
          code: codes[r],
          environment,
        };
        runs.push({
          key: hashOfJson(content),
          point: key,
          labels,
          planned: place,
          router,
          seed,
          start,
          workload,
        });
      }
    }
  }
  return runs;
}

/** The key of a run's requests; those of a file are read on the way. */
async function workloadKey(
  point: ExperimentPoint,
  seed: number,
  start: number | null,
  tables: InputTables,
): Promise<string> {
  const { workload, tiers, floors } = point.experiment;
  const generated = generatedParameters(workload, { tiers, floors, seed, start });
  if (generated !== undefined) return hashOfJson(generated);
  return at(point, ["workload"], () => readTraceWorkload(point, seed, tables));
}

/** Checks on the requests of one run, and that the signals cover it. */
async function checkRun(
  point: ExperimentPoint,
  inputs: PointInputs,
  run: { seed: number; start: number | null; workload: string },
  tables: InputTables,
  first: boolean,
): Promise<void> {
  const { tree, experiment, labels } = point;
  const { workload, tiers, floors, warmup, fleet, end, horizon } = experiment;
  const { requests, span, needsLarge } = await at(point, ["workload"], () => {
    const generated = generatedParameters(workload, { tiers, floors, ...run });
    if (generated !== undefined) {
      const made = generatedWorkload(generated);
      return { requests: made.requests, span: () => arrivalSpan(made), needsLarge: false };
    }
    const shared = tables.workloads[run.workload];
    const played = workloadOf({ ...run, point: "" }, tables);
    const needsLarge = shared.requests.columns["needsLarge"].some((flag) => flag === 1);
    return { requests: played.requests, span: () => spanOf(played), needsLarge };
  });
  if (first) {
    const refuseAt = (path: string[], message: string) =>
      refuse(tree, [{ code: "CANOPY_EXPERIMENT_VALUE", path, message }], labels);
    if (warmup !== undefined && Math.max(warmup.fraction * requests, warmup.atLeast) >= requests) {
      refuseAt(["warmup"], `leaves none of the ${requests} requests, expected a shorter one`);
    }
    if (needsLarge && !fleet.some((endpoint) => endpoint.large)) {
      refuseAt(
        ["fleet"],
        "the trace asks for a large model, but no endpoint may serve it: expected large: true on one",
      );
    }
    if (end === "cut" && horizon === "auto" && span().dependent) {
      refuseAt(
        ["end"],
        "is cut, but the last call of a session arrives when the run decides: expected horizon in seconds",
      );
    }
  }
  // Only series of files can be too short; finding when the last request arrives takes a pass over the arrivals.
  let lastSeconds: number | undefined;
  for (const which of ["carbon", "price"] as const) {
    for (const [region, input] of Object.entries(inputs[which])) {
      if (input.kind !== "file") continue;
      lastSeconds ??= span().lastSeconds;
      const length = lastSeconds;
      await at(point, ["signals", which, region], () => {
        trackOf(input, tables, { start: run.start, lengthSeconds: length });
      });
    }
  }
}
