/** What `canopy overhead` finds, as it prints and keeps it. */

import type { Clock } from "./clocks.ts";

/** What stands in a request's way: the decision at its arrival, the dispatch of those held, the control step. */
export type DecisionKind = "request" | "dispatch" | "control";

/** One kind of call of one router in one state; figures are null where `reason` says why. */
export interface OverheadRow {
  readonly router: string;
  readonly family: string;
  readonly kind: DecisionKind;
  readonly endpoints: number;
  readonly load: number;
  /** What one call is: `arrival`, `timer 0 with 100 held`, `timer 1, every 10 s`, `signals of 3 regions`. */
  readonly call: string;
  /**
   * Processor time of calls one after the other over their number, the best of three rounds; the host's part, the loop
   * and the reading of the clock included.
   */
  readonly meanMicroseconds: number | null;
  /** The same loop over a router that does nothing. */
  readonly emptyMicroseconds: number | null;
  /** The difference of the two, at least 0. */
  readonly netMicroseconds: number | null;
  /** Of single calls, the cost of reading {@link clock} included. */
  readonly p50Microseconds: number | null;
  readonly p99Microseconds: number | null;
  readonly p999Microseconds: number | null;
  /** Calls timed one by one, by which clock: that of the processor from 100 microseconds on. */
  readonly samples: number;
  readonly clock: Clock;
  /** Growth of the heap by a call; null for kinds whose calls are too few to tell. */
  readonly bytesPerDecision: number | null;
  /** 99th percentile over CEDAR's control interval of 100 ms. */
  readonly intervalShare: number | null;
  /** Kind `request`: net time of the requests that arrive in 100 ms over those 100 ms, completions included. */
  readonly busyShare: number | null;
  /** Kind `request`: what the router does when told of an end. */
  readonly completionMicroseconds: number | null;
  /** Net time over that of round robin for the same kind and state. */
  readonly timesRoundRobin: number | null;
  /** Kind `request`: requests that the router held on purpose, mean over the batches. */
  readonly held: number | null;
  readonly reason: string | null;
}

/** The state that rows of a size and load were measured on. */
export interface OverheadState {
  readonly endpoints: number;
  readonly load: number;
  readonly ratePerSecond: number;
  /** Share of the places in the batches that are taken, and waiting requests of an endpoint, means. */
  readonly utilisation: number;
  readonly waitingPerEndpoint: number;
  readonly simulatedSeconds: number;
}

/** Time as a power of the number of endpoints: exponent and its 95 % interval (Student's t over the sizes). */
export interface GrowthLaw {
  readonly router: string;
  readonly kind: DecisionKind;
  readonly load: number;
  readonly exponent: number;
  readonly interval: readonly [number, number];
  readonly sizes: number;
}

/** Router calls inside a simulation. */
export interface InSituRow {
  readonly router: string;
  readonly endpoints: number;
  readonly load: number;
  readonly requests: number;
  /** Processor time of the simulation, the best of three. */
  readonly processorSeconds: number;
  /** Share of the time of a simulation spent in calls of the router, and that time over the requests. */
  readonly share: number | null;
  readonly microsecondsPerRequest: number | null;
  readonly timeOverRoundRobin: number | null;
  readonly reason: string | null;
}

export type PlanAxis = "sites" | "calls" | "hidden";

/** Median time of a step of a planner as a power of what is varied; 95 % interval by Student's t over the sizes. */
export interface PlanLaw {
  readonly router: string;
  readonly step: "plan" | "training";
  readonly axis: PlanAxis;
  readonly exponent: number;
  readonly interval: readonly [number, number];
  readonly sizes: number;
}

/** A planner of epochs: one plan, and one epoch of learning; processor time. */
export interface PlanRow {
  readonly router: string;
  /** What is varied, and its value: sites, calls of the model that are allowed, units of the widest layer. */
  readonly axis: PlanAxis;
  readonly value: number;
  readonly sites: number;
  /** Calls of the model in an epoch as they were made, mean. */
  readonly calls: number | null;
  readonly step: "plan" | "training";
  readonly p50Milliseconds: number | null;
  readonly p99Milliseconds: number | null;
  readonly samples: number;
  readonly reason: string | null;
}

/** A part that several routers rest on. */
export interface ComponentRow {
  readonly component: string;
  readonly size: string;
  readonly p50Microseconds: number | null;
  readonly p99Microseconds: number | null;
  readonly samples: number;
  readonly reason: string | null;
}

export interface OverheadResult {
  readonly schema: "canopy/overhead/1";
  readonly conditions: {
    readonly cpu: string;
    readonly threads: number;
    readonly node: string;
    readonly platform: string;
    readonly loadAverageBefore: number;
    readonly loadAverageAfter: number;
    /** Of this measurement, without the cells that were measured before. */
    readonly seconds: number;
    /** Two readings of the clock one after the other, which stand in every single call: median. */
    readonly timerNanoseconds: number;
    readonly capacityOfTwelveRequestsPerSecond: number;
    readonly quick: boolean;
    readonly capSeconds: number;
    /** Cells that an earlier measurement had left in the journal; null where there are none, absent in older files. */
    readonly reused?: {
      readonly cells: number;
      readonly of: number;
      /** When the first of them ended, ISO 8601. */
      readonly since: string;
      /** That they took. */
      readonly seconds: number;
      /** The least and the most at their ends. */
      readonly loadAverages: readonly [number, number];
    } | null;
  };
  readonly states: readonly OverheadState[];
  readonly rows: readonly OverheadRow[];
  readonly growth: readonly GrowthLaw[];
  readonly inSitu: readonly InSituRow[];
  readonly components: readonly ComponentRow[];
  readonly plans: readonly PlanRow[];
  readonly planGrowth: readonly PlanLaw[];
}
