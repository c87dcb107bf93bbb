import { UserError } from "../errors.ts";
import { type ArrivalParameters, checkArrivals } from "./arrivals.ts";
import { expectCount, expectParameter, expectPositive } from "./check.ts";
import type { Floors, TaskTypeShare, TierShare } from "./classes.ts";
import { checkDistribution, type Distribution } from "./distribution.ts";
import { checkClasses } from "./synthetic.ts";

/** Agents that call a model step by step. Plain data. */
export interface SessionParameters {
  readonly name?: string;
  readonly seed: number | string;
  /** Limits; at least one. The first that is reached ends the workload, `requests` even within a session. */
  readonly sessions?: number;
  readonly requests?: number;
  /** Sessions that start before this time; with `independent` requests that arrive before it. */
  readonly durationSeconds?: number;
  /** Starts of sessions: `ratePerSecond` counts sessions. */
  readonly arrival: ArrivalParameters;
  /** Calls of a session, rounded, at least 1. */
  readonly steps?: Distribution;
  /** Tokens of the context that a session begins with, besides the first step's `prompt`. */
  readonly firstContext?: Distribution;
  /** New prompt tokens of every step: the part that no cache can hold. */
  readonly prompt?: Distribution;
  readonly output?: Distribution;
  /** Seconds between the end of a step and the next. */
  readonly think?: Distribution;
  /**
   * Whether a step's prompt holds all earlier prompts and outputs of the session (default true). Without it
   * every prompt is the first context and the step's own tokens.
   */
  readonly contextGrowth?: boolean;
  /**
   * A step whose prompt would be longer begins again from the first context, which is then all that it repeats;
   * default 200,000, the window of most models in the sessions that the other defaults are from.
   */
  readonly maxContextTokens?: number;
  /** Multiplies every length before rounding. */
  readonly lengthFactor?: number;
  readonly tiers?: readonly TierShare[];
  readonly floors?: Floors;
  readonly taskTypes?: readonly TaskTypeShare[];
  /** Whether tier, floor and task type are drawn for a session (default) or for each step. */
  readonly classesPer?: "session" | "step";
  /**
   * The same lengths and classes in the same order, as requests that do not wait for each other: an open
   * process of `ratePerSecond` times the mean number of steps, without sessions.
   */
  readonly independent?: boolean;
}

/**
 * Defaults, derived from 710 public coding-agent sessions (49,334 requests): steps from the quartiles 18, 45
 * and 94; the others are mean and standard deviation of the logarithm of first contexts (median 24 k tokens),
 * uncached prompt parts, outputs and think times (where above 0).
 */
export const AGENT_SESSIONS = {
  steps: { dist: "lognormal", mu: 3.81, sigma: 1.23, min: 1 },
  firstContext: { dist: "lognormal", mu: 10.71, sigma: 1.12 },
  prompt: { dist: "lognormal", mu: 6.85, sigma: 1.3 },
  output: { dist: "lognormal", mu: 5.56, sigma: 0.89 },
  think: { dist: "lognormal", mu: 2.84, sigma: 1.57 },
} as const satisfies Record<string, Distribution>;

/** Parameters with every default filled in. */
export type ResolvedSessions = SessionParameters &
  Required<
    Pick<
      SessionParameters,
      | "steps"
      | "firstContext"
      | "prompt"
      | "output"
      | "think"
      | "contextGrowth"
      | "maxContextTokens"
      | "lengthFactor"
      | "classesPer"
      | "tiers"
    >
  >;

/** Throws `CANOPY_WORKLOAD_*` user errors for parameters out of range. */
export function checkSessions(p: SessionParameters): void {
  if (p.sessions === undefined && p.requests === undefined && p.durationSeconds === undefined) {
    throw new UserError(
      "CANOPY_WORKLOAD_PARAMETER",
      "workload: expected sessions, requests or durationSeconds, found none of them",
    );
  }
  if (p.sessions !== undefined) expectCount(p.sessions, "sessions");
  if (p.requests !== undefined) expectCount(p.requests, "requests");
  if (p.durationSeconds !== undefined) expectPositive(p.durationSeconds, "durationSeconds");
  checkArrivals(p.arrival);
  for (const key of ["steps", "firstContext", "prompt", "output", "think"] as const) {
    const distribution = p[key];
    if (distribution !== undefined) checkDistribution(distribution, key);
  }
  if (p.maxContextTokens !== undefined) expectCount(p.maxContextTokens, "maxContextTokens");
  if (p.lengthFactor !== undefined) expectPositive(p.lengthFactor, "lengthFactor");
  const per = p.classesPer ?? "session";
  expectParameter(per === "session" || per === "step", "classesPer", "session or step", per);
  checkClasses(p);
}
