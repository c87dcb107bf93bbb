import type { World } from "../contract.ts";
import { GRAMS_OUTPUT, GRAMS_PROMPT, ROW, USD_OUTPUT, USD_PROMPT } from "./coefficients.ts";
import type { ReplicaScaling } from "./scaling.ts";
import { type EndpointScore, OUTPUTS, TOKENS } from "./score.ts";

export interface RewardOptions {
  readonly rewardViolations: number;
  readonly rewardCost: number;
  readonly rewardCarbon: number;
  readonly rewardOscillation: number;
  readonly violationWeights: readonly number[];
  readonly rewardReplicas: number;
  readonly referenceSmoothing: number;
}

/** What an interval, or a request, came to; the object is the same for every one. */
export interface RewardTerms {
  /** Weighted violation fractions. */
  violations: number;
  /** Cost and carbon per request that ended, relative to round robin; 1 where none ended. */
  cost: number;
  carbon: number;
  oscillation: number;
  /** Price of the replicas ordered over that of the replicas at the start; 0 where nothing scales. */
  replicas: number;
  reward: number;
}

/** Places of {@link IntervalReward.reference}: what round robin would pay, and how far the estimate of it is off. */
const USD = 0;
const GRAMS = 1;
const USD_FACTOR = 2;
const GRAMS_FACTOR = 3;

/** R = -alpha V - beta Cost - gamma CO2 - eta Osc (CEDAR eq. 2), less the weighted price of the replicas. */
export function rewardOf(terms: Omit<RewardTerms, "reward">, options: RewardOptions): number {
  return (
    -options.rewardViolations * terms.violations -
    options.rewardCost * terms.cost -
    options.rewardCarbon * terms.carbon -
    options.rewardOscillation * terms.oscillation -
    options.rewardReplicas * terms.replicas
  );
}

/**
 * CEDAR's reward of a control interval (eq. 2), from what ended and what was placed in it.
 *
 * - Violations: the tiers' fractions of those that ended, weighted.
 * - Cost and carbon: means over those that ended, as attributed (token shares; no idle floor), over what round robin
 *   would pay for the requests placed: the mean of the score's estimates over the endpoints that might serve each,
 *   averaged over intervals (EWMA), times a factor. The factor is measured: what requests paid under round robin in
 *   the first intervals of training, over that estimate. An actual run of round robin beside the router is nothing
 *   that a gateway could have.
 * - Oscillation: 1/|F| sum |w - w'| of the realised shares of this interval and the last one with a placement.
 * - Replicas, where they scale: their price over that of the fleet at the start. What is attributed to requests has no
 *   idle replica in it, so that by eq. 2 alone the most replicas would always be best.
 *
 * The reward of a single request is that of an interval in which it alone ended: its own violation by its tier's weight,
 * its own cost and carbon over the same means of round robin; oscillation and replicas, which no request has of its own,
 * are those of the last interval that was closed.
 */
export class IntervalReward {
  readonly terms: RewardTerms = makeTerms();
  /** Of the request of the last {@link request}. */
  readonly requestTerms: RewardTerms = makeTerms();
  /** USD and grams per request that round robin would pay by the estimate, and both factors. */
  readonly reference = Float64Array.of(Number.NaN, Number.NaN, 1, 1);
  /** Placements of the interval by group, and by [tier * groups + group]. */
  readonly placedTo: Int32Array;
  readonly placedBy: Int32Array;
  /** Requests of the interval that ended, and those of them that missed their objective, by tier. */
  readonly ended: Int32Array;
  readonly violated: Int32Array;
  readonly #world: World;
  readonly #score: EndpointScore;
  readonly #options: RewardOptions;
  readonly #scaling: ReplicaScaling | undefined;
  readonly #weights: Float64Array;
  readonly #knowsCarbon: boolean;
  readonly #groups: number;
  /** Of those that ended: USD, grams. Of those placed: USD and grams by the estimate of round robin. */
  readonly #sums = new Float64Array(4);
  /** Placements of the interval. */
  placedCount = 0;
  readonly #shares: Float64Array;
  readonly #lastShares: Float64Array;
  #hasShares = false;
  /** Since training began: USD and grams of those that ended, their number; the same by the estimate, placed. */
  readonly #totals = new Float64Array(6);

