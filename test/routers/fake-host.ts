/**
 * A host for tests of single routers: it has no engines. Columns are set by the test; `place` corrects the
 * telemetry as a real host does, and every call is recorded.
 */
import { Stream } from "../../src/numeric/random.ts";
import { Law } from "../../src/profile/law.ts";
import type { Router, RouterHost, World } from "../../src/routers/contract.ts";
import type { Tier } from "../../src/workload/requests.ts";

export interface FakeEndpoint {
  readonly name?: string;
  readonly region?: number;
  readonly model?: number;
  readonly group?: number;
  readonly large?: boolean;
  readonly role?: 0 | 1 | 2;
  readonly replicas?: number;
  readonly maxRequests?: number;
  readonly maxOutstanding?: number;
  readonly usdPerReplicaSecond?: number;
  readonly roundTripSeconds?: number;
  /** Seconds per prompt token, of a decode step and per decoding request, and watts (null: power unknown). */
  readonly prefillSecondsPerToken?: number;
  readonly stepSeconds?: number;
  readonly stepSecondsPerSequence?: number;
  readonly watts?: { readonly prefill: number; readonly decode: number } | null;
}

export interface FakeRequest {
  readonly arrivalSeconds?: number;
  readonly deadlineSeconds?: number;
  readonly promptTokens?: number;
  readonly tier?: number;
  readonly needsLarge?: boolean;
  readonly session?: number;
  readonly recordedEndpoint?: number;
  readonly producedTokens?: number;
  readonly taskType?: number;
  readonly tenant?: number;
  readonly turns?: number;
}

export interface FakeWorldOptions {
  readonly endpoints: readonly FakeEndpoint[];
  readonly regions?: readonly string[];
  readonly tiers?: readonly Tier[];
  readonly latency?: "ttft" | "e2e";
  readonly carbon?: readonly number[];
  readonly meanPromptTokens?: number;
  readonly meanOutputTokens?: number;
  readonly seed?: number;
  readonly taskTypes?: readonly string[];
  /** How many groups there are at least, used or not. */
  readonly groups?: number;
  /** Names by model number. */
  readonly models?: readonly string[];
  readonly startHour?: number;
  readonly artefacts?: ReadonlyMap<string, Uint8Array>;
  readonly requestCapacity?: number;
  /** Forecast in g/kWh by region and time of the run; default: the intensity now. */
  readonly forecast?: (region: number, atSeconds: number) => number;
}

export const cedarTiers: readonly Tier[] = [
  { name: "HIGH", sloSeconds: 0.5, deferrable: false },
  { name: "MED", sloSeconds: 2, deferrable: false },
  { name: "LOW", sloSeconds: 5, deferrable: true },
];

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
/** A one-shot timer has the interval Infinity and a time. */
type Timer = { id: number; intervalSeconds: number; onlyWhileHolding: boolean; atSeconds?: number };

export type FakeWorld = ReturnType<typeof makeWorld>;

/** Law whose steps do not depend on the context, so that expected values can be worked out by hand. */
export function fakeLaw(endpoint: FakeEndpoint): Law {
  const watts = endpoint.watts === undefined ? { prefill: 500, decode: 300 } : endpoint.watts;
  return new Law(
    {
      decode: {
        baseSeconds: endpoint.stepSeconds ?? 0.01,
        perSequenceSeconds: endpoint.stepSecondsPerSequence ?? 0,
        perContextTokenSeconds: 0,
      },
      prefill: { baseSeconds: 0, perTokenSeconds: endpoint.prefillSecondsPerToken ?? 0.0001 },
      overheadSeconds: 0,
      mixedRule: "add",
      power:
        watts === null
          ? null
          : {
              idleWatts: 100,
              idleUnloadedWatts: 50,
              prefillWatts: watts.prefill,
              decode: { batch: [1], watts: [watts.decode] },
            },
    },
    endpoint.maxRequests ?? 64,
  );
}

