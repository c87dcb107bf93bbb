/** What a run of the simulator is made of, and what it hands out. Shared with the oracle in test/oracle. */
import type { Fleet } from "../fleet/fleet.ts";
import type { Router, RouterDefinition } from "../routers/contract.ts";
import type { Workload } from "../workload/requests.ts";
import type { ServiceClock } from "../workload/service-clock.ts";

export interface RunOptions {
  readonly fleet: Fleet;
  readonly workload: Workload;
  readonly router: Router;
  /** For the streams that the simulator owns: the router's policy stream. */
  readonly seed: number;
  /** Which series the fleet's carbon tracks hold. */
  readonly signal: "average" | "marginal";
  /** Which latency the objectives bound. */
  readonly latency: "ttft" | "e2e";
  /** From when that latency counts. */
  readonly clock: ServiceClock;
  /** Seconds between telemetry snapshots; 0 takes one at every router call. */
  readonly telemetryIntervalSeconds: number;
  /** Seconds between the gateway's fetches of the signals. */
  readonly signalIntervalSeconds: number;
  /**
   * `drain` runs until every request has ended; `cut` stops at the horizon and counts the rest as unfinished.
   */
  readonly end: "drain" | "cut";
  /**
   * Common horizon of idle energy and GPU-hours in seconds: last arrival plus the largest deferral allowed.
   * Null: the end of the run, when the last request has ended.
   */
  readonly horizonSeconds: number | null;
  /** Forecast carbon intensity (region, now, ahead) in g/kWh; null gives the router perfect foresight. */
  readonly forecastCarbon: ((region: number, nowSeconds: number, aheadSeconds: number) => number) | null;
  readonly artefacts: ReadonlyMap<string, Uint8Array>;
  /** Keep reasons and scores of placements. */
  readonly explain: boolean;
  /** Give the router the clairvoyant view. */
  readonly clairvoyant: boolean;
  /** UTC hour of the day at time 0, with its fraction; 0 without a calendar. */
  readonly startHour: number;
  /** Who answers what rightly; null where that is not modelled. */
  readonly answers: Answers | null;
  /**
   * Makes what watches a replica, by endpoint and replica: for explanations, and for power over time. Default: nobody
   * does.
   */
  readonly watch?: (endpoint: number, replica: number) => ReplicaWatcher;
}

/**
 * Hears what happens at one replica, in order of its time. Replicas are advanced lazily: between two of them, and
 * beside the calls of the router, what is heard first may have happened later.
 */
export interface ReplicaWatcher {
  /** A request comes to hold a place in the batch. */
  admitted(request: number, atSeconds: number): void;
  /** Its prompt, with what was produced before a preemption, is computed; a token comes with it. */
  prefilled(request: number, atSeconds: number): void;
  /** The engine takes its place away for want of KV blocks: it waits again. */
  displaced(request: number, atSeconds: number): void;
  /** Power of the GPUs over a stretch of time, working or idle; stretches follow each other. */
  power(fromSeconds: number, toSeconds: number, watts: number, isWorking: boolean): void;
  /** Power of the host beside them over a time in which the replica was up; told as that ends. */
  host(fromSeconds: number, toSeconds: number, watts: number): void;
}

/** Simulated correctness of answers: depends on the request and the model alone, never on the router. */
export interface Answers {
  /**
   * @param id number of the request in order of the workload
   * @param difficulty of the request, a standard normal draw
   * @param taskType index into the workload's task types: the data set
   * @param model index into the fleet's models
   */
  correct(id: number, difficulty: number, taskType: number, model: number): boolean;
}

export type { Router, RouterDefinition };

/**
 * A request as it ends. Columns indexed by the number handed to {@link RecordSink}; valid during the call.
 * Times are seconds since the start of the run, NaN where the request never got so far.
 */
