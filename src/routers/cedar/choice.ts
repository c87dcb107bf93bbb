import { GRAMS_OUTPUT, GRAMS_PROMPT, ROW, USD_OUTPUT, USD_PROMPT } from "./coefficients.ts";
import type { EndpointClasses } from "./endpoint-classes.ts";
import { type EndpointScore, OUTPUTS, TOKENS } from "./score.ts";

/**
 * The choice of {@link EndpointScore.rank} without a look at every endpoint: bit for bit the same endpoint.
 *
 * Cost, carbon, network and penalty are the same all over a class, so only the estimate is left to search by. A
 * block's least coefficients give a lower bound of its members' estimates and scores that holds in floating point
 * too, since every operand is at least 0 and each rounded product and sum grows with its operands. A block is
 * passed over when its bound cannot win, ties to the lower index included.
 */
export class EndpointChoice {
  readonly #score: EndpointScore;
  readonly #classes: EndpointClasses;
  /** Of each class, for the request asked about: cost and carbon; 1 when it competes. */
  readonly #usd: Float64Array;
  readonly #grams: Float64Array;
  readonly #competes: Uint8Array;

  constructor(score: EndpointScore) {
    const { classes } = score;
    this.#score = score;
    this.#classes = classes;
    this.#usd = new Float64Array(classes.count);
    this.#grams = new Float64Array(classes.count);
    this.#competes = new Uint8Array(classes.count);
  }

  /**
   * The endpoint of the lowest score for the score's question, ties to the lower index; where none leaves the
   * slack, that of the lowest estimate. -1 when none is up and not blocked. Allocates nothing.
   *
   * @param needsLarge 1: only endpoints with the large model
   * @param tier whose weights and objective hold
   */
  choose(needsLarge: number, tier: number): number {
    const { query, table } = this.#score;
    const classes = this.#classes;
    const { admissible, first, network, large, group, endpoint, firstBlock, firstPlace } = classes;
    const usd = this.#usd;
    const grams = this.#grams;
    const competes = this.#competes;
    const tokens = query[TOKENS];
    const outputs = query[OUTPUTS];
    const limit = this.#score.limitSeconds(tier);
    classes.sync();

    let count = 0;
    let competing = 0;
    let sumUsd = 0;
    let sumGrams = 0;
    let minUsd = Number.POSITIVE_INFINITY;
    let minGrams = Number.POSITIVE_INFINITY;
    for (let c = 0; c < classes.count; c++) {
      competes[c] = 0;
      if (admissible[c] === 0 || large[c] < needsLarge) continue;
      const row = ROW * first[c];
      const classUsd = tokens * table[row + USD_PROMPT] + outputs * table[row + USD_OUTPUT];
      const classGrams = tokens * table[row + GRAMS_PROMPT] + outputs * table[row + GRAMS_OUTPUT];
      usd[c] = classUsd;
      grams[c] = classGrams;
      count += admissible[c];
      sumUsd += admissible[c] * classUsd;
      sumGrams += admissible[c] * classGrams;
      if (!this.#leavesSlack(c, limit, network[c])) continue;
      competes[c] = 1;
      competing++;
      if (classUsd < minUsd) minUsd = classUsd;
      if (classGrams < minGrams) minGrams = classGrams;
    }
    if (count === 0) return -1;
    if (competing === 0) return this.#fastest(needsLarge);

    const latencyWeight = this.#score.latencyWeight[tier];
    const costWeight = sumUsd > 0 ? (this.#score.costWeight[tier] * count) / sumUsd : 0;
    const carbonWeight = sumGrams > 0 ? (this.#score.carbonWeight[tier] * count) / sumGrams : 0;
    const { wait, prompt, step, leastWait, leastPrompt, leastStep } = classes;
    const { penalty } = this.#score;
    let best = -1;
    let bestScore = Number.POSITIVE_INFINITY;
    for (let c = 0; c < classes.count; c++) {
      if (competes[c] === 0) continue;
      const ownNetwork = network[c];
      const cost = costWeight * (usd[c] - minUsd);
      const carbon = carbonWeight * (grams[c] - minGrams);
      const above = penalty[group[c]];
      for (let b = firstBlock[c]; b < firstBlock[c + 1]; b++) {
        const leastSeconds = leastWait[b] + tokens * leastPrompt[b] + outputs * leastStep[b];
        const bound = latencyWeight * leastSeconds + cost + carbon + above;
        if (bound > bestScore || (bound === bestScore && endpoint[firstPlace[b]] > best)) continue;
        for (let i = firstPlace[b]; i < firstPlace[b + 1]; i++) {
          const seconds = wait[i] + tokens * prompt[i] + outputs * step[i];
          if (seconds + ownNetwork > limit) continue;
          const score = latencyWeight * seconds + cost + carbon + above;
          if (score < bestScore || (score === bestScore && endpoint[i] < best)) {
            bestScore = score;
            best = endpoint[i];
          }
        }
      }
    }
    return best;
  }

  /** Whether a member of the class is fast enough. */
  #leavesSlack(c: number, limit: number, network: number): boolean {
    const { wait, prompt, step, leastWait, leastPrompt, leastStep, firstBlock, firstPlace } = this.#classes;
    const { query } = this.#score;
    const tokens = query[TOKENS];
    const outputs = query[OUTPUTS];
    for (let b = firstBlock[c]; b < firstBlock[c + 1]; b++) {
      if (leastWait[b] + tokens * leastPrompt[b] + outputs * leastStep[b] + network > limit) continue;
      for (let i = firstPlace[b]; i < firstPlace[b + 1]; i++) {
        if (wait[i] + tokens * prompt[i] + outputs * step[i] + network <= limit) return true;
      }
    }
    return false;
  }

  /** The lowest estimate. */
  #fastest(needsLarge: number): number {
    const classes = this.#classes;
    const { wait, prompt, step, leastWait, leastPrompt, leastStep } = classes;
    const { endpoint, firstBlock, firstPlace } = classes;
    const { query } = this.#score;
    const tokens = query[TOKENS];
    const outputs = query[OUTPUTS];
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let c = 0; c < classes.count; c++) {
      if (classes.large[c] < needsLarge) continue;
      for (let b = firstBlock[c]; b < firstBlock[c + 1]; b++) {
        const bound = leastWait[b] + tokens * leastPrompt[b] + outputs * leastStep[b];
        if (bound > least || (bound === least && endpoint[firstPlace[b]] > best)) continue;
        for (let i = firstPlace[b]; i < firstPlace[b + 1]; i++) {
          const seconds = wait[i] + tokens * prompt[i] + outputs * step[i];
          if (seconds < least || (seconds === least && endpoint[i] < best)) {
            least = seconds;
            best = endpoint[i];
          }
        }
      }
    }
    return best;
  }
}
