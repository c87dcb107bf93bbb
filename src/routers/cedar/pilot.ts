import type { RouterHost, World } from "../contract.ts";
import type { WeightController } from "./controller.ts";
import type { ReplicaScaling } from "./scaling.ts";
import type { EndpointScore } from "./score.ts";
import type { ViolationWindow } from "./violation-window.ts";

/** What CEDAR's router lets another policy see. */
export interface Cockpit {
  readonly world: World;
  readonly host: RouterHost;
  /** Its question is that of the request being placed. */
  readonly score: EndpointScore;
  /** Its targets are the weights in force, whoever set them. */
  readonly controller: WeightController;
  readonly violations: ViolationWindow;
  readonly blocked: Uint8Array;
  /** Where replicas may be ordered and released. */
  readonly scaling: ReplicaScaling | undefined;
  /** Requests of a tier in the router's queue. */
  queued(tier: number): number;
}

/** Who placed a request. */
export const HEURISTIC = 0;
export const LEARNED = 1;
export const FALLBACK = 2;
export const ROUND_ROBIN = 3;

/** A policy beside CEDAR's heuristic, under the same queues, deferral and fallback. */
export interface Pilot {
  /** Who places requests outside of the fallback; ROUND_ROBIN goes before the fallback too. */
  readonly acting: number;
  /** Where the replicas of each group shall lie between the fewest (0) and the most (1), while it acts. */
  readonly levels: Float64Array;
  /** Told before every choice, whoever makes it: the request at hand and what it needs. Allocates nothing. */
  asks(request: number, needsLarge: number): void;
  /** An endpoint for a request, or -1, while it acts. Allocates nothing. */
  pick(request: number, candidates: Int32Array): number;
  /** Why, after {@link pick}; fills the endpoints' scores. */
  reason(endpoint: number, scores: Float64Array): string;
  /** The request that it was asked about last has gone to an endpoint. */
  placed(tier: number, endpoint: number, by: number): void;
  completed(request: number, tier: number): void;
  /** Ends a control interval: learns, and says who acts in the next. @param fallback whether that is one of fallback */
  close(fallback: boolean): void;
  /** Moves the targets of every tier, and the levels, while it acts. */
  steer(): void;
  figures(): Readonly<Record<string, number>>;
  notes(): readonly string[];
}

export type MakePilot = (cockpit: Cockpit) => Pilot;
