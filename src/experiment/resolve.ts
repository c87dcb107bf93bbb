import { type Blowdown, PAPER_PHYSICS, potableLitresPerItKwh } from "../datacenter/physics.ts";
import { buildFleet } from "../fleet/build-fleet.ts";
import { endpointNames } from "../fleet/endpoint-names.ts";
import type { Fleet, Region } from "../fleet/fleet.ts";
import type { RunMetricsContext } from "../metrics/run-metrics.ts";
import type { ClairvoyantWorld, Router, RouterDefinition } from "../routers/contract.ts";
import { loadRouter } from "../routers/load-router.ts";
import { createRouter, findRouter } from "../routers/registry.ts";
import type { Answers, RunOptions } from "../simulator/options.ts";
import { withDifficulty } from "../workload/difficulty.ts";
import { ItemResponse, responseSeed, responseUniform } from "../workload/item-response.ts";
import { deferralSecondsOf, type Workload } from "../workload/requests.ts";
import { planEndpoints, planFaults } from "./resolve-fleet.ts";
import { forecastOf, trackOf, UNKNOWN_SIGNAL } from "./resolve-signals.ts";
import type { ArrivalSpan } from "./resolve-workload.ts";
import type { RouterSpec, RunSpec } from "./run-spec.ts";
import type { Experiment } from "./schema.ts";
import type { AnswerInput, PointInputs, SharedInputs } from "./shared-inputs.ts";
import { spanOf, workloadOf } from "./shared-workload.ts";

/** A run ready for the simulator, and what its metrics need beside its records. */
export interface ResolvedRun {
  readonly options: RunOptions;
  readonly inputs: PointInputs;
  readonly metrics: RunMetricsContext;
  /** Number of the first request that latency and service level count. */
  readonly firstCounted: number;
  /** Latest arrival that is known before the run. */
  readonly arrivalsEndSeconds: number;
  /** End of the carbon series after the start of the run, in seconds; Infinity where it has none. */
  readonly signalEndSeconds: number;
}

/**
 * Makes the options of a run from its inputs.
 *
 * @throws UserError from a router's file or parameters, or a series that does not cover the run
 */
export async function resolveRun(spec: RunSpec, shared: SharedInputs): Promise<ResolvedRun> {
  const definition = await definitionOf(spec.router);
  const { parameters, label, own } = spec.router;
  const { router } = createRouter(definition, parameters, label, own?.folder);
  return resolveWith(spec, shared, router as RunOptions["router"], definition.clairvoyant === true);
}

/** The definition of a router, from the registry or its file. */
export async function definitionOf({ file, id }: RouterSpec): Promise<RouterDefinition> {
  return file === null ? findRouter(id) : loadRouter(file);
}

/** What {@link resolveWith} needs to know of a run or of a training. */
export type SimulationSpec = Pick<RunSpec, "point" | "router" | "seed" | "start" | "workload">;

/** {@link resolveRun} with a router that is there already. */
export function resolveWith(
  spec: SimulationSpec,
  shared: SharedInputs,
  router: RunOptions["router"] | Router<ClairvoyantWorld>,
  clairvoyant: boolean,
): ResolvedRun {
  const inputs = shared.points[spec.point];
  const { experiment } = inputs;
  const workload = workloadOf(spec, shared);
  const span = spanOf(workload);
  const { fleet, signalEndSeconds } = fleetOf(spec, shared, span);
  const options: RunOptions = {
    fleet,
    workload: inputs.answers === null ? workload : withDifficulty(workload, spec.seed),
    router: router as RunOptions["router"],
    seed: spec.seed,
    signal: experiment.signals.signal,
    latency: experiment.latency,
    clock: experiment.clock,
    telemetryIntervalSeconds: experiment.telemetryIntervalS,
    signalIntervalSeconds: experiment.signals.refreshS,
    end: experiment.end,
    horizonSeconds: horizonOf(experiment, workload, span),
    forecastCarbon: forecastOf(
      experiment.signals,
      fleet.regions.map((region) => region.carbon),
      fleet.regions.map((region) => region.name),
    ),
    artefacts: artefactsOf(spec.router, shared),
    explain: false,
    clairvoyant,
    startHour: spec.start === null ? 0 : (spec.start / 3600) % 24,
    answers: inputs.answers === null ? null : answersOf(inputs.answers, spec.seed),
  };
  const { warmup } = experiment;
  const firstCounted =
    warmup === undefined ? 0 : Math.ceil(Math.max(warmup.fraction * workload.requests, warmup.atLeast));
  return {
    options,
    inputs,
    metrics: metricsContext(inputs, fleet, workload.taskTypes),
    firstCounted,
    signalEndSeconds,
    arrivalsEndSeconds: span.lastSeconds,
  };
}

