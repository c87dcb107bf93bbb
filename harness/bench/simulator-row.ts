import type { Fleet } from "../../src/fleet/fleet.ts";
import { SummarySink } from "../../src/metrics/summary-sink.ts";
import { lawFromAffine } from "../../src/profile/to-law.ts";
import type { ClairvoyantWorld, Router } from "../../src/routers/contract.ts";
import { createRouter, findRouter } from "../../src/routers/registry.ts";
import type { Track } from "../../src/signal/series.ts";
import type { Answers, RecordSink, RunOptions } from "../../src/simulator/options.ts";
import { simulate } from "../../src/simulator/simulate.ts";
import { CEDAR_TIERS } from "../../src/workload/classes.ts";
import { responseSeed, responseUniform } from "../../src/workload/item-response.ts";
import type { Workload } from "../../src/workload/requests.ts";
import { SyntheticWorkload } from "../../src/workload/synthetic.ts";
import { materialize } from "../../src/workload/trace.ts";

export interface BenchRequest {
  readonly router: string;
  readonly requests: number;
  readonly replicas: number;
  readonly ratePerSecond: number;
  readonly source: "trace" | "stream";
  /** Of the router; default: its own. */
  readonly parameters?: Readonly<Record<string, unknown>>;
}

export interface BenchRow extends BenchRequest {
  readonly requestsPerSecond: number;
  readonly iterationsPerSecond: number;
  readonly iterations: number;
  readonly peakBytes: number;
  readonly repetitions: number;
  /** Requests simulated in the time of 1,000 turns of the calibration loop. */
  readonly requestsPerCalibration: number;
}

/** Requests above which a row is timed once. */
const ONCE_ABOVE = 2_000_000;

/** Times one configuration; the process's peak memory is the row's. */
export function benchRow(request: BenchRequest): BenchRow {
  const generated = benchWorkload(1, request.requests, request.ratePerSecond);
  const workload = request.source === "trace" ? materialize(generated) : generated;
  const fleet = benchFleet(request.replicas);
  const artefacts = trained(request, fleet);
  const repetitions = request.requests > ONCE_ABOVE ? 1 : 5;
  let best = Number.POSITIVE_INFINITY;
  let bestCalibration = Number.POSITIVE_INFINITY;
  let iterations = 0;
  for (let i = 0; i < repetitions; i++) {
    for (let turn = 0; turn < 5; turn++) bestCalibration = Math.min(bestCalibration, calibrationSeconds());
    const { router } = createRouter(findRouter(request.router), request.parameters, "bench");
    const options = { ...optionsOf(fleet, workload, router as Router), artefacts };
    const sink = new SummarySink({
      tiers: workload.tiers,
      latency: "ttft",
      groupOf: fleet.endpoints.map((endpoint) => endpoint.group),
      groups: fleet.groups.length,
      firstCounted: 0,
      timeline: false,
      sketch: true,
    });
    const start = process.hrtime.bigint();
    const totals = simulate(options, sink);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / 1e9);
    iterations = totals.endpoints.reduce((sum, endpoint) => sum + endpoint.iterations, 0);
  }
  return {
    ...request,
    requestsPerSecond: request.requests / best,
    iterationsPerSecond: iterations / best,
    iterations,
    peakBytes: process.resourceUsage().maxRSS * 1024,
    repetitions,
    requestsPerCalibration: (request.requests / best) * (bestCalibration / CALIBRATION_TURNS) * 1000,
  };
}

function benchWorkload(seed: number, requests: number, ratePerSecond: number): SyntheticWorkload {
  return new SyntheticWorkload({
    seed,
    requests,
    arrival: { process: "poisson", ratePerSecond },
    prompt: { dist: "lognormal", mu: 6.39, sigma: 1, min: 1, max: 8000 },
    output: { dist: "lognormal", mu: 5.2, sigma: 0.8, min: 1, max: 2000 },
    tiers: CEDAR_TIERS,
  });
}

function optionsOf(fleet: Fleet, workload: Workload, router: Router): RunOptions {
  return {
    fleet,
    workload,
    router,
    seed: 1,
    signal: "average",
    latency: "ttft",
    clock: "arrival",
    telemetryIntervalSeconds: 0.1,
    signalIntervalSeconds: 300,
    end: "drain",
    horizonSeconds: null,
    forecastCarbon: null,
    artefacts: new Map(),
    startHour: 0,
    answers: null,
    explain: false,
    clairvoyant: false,
  };
}

