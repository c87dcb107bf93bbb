import type { World } from "../contract.ts";
import {
  FIXED,
  GRAMS_OUTPUT,
  GRAMS_PROMPT,
  NETWORK,
  PROMPT,
  ROW,
  STEP,
  USD_OUTPUT,
  USD_PROMPT,
  WAIT,
} from "./coefficients.ts";
import { EndpointClasses } from "./endpoint-classes.ts";
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
  /** The question, set before {@link rank}: prompt tokens to compute, outputs expected, seconds to the deadline. */
  readonly query = new Float64Array(3);
  /** Endpoints that left the slack in the last {@link rank}, and so competed by score: the first {@link rivalCount}. */
  readonly rivals: Int32Array;
  rivalCount = 0;
  /** Added to the score of the endpoints of a group. */
  readonly penalty: Float64Array;
  readonly #world: World;
  readonly #slack: boolean;
  /** Of each rival: estimate, then score; cost; carbon. */
  readonly #rivalValues: Float64Array;
  /** Rows of coefficients, those of the estimate included. */
  readonly table: Float64Array;
  /** Energy in kWh per prompt token and per output. */
  readonly #kwhPrompt: Float64Array;
  readonly #kwhOutput: Float64Array;
  /** By tier: a / SLO, b and g. */
  readonly latencyWeight: Float64Array;
  readonly costWeight: Float64Array;
  readonly carbonWeight: Float64Array;
  readonly #marginSeconds: Float64Array;
  readonly classes: EndpointClasses;
  /** Members of each class that may serve the request ranked last. */
  readonly #classCounts: Int32Array;

  /**
   * @param candidates endpoints that may serve any request, in order of index
   * @param blocked 1 for endpoints to leave out of every choice; the classes are told of every change
   */
  constructor(
    world: World,
    estimate: ServiceEstimate,
    candidates: Int32Array,
    blocked: Uint8Array,
    options: ScoreOptions,
  ) {
    this.#world = world;
    this.table = estimate.table;
    this.#slack = options.slack;
    const { count, usdPerReplicaSecond, law, maxRequests } = world.endpoints;
    this.rivals = new Int32Array(count);
    this.penalty = new Float64Array(world.groups.length);
    this.#rivalValues = new Float64Array(3 * count);

    const promptSeconds = secondsPerPromptToken(world, options.meanModel);
    const context = meanContextTokens(world);
    const stepShare = new Float64Array(count);
    this.#kwhPrompt = new Float64Array(count);
    this.#kwhOutput = new Float64Array(count);
    for (let e = 0; e < count; e++) {
      const batch = Math.min(options.referenceBatch, maxRequests[e], law[e].maxSequences);
      stepShare[e] = law[e].decodeSeconds(batch, batch * context) / batch;
      this.#kwhPrompt[e] = law[e].prefillWatts / law[e].prefillTokensPerSecond / JOULES_PER_KWH;
      this.#kwhOutput[e] = (law[e].decodeWatts[batch] * stepShare[e]) / JOULES_PER_KWH;
    }
    if (options.meanModel) {
      for (const column of [stepShare, this.#kwhPrompt, this.#kwhOutput]) {
        column.fill(meanOverModels(world, column));
      }
    }
    if (!law.every((endpointLaw) => endpointLaw.hasPower)) {
      this.#kwhPrompt.fill(0);
      this.#kwhOutput.fill(0);
    }
    for (let e = 0; e < count; e++) {
      this.table[ROW * e + USD_PROMPT] = usdPerReplicaSecond[e] * promptSeconds[e];
      this.table[ROW * e + USD_OUTPUT] = usdPerReplicaSecond[e] * stepShare[e];
    }
    this.refreshCarbon();
    this.classes = new EndpointClasses(world, estimate, candidates, blocked, [
      this.#kwhPrompt,
      this.#kwhOutput,
    ]);
    this.#classCounts = new Int32Array(this.classes.count);

    const slo = world.tiers.map((tier) => tier.sloSeconds);
    this.latencyWeight = Float64Array.from(slo, (s, q) => ofTier(options.latencyWeights, q) / s);
    this.costWeight = Float64Array.from(slo, (_, q) => ofTier(options.costWeights, q));
    this.carbonWeight = Float64Array.from(slo, (_, q) => ofTier(options.carbonWeights, q));
    this.#marginSeconds = Float64Array.from(slo, (s) => options.marginFraction * s);
  }

  /** Takes the carbon intensities fetched last. */
  refreshCarbon(): void {
    const { signals, endpoints } = this.#world;
    for (let e = 0; e < endpoints.count; e++) {
      const intensity = signals.carbon[endpoints.region[e]];
      this.table[ROW * e + GRAMS_PROMPT] = this.#kwhPrompt[e] * intensity;
      this.table[ROW * e + GRAMS_OUTPUT] = this.#kwhOutput[e] * intensity;
    }
  }

  /** Estimated seconds of an endpoint for the request asked about. */
  estimateOf(e: number): number {
    const table = this.table;
    const row = ROW * e;
    return (
      table[row + FIXED] +
      this.#world.telemetry.queuedPrefillTokens[e] * table[row + WAIT] +
      this.query[TOKENS] * table[row + PROMPT] +
      this.query[OUTPUTS] * table[row + STEP]
    );
  }

  /** Score of the i-th of the {@link rivals}. */
  scoreOf(i: number): number {
    return this.#rivalValues[3 * i];
  }

  /** Largest estimate, network included, that leaves a tier its slack. */
  limitSeconds(tier: number): number {
    return this.#slack ? this.query[BUDGET] - this.#marginSeconds[tier] : Number.MAX_VALUE;
  }

  /**
   * Scores every candidate, for those who want to know the {@link rivals} too. The endpoint of the lowest score,
   * ties to the lower index; where none leaves the slack, that of the lowest estimate. -1 when no candidate is up
   * and not blocked. Allocates nothing.
   *
   * @param candidates endpoints that may serve the request, in order of index
   * @param blocked 1 for endpoints to leave out
   * @param tier whose weights and objective hold
   */
  rank(candidates: Int32Array, blocked: Uint8Array, tier: number): number {
    const { up, queuedPrefillTokens } = this.#world.telemetry;
    const { group } = this.#world.endpoints;
    const { penalty, rivals } = this;
    const table = this.table;
    const values = this.#rivalValues;
    const tokens = this.query[TOKENS];
    const outputs = this.query[OUTPUTS];
    const limit = this.limitSeconds(tier);
    const { classOf } = this.classes;
    const counts = this.#classCounts;

    counts.fill(0);
    let fastest = -1;
    let leastSeconds = Number.POSITIVE_INFINITY;
    let admissible = 0;
    let competing = 0;
    let minUsd = Number.POSITIVE_INFINITY;
    let minGrams = Number.POSITIVE_INFINITY;
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      if (up[e] === 0 || blocked[e] === 1) continue;
      const row = ROW * e;
      const seconds =
        table[row + FIXED] +
        queuedPrefillTokens[e] * table[row + WAIT] +
        tokens * table[row + PROMPT] +
        outputs * table[row + STEP];
      const usd = tokens * table[row + USD_PROMPT] + outputs * table[row + USD_OUTPUT];
      const grams = tokens * table[row + GRAMS_PROMPT] + outputs * table[row + GRAMS_OUTPUT];
      admissible++;
      counts[classOf[e]]++;
      if (seconds < leastSeconds) {
        leastSeconds = seconds;
        fastest = e;
      }
      if (seconds + table[row + NETWORK] > limit) continue;
      const at = 3 * competing;
      values[at] = seconds;
      values[at + 1] = usd;
      values[at + 2] = grams;
      rivals[competing++] = e;
      minUsd = Math.min(minUsd, usd);
      minGrams = Math.min(minGrams, grams);
    }
    this.rivalCount = competing;
    if (competing === 0) return fastest;

    // Summed by class, as the quick choice does: another order would round otherwise.
    let sumUsd = 0;
    let sumGrams = 0;
    for (let c = 0; c < counts.length; c++) {
      if (counts[c] === 0) continue;
      const row = ROW * this.classes.first[c];
      sumUsd += counts[c] * (tokens * table[row + USD_PROMPT] + outputs * table[row + USD_OUTPUT]);
      sumGrams += counts[c] * (tokens * table[row + GRAMS_PROMPT] + outputs * table[row + GRAMS_OUTPUT]);
    }
    const latencyWeight = this.latencyWeight[tier];
    const costWeight = sumUsd > 0 ? (this.costWeight[tier] * admissible) / sumUsd : 0;
    const carbonWeight = sumGrams > 0 ? (this.carbonWeight[tier] * admissible) / sumGrams : 0;
    let best = -1;
    let bestScore = Number.POSITIVE_INFINITY;
    for (let i = 0; i < competing; i++) {
      const e = rivals[i];
      const at = 3 * i;
      const score =
        latencyWeight * values[at] +
        costWeight * (values[at + 1] - minUsd) +
        carbonWeight * (values[at + 2] - minGrams) +
        penalty[group[e]];
      values[at] = score;
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
