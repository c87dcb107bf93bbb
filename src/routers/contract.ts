/**
 * The contract between a router and whatever drives it: the simulator, the overhead benchmark, later a
 * gateway. A router sees the world through the views below and acts through {@link RouterHost}; it never
 * sees the simulator.
 *
 * Requests and endpoints are named by numbers, views are columns indexed by them. Endpoints count from 0. A
 * request's number says nothing but where its columns are: there are gaps between them, and the number of a
 * request that has ended is used again; a router's own notes on requests go into a `Map`. Read a column through
 * its view each time (`world.requests.tier[r]`): the host may replace a column when it grows. Nothing on this
 * page allocates per decision.
 */
import type { z } from "zod";
import type { Dense } from "../learning/dense/dense.ts";
import type { Stream } from "../numeric/random.ts";
import type { Law } from "../profile/law.ts";
import type { Tier } from "../workload/requests.ts";
import type { ServiceClock } from "../workload/service-clock.ts";

/** What a gateway knows of a request that has arrived and has not ended. Indexed by request. */
export interface RequestView {
  /** Seconds since the start of the run. */
  readonly arrivalSeconds: Float64Array;
  /** Arrival plus the tier's objective. */
  readonly deadlineSeconds: Float64Array;
  readonly promptTokens: Int32Array;
  /** Index into {@link World.tiers}, strictest first. */
  readonly tier: Uint8Array;
  /** 1 where only an endpoint with `large[e] === 1` may serve it; placing it elsewhere fails the run. */
  readonly needsLarge: Uint8Array;
  readonly taskType: Uint8Array;
  /** Number of the tenant that sent it, -1 for none. */
  readonly tenant: Int32Array;
  /** Turns of the conversation up to this prompt, at least 1. */
  readonly turns: Int32Array;
  /** Session number, -1 for none. */
  readonly session: Float64Array;
  readonly step: Int32Array;
  /** Leading prompt tokens that the session's previous step already held. */
  readonly prefixTokens: Int32Array;
  /** Endpoint recorded in the trace, -1 for none. */
  readonly recordedEndpoint: Int32Array;
  /** Output tokens already streamed: above 0 only for requests that came back. */
  readonly producedTokens: Int32Array;
}

/** What does not change during a run. Indexed by endpoint. */
export interface EndpointView {
  readonly count: number;
  readonly names: readonly string[];
  readonly region: Int32Array;
  /** Index into {@link World.models}. */
  readonly model: Int32Array;
  /** Index into {@link World.groups}. */
  readonly group: Int32Array;
  /** 1 where the model may serve requests that need the large one. */
  readonly large: Uint8Array;
  /** 0 mixed, 1 prefill only, 2 decode only. */
  readonly role: Uint8Array;
  readonly minReplicas: Int32Array;
  readonly maxReplicas: Int32Array;
  /** Cap on running requests of one replica. */
  readonly maxRequests: Int32Array;
  /** KV capacity of one replica in tokens, and the longest prompt plus output of the model. */
  readonly kvTokens: Float64Array;
  readonly maxModelTokens: Int32Array;
  /** Cap on outstanding requests of the endpoint, Infinity for none. */
  readonly maxOutstanding: Float64Array;
  readonly usdPerReplicaSecond: Float64Array;
  readonly roundTripSeconds: Float64Array;
  /** The law of one replica of the endpoint: iteration times and power. */
  readonly law: readonly Law[];
}

/** What a gateway knows of its regions and does not change during a run. Indexed by region. */
export interface RegionView {
  /** Facility energy over IT energy. */
  readonly pue: Float64Array;
  /** Water of cooling for a kWh of IT energy, and of the grid for a kWh; NaN where it is unknown. */
  readonly siteLitresPerItKwh: Float64Array;
  readonly gridLitresPerKwh: Float64Array;
}

/**
 * Endpoint telemetry as of {@link takenAtSeconds}, corrected by the router's own placements since. Indexed
 * by endpoint, summed over its replicas. Kept only for routers that ask for it.
 */
