/** What is known of a request of a run once it has ended: facts, what was decided about it, what happened to it. */

/** What a router decided about a request, in the order in which it did. */
export interface Decision {
  readonly atSeconds: number;
  /**
   * `placed`, or `refused` by an endpoint that is down or at its cap; `held` on purpose and `released` from that;
   * `taken back` by the router; `rejected`; `noted`: a reason without a placement.
   */
  readonly kind: "placed" | "refused" | "held" | "released" | "taken back" | "rejected" | "noted";
  readonly endpoint: string | null;
  /** Where it decodes, if elsewhere. */
  readonly decodeAt: string | null;
  readonly reason: string | null;
  /** By endpoint in the order of the fleet, null where the router looked at none; null where it gives no scores. */
  readonly scores: readonly (number | null)[] | null;
}

/** What happened to a request, in order of time. */
export interface TimelineEvent {
  readonly atSeconds: number;
  readonly event:
    | "arrived"
    | "held on purpose"
    | "released"
    | "placed"
    | "prefill starts"
    | "prompt computed"
    | "first token"
    | "preempted by the engine"
    | "returned to the router"
    | "finished"
    | "rejected"
    | "cut at the horizon";
  readonly endpoint: string | null;
  readonly replica: number | null;
  /** Why it came back or was rejected. */
  readonly note: string | null;
}

/** Times are seconds from the start of the run, null where the request never got so far. */
export interface WatchedRequest {
  readonly id: number;
  readonly status: "finished" | "rejected" | "unfinished";
  readonly reason: string | null;
  readonly tier: string;
  /** Null for a tier without an objective. */
  readonly objectiveSeconds: number | null;
  readonly deferrable: boolean;
  readonly promptTokens: number;
  /** The true length, which no router sees but a clairvoyant one. */
  readonly outputTokens: number;
  readonly producedTokens: number;
  readonly taskType: string | null;
  readonly tenant: number | null;
  readonly session: number | null;
  readonly step: number | null;
  readonly turns: number | null;
  readonly prefixTokens: number | null;
  readonly needsLarge: boolean | null;
  readonly arrivalSeconds: number | null;
  readonly dispatchedSeconds: number | null;
  readonly heldSeconds: number;
  readonly startedSeconds: number | null;
  readonly firstTokenSeconds: number | null;
  readonly finishedSeconds: number | null;
  /** As the user sees them: network both ways included. */
  readonly ttftSeconds: number | null;
  readonly e2eSeconds: number | null;
  /** The latency that the objective bounds, as it is counted; null where the request has none. */
  readonly countedSeconds: number | null;
  readonly objectiveMet: boolean;
  readonly preemptions: number;
  /** Active energy, cost and carbon attributed to it; null where the experiment does not know them. */
  readonly energyJoules: number | null;
  readonly costUsd: number | null;
  readonly carbonGrams: number | null;
  readonly waterLitres: number | null;
  /** Simulated correctness; null where it is not modelled. */
  readonly correct: boolean | null;
  readonly predictedAccuracy: number | null;
  readonly decisions: readonly Decision[];
  readonly timeline: readonly TimelineEvent[];
}
