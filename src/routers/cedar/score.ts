import type { World } from "../contract.ts";
import {
  meanContextTokens,
  meanOverModels,
  type ServiceEstimate,
  secondsPerPromptToken,
} from "./estimate.ts";

const JOULES_PER_KWH = 3.6e6;

export interface ScoreOptions {
  /** Weights a, b, g of a tier, by tier; the last value holds for all further tiers. */
  readonly latencyWeights: readonly number[];
  readonly costWeights: readonly number[];
  readonly carbonWeights: readonly number[];
  /** Slack that an endpoint has to leave, as a share of the tier's objective. */
  readonly marginFraction: number;
  /** Batch at which an output token's share of a step's time and power is taken. */
  readonly referenceBatch: number;
  /** False: endpoints compete whatever their slack (`cedar-no-queue`). */
  readonly slack: boolean;
  readonly meanModel: boolean;
}

/** Places of a question in {@link EndpointScore.query}. */
export const TOKENS = 0;
export const OUTPUTS = 1;
/** Seconds from now to the deadline. */
export const BUDGET = 2;

/**
 * CEDAR's heuristic score (specification section 5):
 *
 *     score(f) = a est / SLO + b (cost - min cost) / costRef + g (CO2 - min CO2) / co2Ref + penalty(group of f)
 *
 * over the endpoints that leave the tier its slack; costRef and co2Ref are the means over all endpoints that may
 * serve the request, the minima are over those that compete. Taking the minimum off changes no choice, and makes a
 * term exactly 0 where all competitors are equal; 0 / 0 counts as 0.
 *
 * Cost and energy are linear in the prompt and in the outputs expected, one coefficient each per endpoint:
 *
 *     cost = usdPerReplicaSecond * (tokens / prefillRate + outputs * step(B) / B)                       (USD)
 *     E    = prefillWatts * tokens / prefillRate + outputs * decodeWatts(B) * step(B) / B               (J)
 *
 * with step(B) at the reference batch B and the workload's mean context. The CO2 term is left out for the whole
 * fleet when the power of one endpoint is unknown: it could only be compared with a guess.
 */
export class EndpointScore {
  /** The question, set before {@link choose}: prompt tokens to compute, outputs expected, seconds to the deadline. */
  readonly query = new Float64Array(3);
  /** Estimated seconds of each endpoint looked at by the last {@link choose}. */
  readonly estimates: Float64Array;
  /** Scores of the {@link rivals}. */
  readonly scores: Float64Array;
  /** Endpoints that left the slack in the last {@link choose}, and so competed by score: the first {@link rivalCount}. */
  readonly rivals: Int32Array;
  rivalCount = 0;
  /** Added to the score of the endpoints of a group. */
  readonly penalty: Float64Array;
  readonly #world: World;
  readonly #estimate: ServiceEstimate;
  readonly #slack: boolean;
  readonly #usdPerToken: Float64Array;
  readonly #usdPerOutput: Float64Array;
  readonly #kwhPerToken: Float64Array;
  readonly #kwhPerOutput: Float64Array;
  readonly #usd: Float64Array;
  readonly #grams: Float64Array;
  /** By tier: a / SLO, b, g and the margin in seconds. */
  readonly #latencyWeight: Float64Array;
  readonly #costWeight: Float64Array;
  readonly #carbonWeight: Float64Array;
  readonly #marginSeconds: Float64Array;

