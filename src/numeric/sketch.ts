import { CompensatedSum } from "./compensated-sum.ts";
import { checkQuantile, interpolate } from "./quantile.ts";

/** Leading bits of the mantissa that tell buckets apart: 2^8 buckets an octave. */
const MANTISSA_BITS = 8;
const SHIFT = 20 - MANTISSA_BITS;
const OCTAVE = 2 ** MANTISSA_BITS;
/** Magnitudes below 2^-30 (9.3e-10) count as zero, those from 2^30 (1.07e9) on as overflow. */
const LOWEST = (1023 - 30) * OCTAVE;
const HIGHEST = (1023 + 30) * OCTAVE;

const FLOAT = new Float64Array(1);
const WORDS = new Int32Array(FLOAT.buffer);
/** Where the word with sign and exponent lies. */
const HIGH_WORD = new Uint8Array(Int32Array.of(1).buffer)[0] === 1 ? 1 : 0;

/** Values whose plain sum is taken before it goes into the compensated one. */
const CHUNK = 1024;

/** A sketch as plain JSON; `buckets` holds [index, count] of the buckets in use. */
export interface QuantileSketchJson {
  readonly format: "canopy/quantile-sketch/1";
  readonly count: number;
  readonly sum: number;
  /** null when the sketch is empty. */
  readonly min: number | null;
  readonly max: number | null;
  readonly zeros: number;
  readonly positive: BucketsJson;
  readonly negative: BucketsJson;
}

/** One sign's buckets as plain JSON. */
export interface BucketsJson {
  readonly overflow: number;
  readonly buckets: readonly (readonly [index: number, count: number])[];
}

/**
 * Quantiles of a stream in constant memory, with the guarantee of DDSketch (Masson, Rim and Lee, VLDB 2019) that a
 * reported value is within a fixed relative error of the true one, here 0.2 %.
 *
 * The bucket of a value is read off the bits of its float64: exponent and the first 8 bits of the mantissa, so a
 * bucket is at most 2^-8 of its values wide and its middle at most 2^-9 (0.195 %) off. Covered are magnitudes from
 * 2^-30 (9.3e-10) to 2^30 (1.07e9); smaller ones count as 0, greater ones are reported as the smallest or greatest
 * value seen. Count, minimum and maximum are exact and the sum is compensated. Counts are allocated by octave as
 * values come, 2 KiB an octave and sign.
 *
 * `add` takes 5.5 ns for log-normal values into one sketch and 6.5 ns into eight in turn (median of 40 rounds of
 * 2^20 adds, Node 20.20, one core of a shared Xeon on which adding up the same array takes 1.0 ns a value).
 */
export class QuantileSketch {
  readonly #positive = new Buckets();
  readonly #negative = new Buckets();
  #zeros = 0;
  /** Count and sum of the closed chunks. */
  #closed = 0;
  readonly #sum = new CompensatedSum();
  /** Values that the open chunk still takes, and the sum of those it has. */
  #room = CHUNK;
  #chunkSum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  /** Number of values added. */
  get count(): number {
    return this.#closed + (CHUNK - this.#room);
  }

  /** Sum of the values added. */
  get sum(): number {
    return this.#sum.value + this.#chunkSum;
  }

  /** Mean of the values added; NaN when there are none. */
  get mean(): number {
    return this.sum / this.count;
  }

  /** Smallest value added; Infinity when there are none. */
  get min(): number {
    return this.#min;
  }

  /** Greatest value added; -Infinity when there are none. */
  get max(): number {
    return this.#max;
  }

