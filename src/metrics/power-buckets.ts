/** Mean power over equal buckets of time, which grow when the time does not fit: memory does not depend on it. */
export class PowerBuckets {
  readonly #fromSeconds: number;
  readonly #count: number;
  /** By line, then bucket; a line is there once it has been added to. */
  readonly #joules: Float64Array[] = [];
  #widthSeconds: number;

  /** @param widthSeconds of a bucket at the beginning; doubled as often as it takes */
  constructor(fromSeconds: number, widthSeconds: number, count = 512) {
    this.#fromSeconds = fromSeconds;
    this.#widthSeconds = widthSeconds;
    this.#count = count;
  }

  /** Of a bucket now. */
  get widthSeconds(): number {
    return this.#widthSeconds;
  }

  /** Adds `watts` over a stretch of time; what lies before the first bucket is left out. */
  add(line: number, fromSeconds: number, toSeconds: number, watts: number): void {
    const to = toSeconds - this.#fromSeconds;
    let at = Math.max(0, fromSeconds - this.#fromSeconds);
    if (!(to > at)) return;
    while (to > this.#count * this.#widthSeconds) this.#double();
    this.#joules[line] ??= new Float64Array(this.#count);
    const joules = this.#joules[line];
    const width = this.#widthSeconds;
    for (let bucket = Math.floor(at / width); at < to && bucket < this.#count; bucket++) {
      const end = Math.min(to, (bucket + 1) * width);
      if (end > at) joules[bucket] += watts * (end - at);
      at = Math.max(at, end);
    }
  }

  /** Mean watts of a line's buckets that begin before `toSeconds`, each with the time at which it begins. */
  series(line: number, toSeconds: number): { readonly atSeconds: number; readonly watts: number }[] {
    const width = this.#widthSeconds;
    const span = toSeconds - this.#fromSeconds;
    const buckets = Math.min(this.#count, Math.ceil(span / width - 1e-9));
    return Array.from({ length: Math.max(0, buckets) }, (_, i) => ({
      atSeconds: this.#fromSeconds + i * width,
      watts: (this.#joules[line]?.[i] ?? 0) / Math.min(width, span - i * width),
    }));
  }

  #double(): void {
    for (const joules of this.#joules) {
      if (joules === undefined) continue;
      for (let i = 0; i < this.#count; i++) {
        joules[i] = (joules[2 * i] ?? 0) + (joules[2 * i + 1] ?? 0);
      }
    }
    this.#widthSeconds *= 2;
  }
}
