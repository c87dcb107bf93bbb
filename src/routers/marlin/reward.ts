import { EXCESS_SHARE, METRICS, OFF_SHARE } from "../../datacenter/epoch-model.ts";
import { goalReward } from "../../learning/her/relabel-goals.ts";
import type { MarlinParameters } from "./parameters.ts";

/** Numbers that an evaluation gives: metrics, share of nodes off, share of requests beyond capacity. */
export const EVALUATION_WIDTH = EXCESS_SHARE + 1;

/** What of {@link MarlinParameters} the reward depends on. */
export type RewardParameters = Pick<
  MarlinParameters,
  "trendWeight" | "trendDecay" | "ecoWeight" | "slaWeight" | "slaFactor" | "relativeCap"
>;

/**
 * Metrics over those of the uniform plan, at most `cap`: a plan that drowns a site waits for hours, and one such reward
 * would outweigh all others in a critic.
 *
 * @param out filled; an epoch in which the uniform plan has nothing of a metric gives 1
 */
export function relativeMetrics(
  metrics: Float64Array,
  uniform: Float64Array,
  cap: number,
  out: Float64Array,
): void {
  for (let j = 0; j < METRICS.length; j++)
    out[j] = uniform[j] > 0 ? Math.min(cap, metrics[j] / uniform[j]) : 1;
}

/**
 * An agent's reward (specification section 6): r = -g.m + 0.1 (mean - g.m) + 0.05 off - max(0, TTFT / SLA - 1), where
 * `mean` is the running mean of g.m. Only the first term depends on the goal alone, which relabelling exchanges.
 */
export class Reward {
  readonly #parameters: RewardParameters;
  #mean = Number.NaN;

  constructor(parameters: RewardParameters) {
    this.#parameters = parameters;
  }

  /**
   * Moves the running mean, which starts at the first value.
   *
   * @param relative of {@link relativeMetrics}; its TTFT is over the uniform plan's, as is the SLA
   * @param evaluation with the share of nodes that are off
   */
  of(relative: Float64Array, goal: Float64Array, evaluation: Float64Array): number {
    const { trendWeight, trendDecay, ecoWeight, slaWeight, slaFactor } = this.#parameters;
    const main = goalReward(relative, goal);
    if (Number.isNaN(this.#mean)) this.#mean = -main;
    const trend = this.#mean + main;
    this.#mean = trendDecay * this.#mean - (1 - trendDecay) * main;
    const late = Math.max(0, relative[0] / slaFactor - 1);
    return main + trendWeight * trend + ecoWeight * evaluation[OFF_SHARE] - slaWeight * late;
  }
}

/** g = share e_agent + (1 - share) w. */
export function goalOf(agent: number, weights: Float64Array, goalShare: number): Float64Array {
  return weights.map((weight, j) => (1 - goalShare) * weight + (j === agent ? goalShare : 0));
}