/** Right and wrong answers of a run: by seed, request and model, whoever routes. */
function answersOf({ datasets, models, skill, spread }: AnswerInput, seed: number): Answers {
  const response = new ItemResponse(datasets, models, Float64Array.from(skill), Float64Array.from(spread));
  const word = responseSeed(seed);
  return {
    correct: (id, difficulty, taskType, model) =>
      response.correct(difficulty, taskType, model, responseUniform(word, id, model)),
  };
}

/** What training left, and over it the files that the experiment names. */
function artefactsOf(
  { artefacts, training }: RouterSpec,
  shared: SharedInputs,
): ReadonlyMap<string, Uint8Array> {
  const trained = training === null ? {} : (shared.trained[training] ?? {});
  const files = Object.entries(artefacts).map(([name, key]) => [name, shared.artefacts[key]] as const);
  return new Map([...Object.entries(trained), ...files]);
}

/** Seconds over which idle energy and the fleet's price run; null for the end of the last request. */
function horizonOf({ horizon }: Experiment, { tiers }: Workload, span: ArrivalSpan): number | null {
  if (typeof horizon === "number") return horizon;
  if (horizon === "last-finish" || span.dependent) return null;
  const deferrals = tiers.filter(({ deferrable }) => deferrable).map(deferralSecondsOf);
  return span.lastSeconds + Math.max(0, ...deferrals.filter(Number.isFinite));
}

function fleetOf(
  { point, start }: SimulationSpec,
  shared: SharedInputs,
  { lastSeconds }: ArrivalSpan,
): { fleet: Fleet; signalEndSeconds: number } {
  const { experiment, profiles, carbon, price } = shared.points[point];
  const { endpoints, problems } = planEndpoints(
    experiment,
    profiles.map((key) => ({ key, profile: shared.profiles[key] })),
  );
  if (problems.length > 0) throw new Error(`fleet: ${problems[0].message}`);
  const run = { start, lengthSeconds: lastSeconds };
  const regions = [...new Set(endpoints.map(({ region }) => region))].map(
    (name): Region => ({
      name,
      carbon: carbon[name] === undefined ? UNKNOWN_SIGNAL : trackOf(carbon[name], shared, run),
      energyPrice: price[name] === undefined ? null : trackOf(price[name], shared, run),
      pue: experiment.regions[name]?.pue ?? 1,
      water: waterOf(experiment.regions[name]?.water),
    }),
  );
  const { gigabytesPerS, latencyMs } = experiment.kvTransfer;
  const fleet = buildFleet({
    regions,
    endpoints,
    faults: planFaults(experiment),
    kvTransfer: { bytesPerSecond: gigabytesPerS * 1e9, latencySeconds: latencyMs / 1000 },
  });
  const ends = regions.flatMap(({ carbon: c, energyPrice }) => [
    c.endSeconds,
    energyPrice?.endSeconds ?? Infinity,
  ]);
  return { fleet, signalEndSeconds: Math.min(...ends) };
}

/** The water of a region: given, or by the formulas of the datacentre model for a cooling tower. */
function waterOf(given: Experiment["regions"][string]["water"]): Region["water"] {
  if (given === undefined) return null;
  const { siteLPerItKwh: site, gridLPerKwh } = given;
  if (typeof site === "number") return { siteLitresPerItKwh: site, gridLitresPerKwh: gridLPerKwh };
  const { phi, cycles, evaporation } = site;
  const blowdown: Blowdown =
    cycles === undefined ? { form: "literal", phi: phi ?? 0 } : { form: "cycles", cycles };
  return {
    siteLitresPerItKwh: potableLitresPerItKwh({ ...PAPER_PHYSICS, blowdown }, evaporation),
    gridLitresPerKwh: gridLPerKwh,
  };
}

function metricsContext(
  { experiment, carbon, price }: PointInputs,
  fleet: Fleet,
  taskTypes: readonly string[],
): RunMetricsContext {
  const configs = experiment.fleet.flatMap((config) =>
    endpointNames(config.endpoint, config.count).map((name) => ({ name, config })),
  );
  const unpriced = configs.find(({ config }) => config.price === undefined);
  const untokened = configs.find(({ config }) => config.usdPerMillionTokens === undefined);
  const dry = fleet.regions.find(({ water }) => water === null);
  const none = (map: object) => Object.keys(map).length === 0;
  return {
    fleet,
    taskTypes,
    unknown: {
      carbon: none(carbon) ? "the experiment gives no carbon intensity (signals.carbon)" : undefined,
      energyPrice: none(price) ? "the experiment gives no electricity price (signals.price)" : undefined,
      water:
        dry === undefined ? undefined : `the region ${dry.name} has no water (regions.${dry.name}.water)`,
      price: unpriced === undefined ? undefined : `the endpoint ${unpriced.name} has no price`,
      tokenPrice:
        untokened === undefined ? undefined : `the endpoint ${untokened.name} has no usdPerMillionTokens`,
    },
    tokenPrices: configs.map(({ config }) => {
      const usd = config.usdPerMillionTokens ?? 0;
      return typeof usd === "number" ? { prompt: usd, output: usd } : usd;
    }),
  };
}
