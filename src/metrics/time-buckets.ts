/**
 * Counts by group over time in at most 256 buckets of equal width: the width starts at 0.1 s and doubles whenever time
 * runs past the last bucket, so that a run of any length leaves a small series.
 */
export class TimeBuckets {
  readonly groups: number;
  #widthSeconds = 0.1;
  #used = 0;
  readonly #counts: Float64Array;

  constructor(groups: number) {
    this.groups = groups;
    this.#counts = new Float64Array(MOST_BUCKETS * groups);
  }

  /** @param timeSeconds at least 0 */
  count(timeSeconds: number, group: number): void {
    let bucket = Math.floor(timeSeconds / this.#widthSeconds);
    while (bucket >= MOST_BUCKETS) {
      this.#widen();
      bucket = Math.floor(timeSeconds / this.#widthSeconds);
    }
    this.#counts[bucket * this.groups + group]++;
    if (bucket >= this.#used) this.#used = bucket + 1;
  }

  /** Counts of each group by bucket, and the width of a bucket in seconds. */
  series(): { readonly widthSeconds: number; readonly counts: readonly (readonly number[])[] } {
    const counts = Array.from({ length: this.groups }, (_, group) =>
      Array.from({ length: this.#used }, (_, bucket) => this.#counts[bucket * this.groups + group]),
    );
    return { widthSeconds: this.#widthSeconds, counts };
  }

  #widen(): void {
    const { groups } = this;
    this.#widthSeconds *= 2;
    this.#used = Math.ceil(this.#used / 2);
    for (let bucket = 0; bucket < MOST_BUCKETS / 2; bucket++) {
      for (let group = 0; group < groups; group++) {
        const from = 2 * bucket * groups + group;
        this.#counts[bucket * groups + group] = this.#counts[from] + this.#counts[from + groups];
      }
    }
    this.#counts.fill(0, (MOST_BUCKETS / 2) * groups);
  }
}

const MOST_BUCKETS = 256;
