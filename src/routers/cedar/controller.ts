import { limitStep, softmin } from "../../numeric/simplex.ts";
import type { World } from "../contract.ts";
import { BUDGET, type EndpointScore, OUTPUTS, TOKENS } from "./score.ts";

export interface ControllerOptions {
  readonly softminTemperature: number;
  /** Largest change of a weight in one control interval. */
  readonly weightStep: number;
}

/**
 * CEDAR's heuristic controller (specification section 5): every control interval it gives each tier target weights
 * over the groups. The score of a group is that of its best endpoint for a request of the tier's running mean
 * size; the target is the softmin of the scores, approached by a bounded step. Where only a part of a tier's
 * requests needs the large model, the targets with and without that need are mixed in that proportion.
 *
 * The term of the score that holds realised against target shares is left out here: a target that avoided itself
 * would swing.
 */
export class WeightController {
  /** Target weights of each tier over the groups; uniform over those that may serve before the first interval. */
  readonly targets: readonly Float64Array[];
  readonly #world: World;
  readonly #score: EndpointScore;
  readonly #options: ControllerOptions;
  readonly #candidates: readonly [all: Int32Array, large: Int32Array];
  /** By tier: arrivals, sum of prompt tokens, arrivals that needed the large model. */
  readonly #arrivals: Float64Array;
  readonly #tokens: Float64Array;
  readonly #largeArrivals: Float64Array;
  readonly #noneBlocked: Uint8Array;
  readonly #groupScores: Float64Array;
  readonly #shares: Float64Array;
  readonly #goal: Float64Array;

  constructor(
    world: World,
    score: EndpointScore,
    candidates: readonly [all: Int32Array, large: Int32Array],
    options: ControllerOptions,
  ) {
    this.#world = world;
    this.#score = score;
    this.#options = options;
    this.#candidates = candidates;
    const tiers = world.tiers.length;
    const groups = world.groups.length;
    const serving = new Set(Array.from(candidates[0], (e) => world.endpoints.group[e]));
    const even = Float64Array.from({ length: groups }, (_, g) => (serving.has(g) ? 1 / serving.size : 0));
    this.targets = world.tiers.map(() => Float64Array.from(even));
    this.#arrivals = new Float64Array(tiers);
    this.#tokens = new Float64Array(tiers);
    this.#largeArrivals = new Float64Array(tiers);
    this.#noneBlocked = new Uint8Array(world.endpoints.count);
    this.#groupScores = new Float64Array(groups);
    this.#shares = new Float64Array(groups);
    this.#goal = new Float64Array(groups);
  }

  /** Takes a request into the running means of its tier. */
  arrived(request: number): void {
    const { tier, promptTokens, needsLarge } = this.#world.requests;
    const q = tier[request];
    this.#arrivals[q] += 1;
    this.#tokens[q] += promptTokens[request];
    this.#largeArrivals[q] += needsLarge[request];
  }

  /**
   * Moves the targets of every tier.
   *
   * @param meanOutputs outputs expected of a request
   * @param fallback true: the weights of a least-loaded policy, taken at once and without the bound
   */
  update(meanOutputs: number, fallback: boolean): void {
    for (let tier = 0; tier < this.targets.length; tier++) {
      const seen = this.#arrivals[tier];
      const largeShare = seen > 0 ? this.#largeArrivals[tier] / seen : 0;
      const { query } = this.#score;
      query[TOKENS] = seen > 0 ? this.#tokens[tier] / seen : this.#world.meanPromptTokens;
      query[OUTPUTS] = meanOutputs;
      query[BUDGET] = this.#world.tiers[tier].sloSeconds;
      this.#goal.fill(0);
      let reached = this.#addGoal(tier, 0, 1 - largeShare, fallback);
      reached += this.#addGoal(tier, 1, largeShare, fallback);
      if (reached === 0) continue;
      for (let g = 0; g < this.#goal.length; g++) this.#goal[g] /= reached;
      const target = this.targets[tier];
      if (fallback) target.set(this.#goal);
      else limitStep(target, this.#goal, this.#options.weightStep, target);
    }
  }

  /** Adds the shares of one kind of request to the goal; the weight it could add, 0 when nobody may serve it. */
  #addGoal(tier: number, needsLarge: 0 | 1, weight: number, fallback: boolean): number {
    if (weight === 0) return 0;
    const known = fallback ? this.#freePlaces(needsLarge) : this.#softminShares(tier, needsLarge);
    if (!known) return 0;
    for (let g = 0; g < this.#goal.length; g++) this.#goal[g] += weight * this.#shares[g];
    return weight;
  }

  #softminShares(tier: number, needsLarge: 0 | 1): boolean {
    const { group } = this.#world.endpoints;
    const { up } = this.#world.telemetry;
    const candidates = this.#candidates[needsLarge];
    this.#score.penalty.fill(0);
    if (this.#score.rank(candidates, this.#noneBlocked, tier) < 0) return false;
    const { rivals, rivalCount } = this.#score;
    this.#groupScores.fill(Number.POSITIVE_INFINITY);
    for (let i = 0; i < rivalCount; i++) this.#lower(group[rivals[i]], this.#score.scoreOf(i));
    if (rivalCount === 0) {
      const slo = this.#world.tiers[tier].sloSeconds;
      for (let i = 0; i < candidates.length; i++) {
        const e = candidates[i];
        if (up[e] === 1) this.#lower(group[e], this.#score.estimateOf(e) / slo);
      }
    }
    return softmin(this.#groupScores, this.#options.softminTemperature, this.#shares);
  }

  #lower(group: number, score: number): void {
    if (score < this.#groupScores[group]) this.#groupScores[group] = score;
  }

  /** Least-loaded weights: proportional to the places free in the batches of each group. */
  #freePlaces(needsLarge: 0 | 1): boolean {
    const { group, maxRequests } = this.#world.endpoints;
    const { up, replicas, utilisation } = this.#world.telemetry;
    const candidates = this.#candidates[needsLarge];
    this.#shares.fill(0);
    let total = 0;
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      if (up[e] === 0 || replicas[e] === 0) continue;
      const free = replicas[e] * maxRequests[e] * Math.max(0, 1 - utilisation[e]);
      this.#shares[group[e]] += free;
      total += free;
    }
    if (total === 0) return false;
    for (let g = 0; g < this.#shares.length; g++) this.#shares[g] /= total;
    return true;
  }
}