export interface TelemetryView {
  readonly takenAtSeconds: number;
  /** 1 while the endpoint takes requests. Up to date at every call, not a snapshot. */
  readonly up: Uint8Array;
  /** Replicas that serve. Up to date at every call. */
  readonly replicas: Int32Array;
  /** Requests that hold a place in the batch. */
  readonly running: Float64Array;
  /** Requests in the waiting queues or on their way there. */
  readonly waiting: Float64Array;
  /** running + waiting. */
  readonly outstanding: Float64Array;
  /** Prompt tokens not yet computed, of waiting and running requests. */
  readonly queuedPrefillTokens: Float64Array;
  /** Tokens held by running requests plus prompt tokens of waiting ones. */
  readonly outstandingTokens: Float64Array;
  /** Context tokens of the decoding requests, and how many decode. */
  readonly contextTokens: Float64Array;
  readonly decoding: Float64Array;
  /** KV blocks in use over KV blocks, 0 to 1. */
  readonly kvFraction: Float64Array;
  /** running / (replicas * maxRequests). */
  readonly utilisation: Float64Array;
  /** Iteration time relative to the law's (1 when healthy; above after a slow-down). */
  readonly timeFactor: Float64Array;
}

/** Signals as the gateway has last fetched them. Indexed by region. */
export interface SignalView {
  readonly regions: readonly string[];
  /** Which series this is; it is printed with every result. */
  readonly signal: "average" | "marginal";
  /** Carbon intensity in g/kWh. */
  readonly carbon: Float64Array;
  /** Electricity price in USD/kWh; 0 where energy has no price of its own. */
  readonly energyPrice: Float64Array;
  /** Forecast carbon intensity of a region `aheadSeconds` from now, in g/kWh. */
  forecastCarbon(region: number, aheadSeconds: number): number;
}

/** The completion being reported; valid only during the call of {@link Router.completion}. */
export interface CompletionView {
  readonly endpoint: number;
  /** Times from arrival as the user sees them, network included. */
  readonly ttftSeconds: number;
  readonly e2eSeconds: number;
  readonly finishedAtSeconds: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** Attributed to the request; NaN where the profile has no power. */
  readonly energyJoules: number;
  readonly costUsd: number;
  readonly carbonGrams: number;
  readonly sloMet: boolean;
  /** 1 for a right answer, 0 for a wrong one, NaN where correctness is not modelled. Simulated correctness. */
  readonly correct: number;
}

export interface World {
  readonly requests: RequestView;
  readonly endpoints: EndpointView;
  readonly regions: RegionView;
  readonly telemetry: TelemetryView;
  readonly signals: SignalView;
  readonly completed: CompletionView;
  /** With the time that a request of a deferrable tier may be held on purpose (`deferralSeconds`). */
  readonly tiers: readonly Required<Tier>[];
  readonly taskTypes: readonly string[];
  /** Names of the models, index = {@link EndpointView.model}. */
  readonly models: readonly string[];
  /** Region/model pairs. */
  readonly groups: readonly string[];
  /** UTC hour of the day at time 0, with its fraction, in [0, 24); 0 where the run has no calendar. */
  readonly startHour: number;
  /** Which latency the objectives bound, and from when it counts. */
  readonly latency: "ttft" | "e2e";
  readonly clock: ServiceClock;
  /** Means that a gateway knows from history. */
  readonly meanPromptTokens: number;
  readonly meanOutputTokens: number;
  /** The router's own stream of random numbers. */
  readonly random: Stream;
  /** What training left for this router: content of the files named in its definition. */
  readonly artefacts: ReadonlyMap<string, Uint8Array>;
}

/** What only an oracle could know. Rows of clairvoyant routers are marked in every table. */
export interface ClairvoyantView {
  readonly outputTokens: Int32Array;
  /** True carbon intensity of a region at a future time, in g/kWh. */
  futureCarbon(region: number, atSeconds: number): number;
  /**
   * Whether the model of an endpoint answers a request rightly.
   * @throws Error where the experiment has no `accuracy`
   */
  correct(request: number, endpoint: number): boolean;
}

export interface ClairvoyantWorld extends World {
  readonly hidden: ClairvoyantView;
}