export interface RecordColumns {
  /** Number in order of the workload, from 0. */
  readonly id: Float64Array;
  readonly arrivalSeconds: Float64Array;
  readonly deadlineSeconds: Float64Array;
  /** First time it left the router. */
  readonly dispatchedSeconds: Float64Array;
  /** Time it was held on purpose ({@link RouterHost.hold}) before its first dispatch. */
  readonly heldSeconds: Float64Array;
  /** Start of its first iteration, its first and its last token, at the engine. */
  readonly startedSeconds: Float64Array;
  readonly firstTokenSeconds: Float64Array;
  readonly finishedSeconds: Float64Array;
  /** As the user sees them: network both ways included. */
  readonly ttftSeconds: Float64Array;
  readonly e2eSeconds: Float64Array;
  readonly promptTokens: Int32Array;
  readonly outputTokens: Int32Array;
  readonly producedTokens: Int32Array;
  readonly tier: Uint8Array;
  readonly taskType: Uint8Array;
  /** -1 for none. */
  readonly tenant: Int32Array;
  readonly session: Float64Array;
  /** Endpoint it ended at, -1 if it never was placed. */
  readonly endpoint: Int32Array;
  readonly preemptions: Int32Array;
  /** Attributed active energy (`gpu` boundary), cost by occupancy and carbon. */
  readonly energyJoules: Float64Array;
  readonly costUsd: Float64Array;
  readonly carbonGrams: Float64Array;
  /** Water of that energy, site and grid; NaN where it ran in a region whose water is unknown. */
  readonly waterLitres: Float64Array;
  /** What the router declared of its last placement ({@link RouterHost.predict}); NaN, NaN and 255 where it did not. */
  readonly predictedAccuracy: Float64Array;
  readonly accuracyFloor: Float64Array;
  readonly feasible: Uint8Array;
  /** 1 for a right answer, 0 for a wrong one, 255 where it has none or correctness is not modelled. */
  readonly correct: Uint8Array;
}

/** Receives what happens to requests, in an order that depends only on the run's inputs. */
export interface RecordSink {
  begin(columns: RecordColumns): void;
  /** A placement: the request leaves the router for an endpoint of `group`. */
  placed(request: number, endpoint: number, atSeconds: number): void;
  finished(request: number): void;
  rejected(request: number, reason: string): void;
  /** Still in the system when the run was cut. */
  unfinished(request: number): void;
  /** Target shares set by the router. */
  weights(requestClass: number, weights: Float64Array, atSeconds: number): void;
}

/** Energy, cost and carbon of one endpoint over the horizon. */
export interface EndpointTotals {
  /** Seconds in which its replicas ran an iteration, and in which they were up. */
  busySeconds: number;
  upSeconds: number;
  /** Active energy of the GPUs, split into what requests carry and what was lost with aborted iterations. */
  activeJoules: number;
  idleJoules: number;
  hostJoules: number;
  /** Active energy with every request of a batch charged the whole replica: their sum, batch times power over time. */
  literalJoules: number;
  activeGrams: number;
  literalGrams: number;
  idleGrams: number;
  hostGrams: number;
  /** Price of the busy and of all replica-hours, and of energy where the region prices it. */
  busyUsd: number;
  fleetUsd: number;
  energyUsd: number;
  iterations: number;
  outsideIterations: number;
  outsideJoules: number;
  preemptions: number;
  placed: number;
  finished: number;
  /** Tokens of the requests that finished here, each counted once. */
  promptTokens: number;
  outputTokens: number;
}

export interface RunTotals {
  readonly requests: number;
  readonly finished: number;
  readonly rejected: number;
  readonly unfinished: number;
  /** Requests cut to the model's longest context. */
  readonly truncated: number;
  /** Requests that the router held on purpose at least once. */
  readonly deferred: number;
  readonly horizonSeconds: number;
  readonly endSeconds: number;
  readonly endpoints: readonly EndpointTotals[];
  /** Calls of the router, but for `start`, completions, and `returned` in answer to `preempt`. */
  readonly routerCalls: number;
  /** Snapshots taken; some that no call asked for, ahead of what would have moved an endpoint past them. */
  readonly telemetrySnapshots: number;
  readonly explanations: readonly Explanation[];
}

export interface Explanation {
  readonly id: number;
  readonly atSeconds: number;
  readonly endpoint: number;
  readonly reason: string;
  readonly scores: readonly number[] | null;
}
