/** Buckets of a sliding period. */
const BUCKETS = 60;

export interface BudgetWindow {
  /** `window`: the latest requests; `count`: blocks of so many requests; `clock`: the latest seconds. */
  readonly mode: "window" | "count" | "clock";
  readonly requests: number;
  readonly seconds: number;
}

/**
 * Mean emission of the requests that a budget looks at: column {@link mean}, element 0. All memory is taken at once.
 * The sliding period of `clock` moves on in sixtieths.
 */
export class RollingEmissions {
  readonly mean = new Float64Array(1);
  readonly #window: BudgetWindow;
  readonly #sums: Float64Array;
  readonly #counts: Int32Array;
  readonly #total = new Float64Array(1);
  #count = 0;
  #next = 0;
  #bucket = 0;

  constructor(window: BudgetWindow) {
    const slots = window.mode === "clock" ? BUCKETS : window.mode === "window" ? window.requests : 1;
    this.#window = window;
    this.#sums = new Float64Array(slots);
    this.#counts = new Int32Array(slots);
  }

  /**
   * Takes in an emission.
   *
   * @param grams column whose element 0 is the emission
   * @param now seconds, not before the call ahead
   */
  add(grams: Float64Array, now: number): void {
    const { mode, requests, seconds } = this.#window;
    const total = this.#total;
    if (mode === "clock") {
      const bucket = Math.floor((now * BUCKETS) / seconds);
      if (bucket - this.#bucket >= BUCKETS) this.#clear();
      else for (let b = this.#bucket + 1; b <= bucket; b++) this.#empty(b % BUCKETS);
      this.#bucket = bucket;
      this.#next = bucket % BUCKETS;
    } else if (mode === "window") {
      this.#empty(this.#next);
    } else if (this.#count === requests) {
      this.#clear();
    }
    this.#sums[this.#next] += grams[0];
    this.#counts[this.#next]++;
    this.#count++;
    total[0] += grams[0];
    if (mode === "window") {
      this.#next = this.#next + 1 === requests ? 0 : this.#next + 1;
      // The running sum would gather rounding errors for ever.
      if (this.#next === 0) this.#sumAnew();
    }
    this.mean[0] = total[0] / this.#count;
  }

  #empty(slot: number): void {
    this.#total[0] -= this.#sums[slot];
    this.#count -= this.#counts[slot];
    this.#sums[slot] = 0;
    this.#counts[slot] = 0;
    if (this.#count === 0) this.#total[0] = 0;
  }

  #clear(): void {
    this.#sums.fill(0);
    this.#counts.fill(0);
    this.#total[0] = 0;
    this.#count = 0;
  }

  #sumAnew(): void {
    let sum = 0;
    for (let i = 0; i < this.#sums.length; i++) sum += this.#sums[i];
    this.#total[0] = sum;
  }
}

/**
 * A projected subgradient step of a dual: clamp(dual + step * excess, 0, most). Operands are in columns: element `at`
 * of the dual, element 0 of the excess.
 */
export function stepDual(
  dual: Float64Array,
  at: number,
  excess: Float64Array,
  step: Float64Array,
  most: number,
): void {
  const next = dual[at] + step[0] * excess[0];
  dual[at] = next > 0 ? Math.min(next, most) : 0;
}