  constructor(world: World, estimate: ServiceEstimate, options: ScoreOptions) {
    this.#world = world;
    this.#estimate = estimate;
    this.#slack = options.slack;
    const { count, usdPerReplicaSecond, law, maxRequests } = world.endpoints;
    this.estimates = new Float64Array(count);
    this.scores = new Float64Array(count);
    this.rivals = new Int32Array(count);
    this.penalty = new Float64Array(world.groups.length);
    this.#usd = new Float64Array(count);
    this.#grams = new Float64Array(count);

    const promptSeconds = secondsPerPromptToken(world, options.meanModel);
    const context = meanContextTokens(world);
    const stepShare = new Float64Array(count);
    this.#kwhPerToken = new Float64Array(count);
    this.#kwhPerOutput = new Float64Array(count);
    for (let e = 0; e < count; e++) {
      const batch = Math.min(options.referenceBatch, maxRequests[e], law[e].maxSequences);
      stepShare[e] = law[e].decodeSeconds(batch, batch * context) / batch;
      this.#kwhPerToken[e] = law[e].prefillWatts / law[e].prefillTokensPerSecond / JOULES_PER_KWH;
      this.#kwhPerOutput[e] = (law[e].decodeWatts[batch] * stepShare[e]) / JOULES_PER_KWH;
    }
    if (options.meanModel) {
      for (const column of [stepShare, this.#kwhPerToken, this.#kwhPerOutput]) {
        column.fill(meanOverModels(world, column));
      }
    }
    if (!law.every((endpointLaw) => endpointLaw.hasPower)) {
      this.#kwhPerToken.fill(0);
      this.#kwhPerOutput.fill(0);
    }
    this.#usdPerToken = usdPerReplicaSecond.map((usd, e) => usd * promptSeconds[e]);
    this.#usdPerOutput = usdPerReplicaSecond.map((usd, e) => usd * stepShare[e]);

    const slo = world.tiers.map((tier) => tier.sloSeconds);
    this.#latencyWeight = Float64Array.from(slo, (s, q) => ofTier(options.latencyWeights, q) / s);
    this.#costWeight = Float64Array.from(slo, (_, q) => ofTier(options.costWeights, q));
    this.#carbonWeight = Float64Array.from(slo, (_, q) => ofTier(options.carbonWeights, q));
    this.#marginSeconds = Float64Array.from(slo, (s) => options.marginFraction * s);
  }

  /**
   * The endpoint of the lowest score, ties to the lower index; where none leaves the slack, that of the lowest
   * estimate. -1 when no candidate is up and not blocked. Allocates nothing.
   *
   * @param candidates endpoints that may serve the request
   * @param blocked 1 for endpoints to leave out
   * @param tier whose weights and objective hold
   */
  choose(candidates: Int32Array, blocked: Uint8Array, tier: number): number {
    const { telemetry, endpoints, signals } = this.#world;
    const { up, queuedPrefillTokens } = telemetry;
    const { region, group, roundTripSeconds } = endpoints;
    const { carbon } = signals;
    const { fixed, wait, prompt, step } = this.#estimate;
    const { estimates, scores, penalty, rivals } = this;
    const usd = this.#usd;
    const grams = this.#grams;
    const usdPerToken = this.#usdPerToken;
    const usdPerOutput = this.#usdPerOutput;
    const kwhPerToken = this.#kwhPerToken;
    const kwhPerOutput = this.#kwhPerOutput;
    const tokens = this.query[TOKENS];
    const outputs = this.query[OUTPUTS];
    const limit = this.#slack ? this.query[BUDGET] - this.#marginSeconds[tier] : Number.POSITIVE_INFINITY;

    let fastest = -1;
    let leastSeconds = Number.POSITIVE_INFINITY;
    let admissible = 0;
    let competing = 0;
    let sumUsd = 0;
    let sumGrams = 0;
    let minUsd = Number.POSITIVE_INFINITY;
    let minGrams = Number.POSITIVE_INFINITY;
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      if (up[e] === 0 || blocked[e] === 1) continue;
      const seconds = fixed[e] + queuedPrefillTokens[e] * wait[e] + tokens * prompt[e] + outputs * step[e];
      const cost = tokens * usdPerToken[e] + outputs * usdPerOutput[e];
      const co2 = (tokens * kwhPerToken[e] + outputs * kwhPerOutput[e]) * carbon[region[e]];
      estimates[e] = seconds;
      usd[e] = cost;
      grams[e] = co2;
      admissible++;
      sumUsd += cost;
      sumGrams += co2;
      if (seconds < leastSeconds || fastest < 0) {
        leastSeconds = seconds;
        fastest = e;
      }
      if (seconds + roundTripSeconds[e] <= limit) {
        rivals[competing++] = e;
        if (cost < minUsd) minUsd = cost;
        if (co2 < minGrams) minGrams = co2;
      }
    }
    this.rivalCount = competing;
    if (competing === 0) return fastest;
    const latencyWeight = this.#latencyWeight[tier];
    const costWeight = sumUsd > 0 ? (this.#costWeight[tier] * admissible) / sumUsd : 0;
    const carbonWeight = sumGrams > 0 ? (this.#carbonWeight[tier] * admissible) / sumGrams : 0;
    let best = -1;
    let bestScore = Number.POSITIVE_INFINITY;
    for (let i = 0; i < competing; i++) {
      const e = rivals[i];
      const score =
        latencyWeight * estimates[e] +
        costWeight * (usd[e] - minUsd) +
        carbonWeight * (grams[e] - minGrams) +
        penalty[group[e]];
      scores[e] = score;
      if (score < bestScore) {
        bestScore = score;
        best = e;
      }
    }
    return best;
  }
}

function ofTier(values: readonly number[], tier: number): number {
  return values[Math.min(tier, values.length - 1)];
}
