import { EXCESS_SHARE, METRICS, OFF_SHARE } from "../../datacenter/epoch-model.ts";
import type { PlanBudget, PlannedPoint } from "../../datacenter/simulate-epochs.ts";

/**
 * Calls of the model in an epoch that are the same for every planner: those of MARLIN's balanced plan, 50 steps and a
 * final plan for each of four agents, and the consensus.
 */
export const COMMON_CALLS = 205;

/** Calls in an epoch: a number, or `own`, what the planner's other options ask for. */
export type CallOption = number | "own";

/** A plan with what it costs under the forecast. */
export interface Candidate extends PlannedPoint {
  /** Share of requests beyond rated capacity. */
  readonly excess: number;
}

export interface JudgedPlan extends Candidate {
  /** Share of nodes that are off. */
  readonly off: number;
}

/** Judges plans while there are calls; undefined when there are none. The plan is kept as it is, not copied. */
export type Judge = (plan: Float64Array) => JudgedPlan | undefined;

/**
 * Calls that a planner may make in the epoch that begins.
 *
 * @param own what it would make by its own options
 */
export function callsOf(budget: PlanBudget, calls: CallOption, own: number): number {
  return Math.min(budget.left, calls === "own" ? own : calls);
}

/** @param own as in {@link callsOf} */
export function makeJudge(budget: PlanBudget, calls: CallOption, own: number): Judge {
  let left = callsOf(budget, calls, own);
  const out = new Float64Array(EXCESS_SHARE + 1);
  return (plan) => {
    if (left <= 0 || !budget.evaluate(plan, out)) return undefined;
    left--;
    return { plan, metrics: out.slice(0, METRICS.length), excess: out[EXCESS_SHARE], off: out[OFF_SHARE] };
  };
}