function makeWorld(options: FakeWorldOptions, clock: { readonly now: number }) {
  const list = options.endpoints;
  const n = list.length;
  const ints = (f: (e: FakeEndpoint, i: number) => number) => Int32Array.from(list, f);
  const floats = (f: (e: FakeEndpoint, i: number) => number) => Float64Array.from(list, f);
  const bytes = (f: (e: FakeEndpoint, i: number) => number) => Uint8Array.from(list, f);
  const models = 1 + Math.max(...list.map((e) => e.model ?? 0));
  const groups = Math.max(options.groups ?? 0, 1 + Math.max(...list.map((e, i) => e.group ?? i)));
  const regions = options.regions ?? [...new Set(list.map((e) => e.region ?? 0))].sort().map((r) => `r${r}`);
  const capacity = options.requestCapacity ?? 64;
  const world = {
    requests: {
      arrivalSeconds: new Float64Array(capacity),
      deadlineSeconds: new Float64Array(capacity),
      promptTokens: new Int32Array(capacity),
      tier: new Uint8Array(capacity),
      needsLarge: new Uint8Array(capacity),
      taskType: new Uint8Array(capacity),
      session: new Float64Array(capacity).fill(-1),
      step: new Int32Array(capacity),
      prefixTokens: new Int32Array(capacity),
      recordedEndpoint: new Int32Array(capacity).fill(-1),
      producedTokens: new Int32Array(capacity),
      tenant: new Int32Array(capacity).fill(-1),
      turns: new Int32Array(capacity).fill(1),
    },
    endpoints: {
      count: n,
      names: list.map((e, i) => e.name ?? `e${i}`),
      region: ints((e) => e.region ?? 0),
      model: ints((e) => e.model ?? 0),
      group: ints((e, i) => e.group ?? i),
      large: bytes((e) => (e.large === false ? 0 : 1)),
      role: bytes((e) => e.role ?? 0),
      minReplicas: ints(() => 1),
      maxReplicas: ints((e) => Math.max(4, e.replicas ?? 1)),
      maxRequests: ints((e) => e.maxRequests ?? 64),
      kvTokens: floats(() => 1e6),
      maxModelTokens: ints(() => 131072),
      maxOutstanding: floats((e) => e.maxOutstanding ?? Number.POSITIVE_INFINITY),
      usdPerReplicaSecond: floats((e) => e.usdPerReplicaSecond ?? 0.001),
      roundTripSeconds: floats((e) => e.roundTripSeconds ?? 0),
      law: list.map(fakeLaw),
    },
    regions: {
      pue: new Float64Array(regions.length).fill(1),
      siteLitresPerItKwh: new Float64Array(regions.length).fill(Number.NaN),
      gridLitresPerKwh: new Float64Array(regions.length).fill(Number.NaN),
    },
    telemetry: {
      takenAtSeconds: 0,
      up: new Uint8Array(n).fill(1),
      replicas: ints((e) => e.replicas ?? 1),
      running: new Float64Array(n),
      waiting: new Float64Array(n),
      outstanding: new Float64Array(n),
      queuedPrefillTokens: new Float64Array(n),
      outstandingTokens: new Float64Array(n),
      contextTokens: new Float64Array(n),
      decoding: new Float64Array(n),
      kvFraction: new Float64Array(n),
      utilisation: new Float64Array(n),
      timeFactor: new Float64Array(n).fill(1),
    },
    signals: {
      regions,
      signal: "average" as "average" | "marginal",
      carbon: Float64Array.from(options.carbon ?? regions.map(() => 400)),
      energyPrice: new Float64Array(regions.length),
      forecastCarbon(region: number, aheadSeconds: number): number {
        return options.forecast?.(region, clock.now + aheadSeconds) ?? world.signals.carbon[region];
      },
    },
    completed: {
      endpoint: 0,
      ttftSeconds: 0,
      e2eSeconds: 0,
      finishedAtSeconds: 0,
      promptTokens: 0,
      outputTokens: 1,
      energyJoules: 0,
      costUsd: 0,
      carbonGrams: 0,
      sloMet: true,
      correct: Number.NaN,
    },
    tiers: (options.tiers ?? cedarTiers).map((tier) => ({ deferralSeconds: tier.sloSeconds, ...tier })),
    taskTypes: options.taskTypes ?? (["completion"] as readonly string[]),
    models: options.models ?? (Array.from({ length: models }, (_, m) => `m${m}`) as readonly string[]),
    startHour: options.startHour ?? 0,
    groups: Array.from({ length: groups }, (_, g) => `g${g}`) as readonly string[],
    latency: options.latency ?? ("ttft" as "ttft" | "e2e"),
    clock: "arrival" as "arrival" | "dispatch",
    meanPromptTokens: options.meanPromptTokens ?? 1000,
    meanOutputTokens: options.meanOutputTokens ?? 100,
    random: new Stream(options.seed ?? 1, "router"),
    artefacts: options.artefacts ?? (new Map() as ReadonlyMap<string, Uint8Array>),
  };
  return world;
}

