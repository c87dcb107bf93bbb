/** The last values of a loss, with their median. */
export class LossWindow {
  readonly #values: Float64Array;
  readonly #sorted: Float64Array;
  #count = 0;

  /** @param size how many values count, e.g. 500 */
  constructor(size: number) {
    this.#values = new Float64Array(size);
    this.#sorted = new Float64Array(size);
  }

  /** Values in the window. */
  get length(): number {
    return Math.min(this.#count, this.#values.length);
  }

  push(value: number): void {
    this.#values[this.#count++ % this.#values.length] = value;
  }

  /** The upper median; NaN while the window is empty. Sorts: not for every step. */
  median(): number {
    const length = this.length;
    if (length === 0) return Number.NaN;
    const sorted = this.#sorted.subarray(0, length);
    for (let i = 0; i < length; i++) sorted[i] = this.#values[i];
    sorted.sort();
    return sorted[length >> 1];
  }
}