  /** @param scaling where replicas scale: their price is part of the reward */
  constructor(world: World, score: EndpointScore, options: RewardOptions, scaling?: ReplicaScaling) {
    this.#world = world;
    this.#scaling = scaling;
    this.#score = score;
    this.#options = options;
    const tiers = world.tiers.length;
    this.#groups = world.groups.length;
    const { violationWeights } = options;
    this.#weights = Float64Array.from(
      { length: tiers },
      (_, q) => violationWeights[Math.min(q, violationWeights.length - 1)],
    );
    this.#knowsCarbon = world.endpoints.law.every((law) => law.hasPower);
    this.placedTo = new Int32Array(this.#groups);
    this.placedBy = new Int32Array(tiers * this.#groups);
    this.ended = new Int32Array(tiers);
    this.violated = new Int32Array(tiers);
    this.#shares = new Float64Array(this.#groups);
    this.#lastShares = new Float64Array(this.#groups);
    this.terms.replicas = scaling?.relativePrice ?? 0;
  }

  /** The request that {@link EndpointScore.query} asks about went to an endpoint. Allocates nothing. */
  placed(tier: number, endpoint: number, needsLarge: number): void {
    const group = this.#world.endpoints.group[endpoint];
    this.placedTo[group]++;
    this.placedBy[tier * this.#groups + group]++;
    this.placedCount++;
    const { query, table, classes } = this.#score;
    const tokens = query[TOKENS];
    const outputs = query[OUTPUTS];
    let count = 0;
    let usd = 0;
    let grams = 0;
    for (let c = 0; c < classes.count; c++) {
      const members = classes.admissible[c];
      if (members === 0 || classes.large[c] < needsLarge) continue;
      const row = ROW * classes.first[c];
      count += members;
      usd += members * (tokens * table[row + USD_PROMPT] + outputs * table[row + USD_OUTPUT]);
      grams += members * (tokens * table[row + GRAMS_PROMPT] + outputs * table[row + GRAMS_OUTPUT]);
    }
    if (count === 0) return;
    this.#sums[2] += usd / count;
    this.#sums[3] += grams / count;
  }

  /** The request of {@link World.completed} has ended. Allocates nothing. */
  completed(tier: number): void {
    const { sloMet, costUsd, carbonGrams } = this.#world.completed;
    this.ended[tier]++;
    if (!sloMet) this.violated[tier]++;
    this.#sums[0] += costUsd;
    if (this.#knowsCarbon) this.#sums[1] += carbonGrams;
  }

  /** Fills {@link requestTerms} with what the request of {@link World.completed} came to. */
  request(tier: number): void {
    const { reference, requestTerms, terms } = this;
    const { sloMet, costUsd, carbonGrams } = this.#world.completed;
    const usd = reference[USD] * reference[USD_FACTOR];
    const grams = reference[GRAMS] * reference[GRAMS_FACTOR];
    requestTerms.violations = sloMet ? 0 : this.#weights[tier];
    requestTerms.cost = usd > 0 ? costUsd / usd : 1;
    requestTerms.carbon = grams > 0 && this.#knowsCarbon ? carbonGrams / grams : 1;
    requestTerms.oscillation = terms.oscillation;
    requestTerms.replicas = terms.replicas;
    requestTerms.reward = rewardOf(requestTerms, this.#options);
  }

  /** Ends the interval: fills {@link terms}. The counts stay until {@link open}. */
  close(): void {
    const { terms, reference } = this;
    const sums = this.#sums;
    let ended = 0;
    terms.violations = 0;
    for (let q = 0; q < this.ended.length; q++) {
      ended += this.ended[q];
      if (this.ended[q] > 0) terms.violations += (this.#weights[q] * this.violated[q]) / this.ended[q];
    }
    if (this.placedCount > 0) {
      follow(reference, USD, sums[2] / this.placedCount, this.#options.referenceSmoothing);
      follow(reference, GRAMS, sums[3] / this.placedCount, this.#options.referenceSmoothing);
    }
    const usd = reference[USD] * reference[USD_FACTOR];
    const grams = reference[GRAMS] * reference[GRAMS_FACTOR];
    terms.cost = ended > 0 && usd > 0 ? sums[0] / ended / usd : 1;
    terms.carbon = ended > 0 && grams > 0 && this.#knowsCarbon ? sums[1] / ended / grams : 1;
    terms.oscillation = this.#oscillation();
    terms.replicas = this.#scaling?.relativePrice ?? 0;
    terms.reward = rewardOf(terms, this.#options);
    const totals = this.#totals;
    totals[0] += sums[0];
    totals[1] += sums[1];
    totals[2] += ended;
    totals[3] += sums[2];
    totals[4] += sums[3];
    totals[5] += this.placedCount;
  }

  /** Begins the next interval. */
  open(): void {
    this.placedTo.fill(0);
    this.placedBy.fill(0);
    this.ended.fill(0);
    this.violated.fill(0);
    this.#sums.fill(0);
    this.placedCount = 0;
  }

  /** Takes what was paid since the start as what round robin pays: {@link reference} gets its factors. */
  calibrate(): void {
    const [usd, grams, ended, estimatedUsd, estimatedGrams, placed] = this.#totals;
    if (ended === 0 || placed === 0) return;
    if (usd > 0 && estimatedUsd > 0) this.reference[USD_FACTOR] = usd / ended / (estimatedUsd / placed);
    if (grams > 0 && estimatedGrams > 0)
      this.reference[GRAMS_FACTOR] = grams / ended / (estimatedGrams / placed);
  }

  #oscillation(): number {
    if (this.placedCount === 0) return 0;
    let distance = 0;
    for (let g = 0; g < this.#groups; g++) {
      this.#shares[g] = this.placedTo[g] / this.placedCount;
      distance += Math.abs(this.#shares[g] - this.#lastShares[g]);
    }
    this.#lastShares.set(this.#shares);
    if (this.#hasShares) return distance / this.#groups;
    this.#hasShares = true;
    return 0;
  }
}

function makeTerms(): RewardTerms {
  return { violations: 0, cost: 1, carbon: 1, oscillation: 0, replicas: 0, reward: 0 };
}

function follow(values: Float64Array, at: number, newest: number, share: number): void {
  values[at] = Number.isNaN(values[at]) ? newest : (1 - share) * values[at] + share * newest;
}
