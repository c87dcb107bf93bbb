/** States of a fleet under load, taken from running simulations. */
import { NO_RECORDS } from "../experiment/execute-training.ts";
import type { ExperimentPlan } from "../experiment/expand.ts";
import { resolveWith } from "../experiment/resolve.ts";
import { Stream } from "../numeric/random.ts";
import type { ClairvoyantWorld, CompletionView, Router, RouterHost } from "../routers/contract.ts";
import { RequestTable } from "../simulator/request-table.ts";
import { simulate } from "../simulator/simulate.ts";
import { planSetting } from "./setting.ts";

/** Requests and completions kept as a sample of what arrives and ends. */
const SAMPLE = 4096;
/** Rate of the run that shows what twelve endpoints can do at most: far beyond that. */
const OVERLOAD = { endpoints: 12, ratePerSecond: 600, requests: 54_000 };
const OVERLOAD_SECONDS = 90;
const TIMER = 0;

/** Columns of a sample of requests, as they arrived. */
const REQUEST_COLUMNS = [
  "id",
  "promptTokens",
  "outputTokens",
  "tier",
  "needsLarge",
  "taskType",
  "tenant",
  "turns",
  "session",
  "step",
  "prefixTokens",
  "difficulty",
] as const;
type RequestColumn = (typeof REQUEST_COLUMNS)[number];

/** What a router sees at one moment of a run, as plain data that threads can be given. */
export interface CapturedState {
  readonly endpoints: number;
  /** Arrivals over what the fleet can serve. */
  readonly load: number;
  readonly ratePerSecond: number;
  readonly atSeconds: number;
  /** Columns of the telemetry by name. */
  readonly telemetry: Readonly<Record<string, Float64Array | Int32Array | Uint8Array>>;
  /** The last requests to arrive, oldest first. */
  readonly requests: Readonly<Record<RequestColumn | "recordedEndpoint", Float64Array>>;
  /** What was told of the last requests to end. */
  readonly completions: readonly Omit<CompletionView, "endpoint">[];
  /** Means over the endpoints, for tables: share of the places in the batch used, and requests that wait. */
  readonly utilisation: number;
  readonly waitingPerEndpoint: number;
}

/** What the process that simulates states is asked for: {@link capacityOfTwelve}, or {@link captureState}. */
export type StateTask =
  | "capacity"
  | {
      readonly endpoints: number;
      readonly load: number;
      readonly capacity: number;
      readonly seconds: number;
    };

/**
 * Requests a second that twelve endpoints of the setting serve at most: what they finish under overload, where those
 * that need the large model have its endpoints for themselves; the class that is scarcer decides.
 */
export async function capacityOfTwelve(): Promise<number> {
  const router = new CapturingRouter(OVERLOAD_SECONDS);
  run(await planSetting(OVERLOAD, []), router, OVERLOAD_SECONDS);
  const { arrived, finished } = router;
  const all = arrived[0] + arrived[1];
  const rates = finished.map((count, kind) => ((count / (OVERLOAD_SECONDS / 2)) * all) / arrived[kind]);
  return Math.min(...rates);
}

/**
 * The state of `endpoints` endpoints after `seconds` of steady arrivals at a share of what they can serve, from an
 * empty fleet, each request at the less loaded of two endpoints drawn for its kind.
 *
 * @param capacity of twelve endpoints, see {@link capacityOfTwelve}
 */
export async function captureState(
  endpoints: number,
  load: number,
  capacity: number,
  seconds: number,
): Promise<CapturedState> {
  const ratePerSecond = (load * capacity * endpoints) / 12;
  const plan = await planSetting(
    { endpoints, ratePerSecond, requests: Math.ceil(ratePerSecond * (seconds + 1)) },
    [],
  );
  const router = new CapturingRouter(seconds);
  run(plan, router, seconds);
  const { telemetry } = router;
  const sumOf = (name: string) =>
    Array.prototype.reduce.call(telemetry[name], (sum, value) => Number(sum) + Number(value), 0) as number;
  return {
    endpoints,
    load,
    ratePerSecond,
    atSeconds: seconds,
    telemetry,
    requests: router.requests(),
    completions: router.completions,
    utilisation: sumOf("utilisation") / endpoints,
    waitingPerEndpoint: sumOf("waiting") / endpoints,
  };
}

