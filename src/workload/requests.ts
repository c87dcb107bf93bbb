/**
 * Requests as columns. A workload is a stream of chunks, so that a run of any length needs no more memory
 * than one chunk; a trace held in memory is the same stream whose chunks are views of shared arrays.
 */

/** A service class of requests: CEDAR's criticality tiers. Listed strictest first. */
export interface Tier {
  readonly name: string;
  /** Latency objective in seconds, from arrival. */
  readonly sloSeconds: number;
  /** Whether requests of the tier may wait on purpose, up to their deadline. */
  readonly deferrable: boolean;
  /** How long a request of a deferrable tier may be held on purpose; default: its objective. */
  readonly deferralSeconds?: number;
}

/** How long a request of a deferrable tier may be held on purpose. */
export function deferralSecondsOf(tier: Tier): number {
  return tier.deferralSeconds ?? tier.sloSeconds;
}

/** How long a request of the tier may be held on purpose: 0 where it may not. */
export function allowedHoldSeconds(tier: Tier): number {
  return tier.deferrable ? deferralSecondsOf(tier) : 0;
}

/**
 * Columns of `count` requests, in order of arrival. A dependent step (an agent's next call) directly follows
 * the step it depends on, has `arrivalSeconds` NaN and arrives `thinkSeconds` after that step's last token;
 * all steps of a session lie in one chunk. Optional columns are absent when the workload has none.
 */
export interface RequestChunk {
  count: number;
  /** Seconds from the start of the run; NaN for a dependent step. */
  arrivalSeconds: Float64Array;
  promptTokens: Int32Array;
  /** True output length, at least 1: hidden from routers that are not clairvoyant. */
  outputTokens: Int32Array;
  /** Index into {@link Workload.tiers}. */
  tier: Uint8Array;
  /** 1 where only a model of class `large` may serve the request. */
  needsLarge: Uint8Array;
  /** Index into {@link Workload.taskTypes}. */
  taskType?: Uint8Array;
  /** Number of the tenant that sent it, -1 for none. */
  tenant?: Int32Array;
  /** Turns of the conversation up to this prompt, at least 1. */
  turns?: Int32Array;
  /** How hard it is to answer, as a draw of the standard normal distribution: hidden from routers. */
  difficulty?: Float64Array;
  /** Session number, -1 for none; whole numbers held in float64. */
  session?: Float64Array;
  /** Step within the session, from 0. */
  step?: Int32Array;
  /** Seconds between the end of the previous step and the arrival of this one. */
  thinkSeconds?: Float64Array;
  /** Leading prompt tokens equal to the previous step's context: what a prefix cache can reuse. */
  prefixTokens?: Int32Array;
  /** Recorded placement for the `replay` router, index into {@link Workload.endpointNames}; -1 for none. */
  endpoint?: Int32Array;
}

/** Reads a workload once, from its beginning. The chunk returned is overwritten by the next call. */
export interface RequestCursor {
  next(): RequestChunk | undefined;
}

export interface Workload {
  readonly name: string;
  readonly tiers: readonly Tier[];
  readonly taskTypes: readonly string[];
  /** Names used by the recorded placements of `endpoint`, empty when there are none. */
  readonly endpointNames: readonly string[];
  /** Number of requests, dependent steps included. */
  readonly requests: number;
  /** Means over the workload, for estimators that a gateway would know from history. */
  readonly meanPromptTokens: number;
  readonly meanOutputTokens: number;
  /** A new pass over the same requests. */
  open(): RequestCursor;
}
