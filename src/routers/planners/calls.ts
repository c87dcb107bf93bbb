import { EXCESS_SHARE, METRICS } from "../../datacenter/epoch-model.ts";
import type { PlanBudget, PlannedPoint } from "../../datacenter/simulate-epochs.ts";

/**
 * Calls of the model in an epoch that are the same for every planner: those of MARLIN's balanced plan, four agents
 * with 50 updates and a first plan each, and the blend.
 */
export const COMMON_CALLS = 205;

/** Calls in an epoch: a number, or `own`, what the planner's other options ask for. */
export type CallOption = number | "own";

/** A plan with what it costs under the forecast. */
export interface Candidate extends PlannedPoint {
  /** Share of requests beyond rated capacity. */
  readonly excess: number;
}

/** Judges plans while there are calls; undefined when there are none. The plan is kept as it is, not copied. */
export type Judge = (plan: Float64Array) => Candidate | undefined;

/** @param own calls that the planner would make by its own options */
export function makeJudge(budget: PlanBudget, calls: CallOption, own: number): Judge {
  let left = calls === "own" ? own : calls;
  const out = new Float64Array(EXCESS_SHARE + 1);
  return (plan) => {
    if (left <= 0 || !budget.evaluate(plan, out)) return undefined;
    left--;
    return { plan, metrics: out.slice(0, METRICS.length), excess: out[EXCESS_SHARE] };
  };
}