function run({ runs, inputs }: ExperimentPlan, router: CapturingRouter, seconds: number): void {
  const { options } = resolveWith(runs[0], inputs, router, true);
  // A second between snapshots: many thousand endpoints are slow to look at, and placements correct them meanwhile.
  simulate({ ...options, telemetryIntervalSeconds: 1, horizonSeconds: seconds, end: "cut" }, NO_RECORDS);
}

/** Sends each request to the less loaded of two endpoints of its kind, and copies what it sees at a stated time. */
class CapturingRouter implements Router<ClairvoyantWorld> {
  readonly needs = { telemetry: true, completions: true };
  readonly arrived = [0, 0];
  /** In the second half of the run. */
  readonly finished = [0, 0];
  readonly telemetry: Record<string, Float64Array | Int32Array | Uint8Array> = {};
  readonly completions: Omit<CompletionView, "endpoint">[] = [];
  readonly #seconds: number;
  readonly #columns = {
    ...(Object.fromEntries(REQUEST_COLUMNS.map((name) => [name, new Float64Array(SAMPLE)])) as Record<
      RequestColumn,
      Float64Array
    >),
    recordedEndpoint: new Float64Array(SAMPLE),
  };
  readonly #random = new Stream(1, "overhead capture");
  #count = 0;
  #ended = 0;
  #world!: ClairvoyantWorld;
  #host!: RouterHost;
  /** Endpoints of requests that need the large model, and of the others. */
  #candidates: readonly [number[], number[]] = [[], []];

  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  start(world: ClairvoyantWorld, host: RouterHost): void {
    this.#world = world;
    this.#host = host;
    const all = Array.from({ length: world.endpoints.count }, (_, e) => e);
    const { large } = world.endpoints;
    this.#candidates = [all.filter((e) => large[e] === 1), all.filter((e) => large[e] === 0)];
    host.at(TIMER, this.#seconds);
  }

  arrival(request: number): void {
    const { needsLarge } = this.#world.requests;
    const { outstanding, replicas } = this.#world.telemetry;
    const kind = 1 - needsLarge[request];
    this.arrived[kind]++;
    const candidates = this.#candidates[kind];
    const a = candidates[this.#random.below(candidates.length)];
    const b = candidates[this.#random.below(candidates.length)];
    const endpoint = outstanding[a] * replicas[b] <= outstanding[b] * replicas[a] ? a : b;
    this.#keep(request, endpoint);
    this.#host.place(request, endpoint);
  }

  completion(request: number): void {
    const { requests, completed } = this.#world;
    if (completed.finishedAtSeconds > this.#seconds / 2) this.finished[1 - requests.needsLarge[request]]++;
    const { ttftSeconds, e2eSeconds, finishedAtSeconds, promptTokens, outputTokens } = completed;
    const { energyJoules, costUsd, carbonGrams, sloMet, correct } = completed;
    this.completions[this.#ended++ % SAMPLE] = {
      ...{ ttftSeconds, e2eSeconds, finishedAtSeconds, promptTokens, outputTokens },
      ...{ energyJoules, costUsd, carbonGrams, sloMet, correct },
    };
  }

  timer(): void {
    for (const [name, column] of Object.entries(this.#world.telemetry)) {
      if (column instanceof Float64Array || column instanceof Int32Array || column instanceof Uint8Array) {
        this.telemetry[name] = column.slice();
      }
    }
  }

  /** The sample of requests, oldest first. */
  requests(): Record<RequestColumn | "recordedEndpoint", Float64Array> {
    const rows = Math.min(this.#count, SAMPLE);
    const first = this.#count - rows;
    return Object.fromEntries(
      Object.entries(this.#columns).map(([name, column]) => [
        name,
        Float64Array.from({ length: rows }, (_, i) => column[(first + i) % SAMPLE]),
      ]),
    ) as Record<RequestColumn | "recordedEndpoint", Float64Array>;
  }

  #keep(request: number, endpoint: number): void {
    const table = this.#world.requests;
    // Difficulty and number are no router's business; a clairvoyant one needs them again where it is replayed.
    if (!(table instanceof RequestTable)) throw new Error("the capture runs in the simulator alone");
    const row = this.#count++ % SAMPLE;
    for (const name of REQUEST_COLUMNS) this.#columns[name][row] = table[name][request];
    this.#columns.recordedEndpoint[row] = endpoint;
  }
}