  /** Adds a value. @throws RangeError if it is not finite */
  add(value: number): void {
    const buckets = this.#positive;
    const counts = buckets.counts;
    const at = bucketIndex(value) - buckets.first;
    if (at >= 0 && at < counts.length) counts[at]++;
    else this.#countAside(value);
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
    this.#chunkSum += value;
    if (--this.#room === 0) this.#closeChunk();
  }

  /**
   * Quantile by interpolation at h = (count - 1) q (type 7) between bucket middles; NaN when the sketch is empty.
   * Quantiles 0 and 1 are exact.
   *
   * @param q in 0..1
   * @throws RangeError if q is outside 0..1
   */
  quantile(q: number): number {
    checkQuantile(q);
    if (this.count === 0) return Number.NaN;
    const h = (this.count - 1) * q;
    const low = Math.floor(h);
    const lower = this.#atRank(low);
    return h === low ? lower : interpolate(lower, this.#atRank(low + 1), h - low);
  }

  /** Adds what `other` holds, as if its values had been added here; `other` stays as it is. */
  merge(other: QuantileSketch): void {
    this.#positive.merge(other.#positive);
    this.#negative.merge(other.#negative);
    this.#zeros += other.#zeros;
    this.#closed += other.count;
    this.#min = Math.min(this.#min, other.#min);
    this.#max = Math.max(this.#max, other.#max);
    this.#sum.add(other.#sum.value);
    this.#sum.add(other.#chunkSum);
  }

  toJSON(): QuantileSketchJson {
    const empty = this.count === 0;
    return {
      format: "canopy/quantile-sketch/1",
      count: this.count,
      sum: this.sum,
      min: empty ? null : this.#min,
      max: empty ? null : this.#max,
      zeros: this.#zeros,
      positive: this.#positive.toJSON(),
      negative: this.#negative.toJSON(),
    };
  }

  /** The sketch that `toJSON` wrote. */
  static fromJSON(json: QuantileSketchJson): QuantileSketch {
    const sketch = new QuantileSketch();
    sketch.#positive.fill(json.positive);
    sketch.#negative.fill(json.negative);
    sketch.#zeros = json.zeros;
    sketch.#closed = json.count;
    sketch.#sum.add(json.sum);
    sketch.#min = json.min ?? Number.POSITIVE_INFINITY;
    sketch.#max = json.max ?? Number.NEGATIVE_INFINITY;
    return sketch;
  }

  /** Counts a value that the buckets allocated so far do not hold. */
  #countAside(value: number): void {
    if (!Number.isFinite(value)) throw new RangeError(`QuantileSketch.add: the value is ${value}`);
    const index = bucketIndex(Math.abs(value));
    if (index < LOWEST) this.#zeros++;
    else if (value > 0) this.#positive.count(index, 1);
    else this.#negative.count(index, 1);
  }

  #closeChunk(): void {
    this.#closed += CHUNK - this.#room;
    this.#room = CHUNK;
    this.#sum.add(this.#chunkSum);
    this.#chunkSum = 0;
  }

  /** Estimate of the value at a place of the sorted values, counted from 0. */
  #atRank(rank: number): number {
    if (rank === 0) return this.#min;
    if (rank === this.count - 1) return this.#max;
    return Math.min(this.#max, Math.max(this.#min, this.#middleAt(rank)));
  }

  #middleAt(rank: number): number {
    const below = this.#negative.total;
    if (rank < below) return -this.#negative.middleAt(below - 1 - rank);
    const aboveZeros = rank - below - this.#zeros;
    return aboveZeros < 0 ? 0 : this.#positive.middleAt(aboveZeros);
  }
}

/** Counts of one sign, by bucket of the magnitude. */
class Buckets {
  /** Index of the bucket that `counts[0]` counts; a whole octave. */
  first = LOWEST;
  /** float64: counts stay exact up to 2^53. */
  counts = new Float64Array(0);
  overflow = 0;

  get total(): number {
    let total = this.overflow;
    for (const count of this.counts) total += count;
    return total;
  }

  /** @param index at least LOWEST */
  count(index: number, times: number): void {
    if (index >= HIGHEST) {
      this.overflow += times;
      return;
    }
    if (index < this.first || index >= this.first + this.counts.length) this.#cover(index);
    this.counts[index - this.first] += times;
  }

  merge(other: Buckets): void {
    this.overflow += other.overflow;
    for (let at = 0; at < other.counts.length; at++) {
      if (other.counts[at] > 0) this.count(other.first + at, other.counts[at]);
    }
  }

  /** Middle of the bucket that holds a place of the sorted magnitudes, Infinity for the overflow. */
  middleAt(rank: number): number {
    let left = rank;
    for (let at = 0; at < this.counts.length; at++) {
      left -= this.counts[at];
      if (left < 0) return bucketMiddle(this.first + at);
    }
    return Number.POSITIVE_INFINITY;
  }

  toJSON(): BucketsJson {
    const buckets: [number, number][] = [];
    for (let at = 0; at < this.counts.length; at++) {
      if (this.counts[at] > 0) buckets.push([this.first + at, this.counts[at]]);
    }
    return { overflow: this.overflow, buckets };
  }

  fill(json: BucketsJson): void {
    this.overflow = json.overflow;
    for (const [index, count] of json.buckets) this.count(index, count);
  }

  /** Allocates whole octaves up to the one of `index`. */
  #cover(index: number): void {
    const octave = index - (index % OCTAVE);
    const empty = this.counts.length === 0;
    const first = empty ? octave : Math.min(this.first, octave);
    const end = empty ? octave + OCTAVE : Math.max(this.first + this.counts.length, octave + OCTAVE);
    const counts = new Float64Array(end - first);
    if (!empty) counts.set(this.counts, this.first - first);
    this.first = first;
    this.counts = counts;
  }
}

/** Exponent and leading mantissa bits; above `HIGHEST` for a negative value and for one that is not finite. */
function bucketIndex(value: number): number {
  FLOAT[0] = value;
  return WORDS[HIGH_WORD] >>> SHIFT;
}

function bucketMiddle(index: number): number {
  const mantissa = index % OCTAVE;
  const exponent = (index - mantissa) / OCTAVE - 1023;
  return 2 ** exponent * (1 + (mantissa + 0.5) / OCTAVE);
}
