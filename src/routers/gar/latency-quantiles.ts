/** Samples after which a quantile is taken anew, of few samples and of many. */
const EVERY_OF_FEW = 16;
const EVERY_OF_MANY = 64;
const MANY = 128;

/**
 * A quantile of the latest samples of each cell, for many cells of which few are ever used: a cell takes memory with
 * its first sample. The quantile is that of rank ceil(q n), taken anew every 16 samples, every 64 from the
 * 128th on.
 */
export class LatencyQuantiles {
  /** By cell; NaN below the least number of samples. */
  readonly values: Float64Array;
  /** Time of the latest sample of each cell. */
  readonly takenAt: Float64Array;
  readonly #rings: (Float64Array | undefined)[];
  readonly #counts: Uint32Array;
  readonly #scratch: Float64Array;
  readonly #quantile: number;
  readonly #least: number;

  constructor(cells: number, quantile: number, samples: number, least: number) {
    this.values = new Float64Array(cells).fill(Number.NaN);
    this.takenAt = new Float64Array(cells).fill(Number.NEGATIVE_INFINITY);
    this.#rings = new Array<Float64Array | undefined>(cells).fill(undefined);
    this.#counts = new Uint32Array(cells);
    this.#scratch = new Float64Array(samples);
    this.#quantile = quantile;
    this.#least = Math.min(least, samples);
  }

  add(cell: number, seconds: number, now: number): void {
    let ring = this.#rings[cell];
    if (ring === undefined) {
      ring = new Float64Array(this.#scratch.length);
      this.#rings[cell] = ring;
    }
    const count = this.#counts[cell];
    ring[count % ring.length] = seconds;
    this.#counts[cell] = count + 1;
    this.takenAt[cell] = now;
    const have = count + 1;
    const every = have < MANY ? EVERY_OF_FEW : EVERY_OF_MANY;
    if (have < this.#least || (have !== this.#least && have % every !== 0)) return;
    const n = Math.min(have, ring.length);
    for (let i = 0; i < n; i++) this.#scratch[i] = ring[i];
    this.values[cell] = select(this.#scratch, n, Math.ceil(this.#quantile * n) - 1);
  }
}

/** The value of rank `rank`, from 0, of the first `n` numbers, which it reorders. */
function select(numbers: Float64Array, n: number, rank: number): number {
  let low = 0;
  let high = n - 1;
  while (low < high) {
    const pivot = numbers[(low + high) >> 1];
    let i = low;
    let k = high;
    while (i <= k) {
      while (numbers[i] < pivot) i++;
      while (numbers[k] > pivot) k--;
      if (i > k) break;
      const swapped = numbers[i];
      numbers[i++] = numbers[k];
      numbers[k--] = swapped;
    }
    if (rank <= k) high = k;
    else if (rank >= i) low = i;
    else break;
  }
  return numbers[rank];
}