/** What a router may do. All calls take effect at once, at the time of the call. */
export interface RouterHost {
  /** Seconds since the start of the run. */
  readonly now: number;
  /** Requests that have arrived (or came back) and are neither placed nor rejected. */
  readonly held: number;
  /** Whether reasons and scores are kept (`canopy explain`). */
  readonly explaining: boolean;
  /**
   * Sends a request to an endpoint. Returns false, and leaves the request with the router, when the endpoint
   * is down or at its cap of outstanding requests.
   *
   * @param decodeAt endpoint that decodes, for a prefill endpoint; -1 for the same
   * @param priority larger is more important, where the batching order or victim rule asks
   */
  place(request: number, endpoint: number, decodeAt?: number, priority?: number): boolean;
  /** Declares that the router waits on purpose with a request it holds, e.g. for carbon. Counted. */
  hold(request: number): void;
  /**
   * Ends the deliberate wait of a request it holds: from here it waits for room. Without this call the wait ends with
   * the placement. No effect on a request that is not held on purpose.
   */
  release(request: number): void;
  /** Refuses a request for good; it counts as a violation. */
  reject(request: number, reason: string): void;
  /**
   * Takes a request back from its endpoint: at once when it waits there, at the end of the running iteration
   * when it runs. {@link Router.returned} is called then; its prompt is computed again wherever it goes.
   */
  preempt(request: number): void;
  /** Target shares of a class of requests over the groups: reported, and kept for the oscillation metric. */
  setWeights(requestClass: number, weights: Float64Array): void;
  /** Orders a number of replicas, clamped to the endpoint's bounds; new ones start after its start-up time. */
  setReplicas(endpoint: number, replicas: number): void;
  setPowerState(endpoint: number, state: number): void;
  /**
   * Calls `timer(id)` at every multiple of `intervalSeconds`.
   * @param onlyWhileHolding skip the call while the router holds no request
   */
  every(id: number, intervalSeconds: number, onlyWhileHolding?: boolean): void;
  /** Calls `timer(id)` once at `atSeconds`, not before now. */
  at(id: number, atSeconds: number): void;
  /** Turns calls of {@link Router.capacity} on or off; turn it on only while requests wait for it. */
  watchCapacity(on: boolean): void;
  /**
   * Declares what the router believes of the placement it is about to make, for a request that it holds; the last
   * call before a placement counts. Calibration error, coverage and floor violations are computed from it.
   *
   * @param accuracy predicted probability of a right answer, NaN for no prediction
   * @param floor accuracy that the choice was held to, NaN for none
   * @param feasible whether some endpoint met everything the router asks for
   */
  predict(request: number, accuracy: number, floor: number, feasible: boolean): void;
  /** Keeps why a request was placed, with one score per endpoint (NaN where inadmissible). */
  explain(request: number, reason: string, scores?: Float64Array): void;
}

/** Why a request is with the router again. */
export type ReturnReason = "preempted" | "lost";
export type FleetChange = "up" | "down" | "notice" | "slow" | "scaled";

/**
 * A router. All calls are synchronous; order at equal times: completions, returned and fleet, signal, timers
 * (by id), arrivals. A request it does not place or reject stays with it.
 */
export interface Router<W extends World = World> {
  /** What the host has to keep up to date for this router. Default: nothing. */
  readonly needs?: {
    /**
     * Fill {@link World.telemetry}; `"counts"` all of it but the tokens held (`outstandingTokens`, `contextTokens`,
     * `kvFraction` stay NaN), at less cost: requests that merely decode change none of the rest.
     */
    readonly telemetry?: boolean | "counts";
    /** Call {@link completion}. */
    readonly completions?: boolean;
  };
  start(world: W, host: RouterHost): void;
  arrival(request: number): void;
  timer?(id: number): void;
  /** An endpoint at its cap of outstanding requests has room again. Only while watched. */
  capacity?(endpoint: number): void;
  /** A region's signal was fetched anew. */
  signal?(region: number): void;
  fleet?(endpoint: number, change: FleetChange): void;
  /** A request has ended; reported with the next telemetry, in order of finish time, endpoint, request id. */
  completion?(request: number): void;
  returned?(request: number, reason: ReturnReason): void;
  /**
   * Figures of the router's own, read at the end of a run and reported beside the metrics: snake case, unit
   * last, e.g. `fallback_fraction`.
   */
  figures?(): Readonly<Record<string, number>>;
  /** What a reader of those figures has to know, read at the end of a run. */
  notes?(): readonly string[];
  /** Lines for figures, read at the end of a run. */
  series?(): RouterSeries;
  /** What its decisions waited for outside this process, read at the end of a run; no part of a run's figures. */
  roundTrips?(): RoundTrips;
  /** Lets go of what it holds outside this process: the run is over, well or not. */
  stop?(): Promise<void>;
}