/** Requests on which a router that learns is trained, of another seed; its training is no part of what is timed. */
const TRAINING_REQUESTS = 20_000;
const ANSWER_SEED = responseSeed("bench");
/** Seven answers of ten are right: GAR's routers want to know. */
const ANSWERS: Answers = {
  correct: (id, _difficulty, _task, model) => responseUniform(ANSWER_SEED, id, model) < 0.7,
};
const NO_RECORDS: RecordSink = {
  begin() {},
  placed() {},
  finished() {},
  rejected() {},
  unfinished() {},
  weights() {},
};

function trained(request: BenchRequest, fleet: Fleet): ReadonlyMap<string, Uint8Array> {
  const definition = findRouter(request.router);
  const { training } = definition;
  if (training === undefined) return new Map();
  const { parameters } = createRouter(definition, request.parameters, "bench");
  const learner = training.create(parameters);
  const workload = benchWorkload(2, TRAINING_REQUESTS, request.ratePerSecond);
  const options = optionsOf(fleet, workload, learner as Router<ClairvoyantWorld> as Router);
  simulate({ ...options, clairvoyant: true, answers: ANSWERS }, NO_RECORDS);
  return learner.learned();
}

const CALIBRATION_TURNS = 2_000_000;
const SCRATCH = new Float64Array(4096);

/** A loop of the simulator's kind: dependent float additions, typed-array reads and writes. */
function calibrationSeconds(): number {
  const start = process.hrtime.bigint();
  let x = 1;
  for (let i = 0; i < CALIBRATION_TURNS; i++) {
    const at = (i * 193) & 4095;
    x = x * 0.999 + SCRATCH[at];
    SCRATCH[(at * 7) & 4095] = x * 1e-3;
  }
  SCRATCH[0] = x * 1e-9;
  return Number(process.hrtime.bigint() - start) / 1e9;
}

function benchFleet(replicas: number): Fleet {
  const power = {
    idleWatts: 60,
    idleUnloadedWatts: 60,
    prefillWatts: 400,
    decode: [
      { batch: 1, watts: 122 },
      { batch: 256, watts: 632 },
    ],
  };
  const law = lawFromAffine(
    { baseMs: 7, perPrefillTokenMs: 0.04, perDecodeSequenceMs: 0.02, perContextTokenMs: 0.00004 },
    256,
    power,
  );
  const day = 86_400;
  const regions = [210, 320, 490].map((mean, r) => ({
    name: `region-${r}`,
    carbon: hourly(mean, day),
    energyPrice: null,
    pue: 1,
    water: null,
  }));
  return {
    regions,
    models: [{ name: "model", large: true }],
    groups: regions.map((region) => region.name),
    faults: [],
    kvTransfer: { bytesPerSecond: 1e10, latencySeconds: 0 },
    endpoints: Array.from({ length: replicas }, (_, i) => ({
      name: `endpoint-${i}`,
      region: i % 3,
      model: 0,
      group: i % 3,
      role: "mixed",
      replicas: 1,
      minReplicas: 1,
      maxReplicas: 1,
      startupSeconds: 0,
      law,
      profileId: "affine",
      provenance: "synthetic",
      batching: {
        policy: "vllm-v1",
        maxRequests: 256,
        tokenBudget: 2048,
        kvBlocks: 25_000,
        blockTokens: 16,
        watermarkFraction: 0.01,
        paddedTokenLimit: 4096,
        order: "fifo",
        victim: "youngest",
        prefixReuse: false,
      },
      maxModelTokens: 32_768,
      overlong: "truncate",
      kvBytesPerToken: 131_072,
      gpusPerReplica: 1,
      usdPerReplicaHour: 3,
      hostWattsPerReplica: 0,
      roundTripSeconds: 0,
      localBalancer: "outstanding-tokens",
      maxOutstanding: Number.POSITIVE_INFINITY,
      powerStates: [{ name: "full", timeFactor: 1, powerFactor: 1 }],
    })),
  };
}

/** A day of hourly steps around a mean, repeated for as long as any bench runs. */
function hourly(mean: number, period: number): Track {
  const hours = 24 * 14;
  const times = Float64Array.from({ length: hours }, (_, h) => h * 3600);
  const values = times.map((t) => mean * (1 + 0.3 * Math.sin((2 * Math.PI * t) / period)));
  return { times, values, endSeconds: hours * 3600 };
}
