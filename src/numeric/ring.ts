import { CompensatedSum } from "./compensated-sum.ts";
import { quantileSorted } from "./quantile.ts";

/**
 * The (time, value) pairs of the last `windowSeconds`: a ring that is allocated once and doubles when full.
 *
 * A pair of time t is in the window (now - windowSeconds, now], so that consecutive windows share no pair. `add`
 * and `advance` cost O(1) amortised; quantiles sort and are meant to be asked rarely.
 */
export class SlidingWindow {
  readonly windowSeconds: number;
  #times: Float64Array;
  #values: Float64Array;
  #first = 0;
  #count = 0;
  #latest = Number.NEGATIVE_INFINITY;
  readonly #sum = new CompensatedSum();
  #scratch = new Float64Array(0);

  /**
   * @param windowSeconds length of the window, above 0
   * @param capacity pairs that fit before the first doubling
   * @throws RangeError if the length is not above 0
   */
  constructor(windowSeconds: number, capacity = 64) {
    if (!(windowSeconds > 0)) {
      throw new RangeError(`SlidingWindow: windowSeconds ${windowSeconds}, expected above 0`);
    }
    this.windowSeconds = windowSeconds;
    // A power of two lets `& mask` stand for the remainder.
    const room = 2 ** Math.ceil(Math.log2(Math.max(2, capacity)));
    this.#times = new Float64Array(room);
    this.#values = new Float64Array(room);
  }

  /** Number of pairs in the window. */
  get count(): number {
    return this.#count;
  }

  /** Sum of the values in the window; 0 when it is empty. */
  get sum(): number {
    return this.#sum.value;
  }

  /** Mean of the values in the window; NaN when it is empty. */
  get mean(): number {
    return this.#count === 0 ? Number.NaN : this.sum / this.#count;
  }

  /**
   * Adds a pair and drops those that are older than the window.
   *
   * @param timeSeconds not before the latest time given to `add` or `advance`
   * @throws RangeError if the time goes backwards or a number is not finite
   */
  add(timeSeconds: number, value: number): void {
    if (!Number.isFinite(value)) throw new RangeError(`SlidingWindow.add: the value is ${value}`);
    this.advance(timeSeconds);
    if (this.#count === this.#times.length) this.#grow();
    const at = (this.#first + this.#count) & (this.#times.length - 1);
    this.#times[at] = timeSeconds;
    this.#values[at] = value;
    this.#count++;
    this.#sum.add(value);
  }

  /**
   * Moves the end of the window to `nowSeconds` and drops what is older than the window.
   *
   * @throws RangeError if the time goes backwards or is not finite
   */
  advance(nowSeconds: number): void {
    if (!(nowSeconds >= this.#latest) || nowSeconds === Number.POSITIVE_INFINITY) {
      throw new RangeError(`SlidingWindow: time ${nowSeconds} after ${this.#latest}`);
    }
    this.#latest = nowSeconds;
    const mask = this.#times.length - 1;
    while (this.#count > 0 && this.#times[this.#first] <= nowSeconds - this.windowSeconds) {
      this.#sum.add(-this.#values[this.#first]);
      this.#first = (this.#first + 1) & mask;
      this.#count--;
    }
    if (this.#count === 0) this.#sum.clear();
  }

  /** Quantile of the values in the window (type 7); NaN when it is empty. Costs a sort. */
  quantile(q: number): number {
    if (this.#scratch.length < this.#count) this.#scratch = new Float64Array(this.#times.length);
    const mask = this.#times.length - 1;
    for (let i = 0; i < this.#count; i++) this.#scratch[i] = this.#values[(this.#first + i) & mask];
    return quantileSorted(this.#scratch.subarray(0, this.#count).sort(), q);
  }

  /** 95th percentile of the values in the window (type 7); NaN when it is empty. */
  p95(): number {
    return this.quantile(0.95);
  }

  /** Drops every pair and forgets the latest time. */
  clear(): void {
    this.#first = 0;
    this.#count = 0;
    this.#sum.clear();
    this.#latest = Number.NEGATIVE_INFINITY;
  }

  #grow(): void {
    const room = this.#times.length;
    const times = new Float64Array(2 * room);
    const values = new Float64Array(2 * room);
    for (let i = 0; i < this.#count; i++) {
      const at = (this.#first + i) & (room - 1);
      times[i] = this.#times[at];
      values[i] = this.#values[at];
    }
    this.#times = times;
    this.#values = values;
    this.#first = 0;
  }
}
