/** The state of a naive run: plain objects, one for each request, replica and endpoint. */
import type { Endpoint } from "../../src/fleet/fleet.ts";
import type { CompletionView, Router, World } from "../../src/routers/contract.ts";
import type { EndpointTotals, RecordSink, RunOptions } from "../../src/simulator/options.ts";
import type { Columns } from "./columns.ts";
import type { Event, EventList } from "./events.ts";
import { noTotals } from "./totals.ts";

export type JobState =
  /** Not arrived yet. */
  | "future"
  /** With the router: arrived or come back, neither placed nor rejected. */
  | "router"
  /** On the way to an endpoint: as a request, or as the KV of a computed prompt. */
  | "flight"
  /** At the endpoint, not handed to a replica yet. */
  | "lobby"
  | "waiting"
  | "running"
  /** Taken from its replica or endpoint, the router not told yet. */
  | "returning"
  | "finished"
  | "rejected";

/** A request. What the router or the sink reads is in {@link Columns} under `id`. */
export interface Job {
  readonly id: number;
  /** Whether it depends on request `id - 1`. */
  readonly dependent: boolean;
  readonly thinkSeconds: number;
  readonly sloSeconds: number;
  state: JobState;
  site: Site | null;
  replica: Replica | null;
  decodeAt: Site | null;
  priority: number;
  target: number;
  computed: number;
  blocks: number;
  /** Its prefill was computed by a prefill endpoint and still holds. */
  handedOver: boolean;
  /** Order of reaching its replica. */
  reached: number;
  /** The router has asked for it while it ran: it leaves at the end of the batch. */
  leaving: boolean;
  heldSince: number;
  /** It has been held on purpose. */
  deferred: boolean;
  cut: boolean;
  delivery: Event | null;
}

export interface Chunk {
  readonly job: Job;
  readonly tokens: number;
}

export interface Batch {
  readonly start: number;
  readonly end: Event;
  readonly prefills: readonly Chunk[];
  readonly decodes: readonly Job[];
  readonly P: number;
  readonly K: number;
  readonly watts: number;
  readonly powerState: number;
  readonly timeFactor: number;
}

/** Consecutive decode-only iterations of the same requests, not yet charged. */
export interface DecodeRun {
  readonly start: number;
  end: number;
  readonly jobs: readonly Job[];
  readonly watts: number;
  readonly powerState: number;
  readonly timeFactor: number;
}

export interface SessionCache {
  readonly session: number;
  readonly blocks: number;
  readonly order: number;
}

export interface Interval {
  readonly from: number;
  to: number;
}

export interface Replica {
  readonly site: Site;
  readonly index: number;
  state: "stopped" | "starting" | "serving" | "draining";
  /** Requests holding a place, in the order of the policy. */
  running: Job[];
  waiting: Job[];
  free: number;
  batch: Batch | null;
  run: DecodeRun | null;
  caches: SessionCache[];
  /** The pending event that ends its start-up, or starts its next batch. */
  startup: Event | null;
  formation: Event | null;
  readonly up: Interval[];
  readonly busy: Interval[];
}

export interface Site {
  readonly index: number;
  readonly endpoint: Endpoint;
  readonly replicas: Replica[];
  up: boolean;
  /** Replicas that serve or start, or will once the endpoint is up again. */
  ordered: number;
  slowFactor: number;
  powerState: number;
  flying: Job[];
  lobby: Job[];
  lastPicked: number;
  readonly totals: EndpointTotals;
}

/** What the router is told of endpoints and completions: telemetry.ts. */
export interface Reporting {
  refreshServing(site: Site): void;
  show(): void;
  placed(site: Site, tokens: number): void;
  finished(job: Job): void;
}

/** Everything a run knows. */
export interface Sim {
  readonly options: RunOptions;
  readonly router: Router;
  readonly sink: RecordSink;
  readonly sites: readonly Site[];
  readonly jobs: readonly Job[];
  readonly columns: Columns;
  readonly events: EventList;
  world: World;
  telemetry: Reporting;
  now: number;
  held: number;
  ended: number;
  sequence: number;
  /** Time of the last arrival, placement, end of a request or fleet event. */
  lastActivity: number;
  /** Time of the last end of a request. */
  lastEnd: number;
  watching: boolean;
  readonly completed: { -readonly [K in keyof CompletionView]: CompletionView[K] };
  readonly counts: {
    made: number;
    finished: number;
    rejected: number;
    truncated: number;
    deferred: number;
    calls: number;
  };
}

export function newSites(options: RunOptions): Site[] {
  return options.fleet.endpoints.map((endpoint, index) => {
    const site: Site = {
      index,
      endpoint,
      replicas: [],
      up: true,
      ordered: endpoint.replicas,
      slowFactor: 1,
      powerState: 0,
      flying: [],
      lobby: [],
      lastPicked: -1,
      totals: noTotals(),
    };
    for (let i = 0; i < Math.max(endpoint.replicas, endpoint.maxReplicas); i++) {
      const serves = i < endpoint.replicas;
      site.replicas.push({
        site,
        index: i,
        state: serves ? "serving" : "stopped",
        running: [],
        waiting: [],
        free: endpoint.batching.kvBlocks,
        batch: null,
        run: null,
        caches: [],
        startup: null,
        formation: null,
        up: serves ? [{ from: 0, to: Number.POSITIVE_INFINITY }] : [],
        busy: [],
      });
    }
    return site;
  });
}

export function newJobs(columns: Columns, options: RunOptions): Job[] {
  return Array.from(columns.tier, (tier, id) => ({
    id,
    dependent: Number.isNaN(columns.traceArrival[id]),
    thinkSeconds: columns.thinkSeconds[id],
    sloSeconds: options.workload.tiers[tier].sloSeconds,
    state: "future" as const,
    site: null,
    replica: null,
    decodeAt: null,
    priority: 0,
    target: 0,
    computed: 0,
    blocks: 0,
    handedOver: false,
    reached: 0,
    leaving: false,
    heldSince: Number.NaN,
    deferred: false,
    cut: false,
    delivery: null,
  }));
}

/** Prompt plus outputs produced. */
export function tokensOf(sim: Sim, job: Job): number {
  return sim.columns.promptTokens[job.id] + sim.columns.producedTokens[job.id];
}

export function serves(replica: Replica): boolean {
  return replica.site.up && replica.state === "serving";
}

/** Waiting and running: a finished request that keeps its place (`static`) is neither. */
export function outstandingOf(replica: Replica): Job[] {
  return [...replica.waiting, ...replica.running.filter((job) => job.state === "running")];
}

/** In flight, waiting and running. */
export function outstanding(site: Site): number {
  let count = site.flying.length + site.lobby.length;
  for (const replica of site.replicas) count += outstandingOf(replica).length;
  return count;
}

export function atCap(site: Site): boolean {
  return outstanding(site) >= site.endpoint.maxOutstanding;
}

export function outstandingTokens(sim: Sim, replica: Replica): number {
  return outstandingOf(replica).reduce((tokens, job) => tokens + tokensOf(sim, job), 0);
}

export function timeFactor(site: Site): number {
  return site.endpoint.powerStates[site.powerState].timeFactor * site.slowFactor;
}

export function byId(x: Job, y: Job): number {
  return x.id - y.id;
}

export function without<T>(list: readonly T[], item: T): T[] {
  return list.filter((other) => other !== item);
}