export class FakeHost implements RouterHost {
  now = 0;
  held = 0;
  explaining = false;
  readonly world: FakeWorld;
  readonly timers: Timer[] = [];
  /** Endpoints of the placements in order, and the request of each. */
  readonly placements: {
    request: number;
    endpoint: number;
    decodeAt: number;
    priority: number;
    atSeconds: number;
  }[] = [];
  readonly holds: number[] = [];
  readonly releases: number[] = [];
  readonly rejections: { request: number; reason: string }[] = [];
  readonly weights: { requestClass: number; weights: number[]; atSeconds: number }[] = [];
  readonly replicaOrders: { endpoint: number; replicas: number }[] = [];
  readonly explanations: { request: number; reason: string; scores: number[] }[] = [];
  readonly predictions: { request: number; accuracy: number; floor: number; feasible: boolean }[] = [];
  readonly preemptions: number[] = [];
  /** Whether the router wants to hear of room. */
  watching = false;
  /** Where each request is that was placed and has not left. */
  readonly #at = new Map<number, number>();
  /** Off in the allocation test: only counts are kept. */
  recording = true;
  placedCount = 0;
  #router: Router | undefined;
  #nextRequest = 0;

  constructor(options: FakeWorldOptions) {
    this.world = makeWorld(options, this);
  }

  /** Starts the router and fetches the signals, as a host does before the first request. */
  start<R extends Router>(router: R): R {
    this.#router = router;
    router.start(this.world satisfies World, this);
    this.fetch();
    return router;
  }

  /** The signals are fetched. @param carbon new intensities by region */
  fetch(carbon?: readonly number[]): void {
    if (carbon !== undefined) this.world.signals.carbon.set(carbon);
    for (let region = 0; region < this.world.signals.regions.length; region++) this.#router?.signal?.(region);
  }

  /** Writes a request into the columns; its number is returned. */
  request(fields: FakeRequest = {}): number {
    const { requests, tiers } = this.world;
    const r = this.#nextRequest++;
    if (r >= requests.tier.length) throw new Error("the fake host has no room for another request");
    const tier = fields.tier ?? 0;
    requests.arrivalSeconds[r] = fields.arrivalSeconds ?? this.now;
    requests.deadlineSeconds[r] =
      fields.deadlineSeconds ?? requests.arrivalSeconds[r] + tiers[tier].sloSeconds;
    requests.promptTokens[r] = fields.promptTokens ?? 1000;
    requests.tier[r] = tier;
    requests.needsLarge[r] = fields.needsLarge === true ? 1 : 0;
    requests.session[r] = fields.session ?? -1;
    requests.recordedEndpoint[r] = fields.recordedEndpoint ?? -1;
    requests.producedTokens[r] = fields.producedTokens ?? 0;
    requests.taskType[r] = fields.taskType ?? 0;
    requests.tenant[r] = fields.tenant ?? -1;
    requests.turns[r] = fields.turns ?? 1;
    return r;
  }

  /** A request arrives now; returns its number. */
  arrive(fields: FakeRequest = {}): number {
    const r = this.request(fields);
    this.held++;
    this.#router?.arrival(r);
    return r;
  }

  /** Runs every periodic timer up to and including `untilSeconds`, in order of time, then id. */
  advance(untilSeconds: number): void {
    for (;;) {
      let next: Timer | undefined;
      let at = Number.POSITIVE_INFINITY;
      for (const timer of this.timers) {
        if (timer.atSeconds !== undefined) {
          if (timer.atSeconds < at || (timer.atSeconds === at && next !== undefined && timer.id < next.id)) {
            next = timer;
            at = timer.atSeconds;
          }
          continue;
        }
        let k = Math.floor(this.now / timer.intervalSeconds);
        while (k * timer.intervalSeconds <= this.now) k++;
        const due = k * timer.intervalSeconds;
        if (due < at || (due === at && next !== undefined && timer.id < next.id)) {
          next = timer;
          at = due;
        }
      }
      if (next === undefined || at > untilSeconds) break;
      const due = this.timers
        .filter((t) => t.atSeconds === at || (t.atSeconds === undefined && isMultiple(at, t.intervalSeconds)))
        .sort((a, b) => a.id - b.id);
      this.now = at;
      for (const timer of due) {
        if (timer.atSeconds !== undefined) this.timers.splice(this.timers.indexOf(timer), 1);
      }
      for (const timer of due) {
        if (!timer.onlyWhileHolding || this.held > 0) this.#router?.timer?.(timer.id);
      }
    }
    this.now = untilSeconds;
  }

