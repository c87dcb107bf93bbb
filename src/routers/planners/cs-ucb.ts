/**
 * Upper confidence bounds over arms of which only feasible ones are taken (PerLLM, arXiv 2405.14636): the largest
 * mean + delta sqrt(ln t / n), arms that were never taken first. Arms are numbered within groups (classes of
 * requests); t counts what was taken in a group.
 */
export class ConstrainedUcb {
  readonly #arms: number;
  readonly #delta: number;
  readonly #counts: Float64Array;
  readonly #means: Float64Array;

  /** @param arms of each group */
  constructor(groups: number, arms: number, delta: number) {
    this.#arms = arms;
    this.#delta = delta;
    this.#counts = new Float64Array(groups * arms);
    this.#means = new Float64Array(groups * arms);
  }

  /**
   * The arm to take; -1 where none is feasible.
   *
   * @param feasible by arm, not 0 where it may be taken
   * @param penalties by arm, taken off the bound
   */
  choose(group: number, feasible: ArrayLike<number>, penalties?: ArrayLike<number>): number {
    const from = group * this.#arms;
    let taken = 0;
    for (let a = 0; a < this.#arms; a++) taken += this.#counts[from + a];
    let best = -1;
    let most = Number.NEGATIVE_INFINITY;
    for (let a = 0; a < this.#arms; a++) {
      if (feasible[a] === 0) continue;
      const count = this.#counts[from + a];
      const bound =
        count === 0 ? Number.POSITIVE_INFINITY : ucbIndex(this.#means[from + a], this.#delta, taken, count);
      const value = bound - (penalties?.[a] ?? 0);
      if (best < 0 || value > most) {
        best = a;
        most = value;
      }
    }
    return best;
  }

  /** Takes a reward into an arm's running mean. */
  learn(group: number, arm: number, reward: number): void {
    const at = group * this.#arms + arm;
    this.#means[at] += (reward - this.#means[at]) / ++this.#counts[at];
  }

  /** Multiplies all counts, so that new rewards weigh more than old ones. */
  forget(factor: number): void {
    for (let at = 0; at < this.#counts.length; at++) this.#counts[at] *= factor;
  }
}

/** @param taken all times so far, @param count times this arm; counts that have decayed below one in all add nothing */
export function ucbIndex(mean: number, delta: number, taken: number, count: number): number {
  return mean + delta * Math.sqrt(Math.max(0, Math.log(taken)) / count);
}
