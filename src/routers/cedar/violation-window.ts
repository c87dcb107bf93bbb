/**
 * Share of completed requests that missed their objective, by tier, over a sliding window cut into intervals
 * (CEDAR constraint (1)), and the rule that follows from it: fall back after some intervals in a row in which a
 * tier broke its budget, return after some in which none did.
 */
export class ViolationWindow {
  /** Whether the fallback is in force. */
  active = false;
  /** Whether a tier was beyond its budget when the last interval ended. */
  broken = false;
  readonly #tiers: number;
  readonly #intervals: number;
  readonly #budget: number;
  readonly #enterAfter: number;
  readonly #leaveAfter: number;
  /** By interval and tier. */
  readonly #completed: Int32Array;
  readonly #violated: Int32Array;
  #current = 0;
  #inARow = 0;

  /**
   * @param intervals number of control intervals in the window
   * @param budget largest share of violations allowed to a tier; Infinity for no limit
   */
  constructor(
    tiers: number,
    intervals: number,
    budget: number,
    rule: { readonly enterAfter: number; readonly leaveAfter: number },
  ) {
    this.#tiers = tiers;
    this.#intervals = intervals;
    this.#budget = budget;
    this.#enterAfter = rule.enterAfter;
    this.#leaveAfter = rule.leaveAfter;
    this.#completed = new Int32Array(intervals * tiers);
    this.#violated = new Int32Array(intervals * tiers);
  }

  record(tier: number, met: boolean): void {
    const cell = this.#current * this.#tiers + tier;
    this.#completed[cell]++;
    if (!met) this.#violated[cell]++;
  }

  /** Share of violations of a tier in the window; 0 when nothing of it ended. */
  rate(tier: number): number {
    let completed = 0;
    let violated = 0;
    for (let i = 0; i < this.#intervals; i++) {
      completed += this.#completed[i * this.#tiers + tier];
      violated += this.#violated[i * this.#tiers + tier];
    }
    return completed === 0 ? 0 : violated / completed;
  }

  /** Ends an interval: judges the window, then opens the next interval in place of the oldest. */
  close(): void {
    let broken = false;
    for (let tier = 0; tier < this.#tiers; tier++) broken ||= this.rate(tier) > this.#budget;
    this.broken = broken;
    // Intervals in a row that speak against the present state.
    this.#inARow = broken === this.active ? 0 : this.#inARow + 1;
    if (this.#inARow >= (this.active ? this.#leaveAfter : this.#enterAfter)) {
      this.active = !this.active;
      this.#inARow = 0;
    }
    this.#current = (this.#current + 1) % this.#intervals;
    const from = this.#current * this.#tiers;
    this.#completed.fill(0, from, from + this.#tiers);
    this.#violated.fill(0, from, from + this.#tiers);
  }
}