  /** Reports a completion. */
  complete(request: number, fields: Partial<Mutable<World["completed"]>> = {}): void {
    Object.assign(this.world.completed, { finishedAtSeconds: this.now }, fields);
    this.#router?.completion?.(request);
  }

  /** A request ends where it was placed; the router hears of the completion, and of the room where it watches. */
  finish(request: number, fields: Partial<Mutable<World["completed"]>> = {}): void {
    const endpoint = this.#leave(request);
    const { telemetry, endpoints } = this.world;
    this.complete(request, { endpoint, ...fields });
    const wasFull = telemetry.outstanding[endpoint] + 1 >= endpoints.maxOutstanding[endpoint];
    if (wasFull && this.watching) this.#router?.capacity?.(endpoint);
  }

  /** An endpoint goes down: what is there comes back as lost. */
  down(endpoint: number): void {
    this.world.telemetry.up[endpoint] = 0;
    this.#router?.fleet?.(endpoint, "down");
    for (const [request, at] of [...this.#at]) {
      if (at !== endpoint) continue;
      this.#leave(request);
      this.held++;
      this.#router?.returned?.(request, "lost");
    }
  }

  up(endpoint: number): void {
    this.world.telemetry.up[endpoint] = 1;
    this.#router?.fleet?.(endpoint, "up");
  }

  #leave(request: number): number {
    const endpoint = this.#at.get(request);
    if (endpoint === undefined) throw new Error(`request ${request} is at no endpoint`);
    const { telemetry, requests } = this.world;
    this.#at.delete(request);
    const tokens = requests.promptTokens[request] + requests.producedTokens[request];
    telemetry.waiting[endpoint]--;
    telemetry.outstanding[endpoint]--;
    telemetry.queuedPrefillTokens[endpoint] -= tokens;
    telemetry.outstandingTokens[endpoint] -= tokens;
    return endpoint;
  }

  place(request: number, endpoint: number, decodeAt = -1, priority = 0): boolean {
    const { telemetry, requests, endpoints } = this.world;
    if (requests.needsLarge[request] === 1 && endpoints.large[endpoint] === 0) {
      throw new Error(`request ${request} needs the large model, endpoint ${endpoint} has the small one`);
    }
    if (telemetry.up[endpoint] === 0) return false;
    if (telemetry.outstanding[endpoint] >= endpoints.maxOutstanding[endpoint]) return false;
    const tokens = requests.promptTokens[request] + requests.producedTokens[request];
    telemetry.waiting[endpoint]++;
    telemetry.outstanding[endpoint]++;
    telemetry.queuedPrefillTokens[endpoint] += tokens;
    telemetry.outstandingTokens[endpoint] += tokens;
    this.held--;
    this.placedCount++;
    if (this.recording) this.#at.set(request, endpoint);
    if (this.recording) this.placements.push({ request, endpoint, decodeAt, priority, atSeconds: this.now });
    return true;
  }

  hold(request: number): void {
    if (this.recording) this.holds.push(request);
  }

  release(request: number): void {
    if (this.recording) this.releases.push(request);
  }

  reject(request: number, reason: string): void {
    this.held--;
    this.rejections.push({ request, reason });
  }

  /** Every request counts as waiting at its endpoint, which it leaves at once. */
  preempt(request: number): void {
    if (!this.#at.has(request)) return;
    this.#leave(request);
    this.held++;
    this.preemptions.push(request);
    this.#router?.returned?.(request, "preempted");
  }

  setWeights(requestClass: number, weights: Float64Array): void {
    if (this.recording) this.weights.push({ requestClass, weights: [...weights], atSeconds: this.now });
  }

  setReplicas(endpoint: number, replicas: number): void {
    this.replicaOrders.push({ endpoint, replicas });
  }

  setPowerState(): void {}

  every(id: number, intervalSeconds: number, onlyWhileHolding = false): void {
    this.timers.push({ id, intervalSeconds, onlyWhileHolding });
  }

  at(id: number, atSeconds: number): void {
    this.timers.push({
      id,
      intervalSeconds: Number.POSITIVE_INFINITY,
      onlyWhileHolding: false,
      atSeconds,
    });
  }

  watchCapacity(on: boolean): void {
    this.watching = on;
  }

  predict(request: number, accuracy: number, floor: number, feasible: boolean): void {
    if (this.recording) this.predictions.push({ request, accuracy, floor, feasible });
  }

  explain(request: number, reason: string, scores?: Float64Array): void {
    this.explanations.push({ request, reason, scores: [...(scores ?? [])] });
  }
}

function isMultiple(at: number, interval: number): boolean {
  return Math.round(at / interval) * interval === at;
}
