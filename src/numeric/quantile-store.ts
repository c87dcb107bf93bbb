import { sumOf } from "./compensated-sum.ts";
import { checkQuantile, quantileSorted } from "./quantile.ts";
import { QuantileSketch } from "./sketch.ts";

/** A list of float64 that doubles its room when full. */
export class GrowingFloat64 {
  #values: Float64Array;
  #length = 0;

  /** @param capacity values that fit before the first doubling */
  constructor(capacity = 64) {
    this.#values = new Float64Array(Math.max(1, capacity));
  }

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const wider = new Float64Array(2 * this.#length);
      wider.set(this.#values);
      this.#values = wider;
    }
    this.#values[this.#length++] = value;
  }

  /** The values so far, as a window on the list itself: valid until the next `push`. */
  view(): Float64Array {
    return this.#values.subarray(0, this.#length);
  }

  /** Forgets the values; the room stays. */
  clear(): void {
    this.#length = 0;
  }
}

export interface QuantileStoreOptions {
  /** `auto`: exact up to `exactUpTo` values, a sketch from then on; `sketch`: a sketch from the start. */
  readonly mode?: "auto" | "sketch";
  /** Values kept before the store turns into a sketch; default 5,000,000 (40 MB). */
  readonly exactUpTo?: number;
}

/**
 * Quantiles of a stream: exact while few enough values came, within 0.2 % afterwards (`QuantileSketch`).
 *
 * While exact the values are sorted in place at the first question after an `add`, so their order of arrival is not
 * kept, and count, sum, and extremes do not depend on it.
 */
export class QuantileStore {
  readonly exactUpTo: number;
  #values: GrowingFloat64 | undefined;
  #isSorted = true;
  #sketch: QuantileSketch | undefined;

  constructor(options: QuantileStoreOptions = {}) {
    this.exactUpTo = options.exactUpTo ?? 5_000_000;
    if (options.mode === "sketch") this.#sketch = new QuantileSketch();
    else this.#values = new GrowingFloat64();
  }

  /** True while every value is kept. */
  get isExact(): boolean {
    return this.#values !== undefined;
  }

  /** Number of values added. */
  get count(): number {
    return this.#values?.length ?? this.#sketch?.count ?? 0;
  }

  /** Sum of the values added. */
  get sum(): number {
    return this.#sketch?.sum ?? sumOf(this.#sorted());
  }

  /** Mean of the values added; NaN when there are none. */
  get mean(): number {
    return this.sum / this.count;
  }

  /** Smallest value added; Infinity when there are none. */
  get min(): number {
    return this.#sketch?.min ?? this.#sorted()[0] ?? Number.POSITIVE_INFINITY;
  }

  /** Greatest value added; -Infinity when there are none. */
  get max(): number {
    return this.#sketch?.max ?? this.#sorted().at(-1) ?? Number.NEGATIVE_INFINITY;
  }

  /** Adds a value. @throws RangeError if it is not finite */
  add(value: number): void {
    const values = this.#values;
    if (values === undefined) {
      this.#sketch?.add(value);
      return;
    }
    if (!Number.isFinite(value)) throw new RangeError(`QuantileStore.add: the value is ${value}`);
    values.push(value);
    this.#isSorted = false;
    if (values.length > this.exactUpTo) this.#becomeSketch();
  }

  /**
   * Quantile of type 7; NaN when the store is empty.
   *
   * @param q in 0..1
   * @throws RangeError if q is outside 0..1
   */
  quantile(q: number): number {
    checkQuantile(q);
    return this.#sketch?.quantile(q) ?? quantileSorted(this.#sorted(), q);
  }

  /** The values in ascending order, valid until the next `add`; undefined once the store is a sketch. */
  sortedValues(): Float64Array | undefined {
    return this.isExact ? this.#sorted() : undefined;
  }

  /** What the store holds as a sketch of its own, e.g. to send it on as JSON. */
  toSketch(): QuantileSketch {
    const sketch = new QuantileSketch();
    if (this.#sketch !== undefined) sketch.merge(this.#sketch);
    else for (const value of this.#sorted()) sketch.add(value);
    return sketch;
  }

  /** Adds what `other` holds; stays exact only if both are exact and their values fit. */
  merge(other: QuantileStore): void {
    const sketch = other.#sketch;
    if (sketch === undefined) {
      for (const value of other.#sorted()) this.add(value);
      return;
    }
    this.#becomeSketch().merge(sketch);
  }

  #becomeSketch(): QuantileSketch {
    const sketch = this.#sketch ?? this.toSketch();
    this.#sketch = sketch;
    this.#values = undefined;
    return sketch;
  }

  #sorted(): Float64Array {
    const values = this.#values?.view() ?? new Float64Array(0);
    if (!this.#isSorted) values.sort();
    this.#isSorted = true;
    return values;
  }
}
