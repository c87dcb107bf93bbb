/**
 * How many requests of each class went to each group over the last seconds: the realised shares that CEDAR's
 * score holds against the target weights. Counts are kept in buckets of time, so that a placement costs O(1) and
 * nothing is allocated.
 */
export class RealisedShares {
  /** Requests of a class to a group within the window, at [class * groups + group]. */
  readonly counts: Int32Array;
  /** Requests of a class within the window. */
  readonly totals: Int32Array;
  readonly groups: number;
  readonly #buckets: Int32Array;
  readonly #bucketCount: number;
  /** Number of the bucket that is being filled, counted from the start of the run. */
  #current = 0;

  /** @param bucketCount buckets in the window, the one being filled included */
  constructor(classes: number, groups: number, bucketCount: number) {
    this.groups = groups;
    this.counts = new Int32Array(classes * groups);
    this.totals = new Int32Array(classes);
    this.#bucketCount = bucketCount;
    this.#buckets = new Int32Array(bucketCount * classes * groups);
  }

  /** Moves the window so that it ends with this bucket; earlier ones than now change nothing. */
  advanceTo(bucket: number): void {
    if (bucket <= this.#current) return;
    const cells = this.counts.length;
    const first = Math.max(this.#current + 1, bucket - this.#bucketCount + 1);
    for (let b = first; b <= bucket; b++) {
      const from = (b % this.#bucketCount) * cells;
      for (let cell = 0; cell < cells; cell++) {
        const leaving = this.#buckets[from + cell];
        if (leaving === 0) continue;
        this.#buckets[from + cell] = 0;
        this.counts[cell] -= leaving;
        this.totals[Math.floor(cell / this.groups)] -= leaving;
      }
    }
    this.#current = bucket;
  }

  /** Counts a request in the bucket that is being filled. */
  add(requestClass: number, group: number): void {
    const cell = requestClass * this.groups + group;
    this.#buckets[(this.#current % this.#bucketCount) * this.counts.length + cell]++;
    this.counts[cell]++;
    this.totals[requestClass]++;
  }
}