/** Round trips to another process, by the wall clock of the machine. */
export interface RoundTrips {
  readonly count: number;
  readonly meanMicroseconds: number;
  readonly p99Microseconds: number;
}

/** Lines by name of the figure's quantity, then of the line: x in hours, y in the quantity's unit. */
export type RouterSeries = Readonly<
  Record<string, Readonly<Record<string, { readonly x: readonly number[]; readonly y: readonly number[] }>>>
>;

/** A router that serves the training requests and learns meanwhile. */
export interface LearningRouter extends Router<ClairvoyantWorld> {
  /** What was learned, by the names of {@link RouterTraining.artefacts}; read at the end of the training run. */
  learned(): ReadonlyMap<string, Uint8Array>;
}

/**
 * How a router is trained: one simulation of the training requests, which no evaluated run sees, under a router that
 * learns. Training happens offline, so that it may look at true lengths and correctness.
 */
export interface RouterTraining<Parameters = unknown> {
  /** Names of the artefacts that training leaves, as the trained router finds them in {@link World.artefacts}. */
  readonly artefacts: readonly string[];
  /** Parameters for which no training is needed; default: none. */
  unneeded?(parameters: Parameters): boolean;
  /**
   * Routers that learn the same: trainings of one name are one where everything else they depend on is equal. Default:
   * the router's id.
   */
  readonly name?: string;
  /** What of the parameters training depends on, as plain data; default: all. */
  basis?(parameters: Parameters): unknown;
  create(parameters: Parameters): LearningRouter;
}

export type RouterStatus = "as specified" | "adapted" | "reconstructed" | "ours";
export type RouterGroup = "system" | "ablation" | "baseline" | "reference" | "user";

/** A registry entry. `Parameters` is the output of its schema. */
export interface RouterDefinition<Parameters = unknown> {
  readonly id: string;
  /** Literature system it belongs to: `cedar`, `gar`, `caps`, `marlin`, `production`, `user`. */
  readonly family: string;
  readonly group: RouterGroup;
  readonly status: RouterStatus;
  /** Paper and section, or where the rule comes from. */
  readonly source: string;
  readonly summary: string;
  readonly aliases?: readonly string[];
  /** The router this one is an ablation of. */
  readonly ablationOf?: string;
  /** Its form without carbon, for routers that look at carbon: checked by metamorphic tests. */
  readonly withoutCarbon?: string;
  readonly clairvoyant?: boolean;
  /** Every parameter with its default; a description per field is shown by `canopy routers`. */
  readonly parameters: z.ZodType<Parameters>;
  /** @param folder of the file that names the router, for parameters that name files */
  create(parameters: Parameters, folder?: string): Router | Router<ClairvoyantWorld>;
  /**
   * Files of the user's that its decisions depend on, as absolute paths: their content is part of a run's key.
   *
   * @throws UserError for one that is not there
   */
  files?(parameters: Parameters, folder: string): readonly string[];
  /** What of the machine its decisions depend on, e.g. the kernels of its networks; default: nothing. */
  backend?(parameters: Parameters): Pick<Dense, "backend" | "isa">;
  /** Absent for routers that learn nothing beforehand. */
  readonly training?: RouterTraining<Parameters>;
}

/** Types a definition written in its own file, e.g. a user's router. */
export function defineRouter<Parameters>(
  definition: RouterDefinition<Parameters>,
): RouterDefinition<Parameters> {
  return definition;
}
