import type { Fleet } from "../fleet/fleet.ts";
import { type Track, valueAt } from "../signal/series.ts";
import type { RecordColumns, RecordSink } from "../simulator/options.ts";
import type { Tier } from "../workload/requests.ts";

/** What requests can be divided by. */
export const BREAKDOWN_KEYS = ["tier", "prompt-band", "carbon-level"] as const;
export type BreakdownKey = (typeof BREAKDOWN_KEYS)[number];

/** Prompt bands of CAPS, and the least tokens of each. */
const BANDS = ["short", "long", "agentic"] as const;
const BAND_FROM = [0, 256, 2048];
const LEVELS = ["low", "middle", "high"] as const;

/**
 * Carbon and output tokens of the finished requests, by parts. The carbon level of a request is the tercile of the
 * intensity at its arrival among those of its region's series while requests arrive, by time (CAPS, figure 3a).
 */
export class CarbonBreakdown implements RecordSink {
  readonly #by: readonly BreakdownKey[];
  readonly #names: readonly (readonly string[])[];
  readonly #fleet: Fleet;
  readonly #firstCounted: number;
  readonly #terciles: readonly (readonly [number, number])[];
  readonly #grams: Float64Array;
  readonly #tokens: Float64Array;
  #columns: RecordColumns | undefined;

  /** @param arrivalsEndSeconds time of the last arrival @param firstCounted requests with a smaller number are left out */
  constructor(
    by: readonly BreakdownKey[],
    options: {
      readonly fleet: Fleet;
      readonly tiers: readonly Tier[];
      readonly arrivalsEndSeconds: number;
      readonly firstCounted: number;
    },
  ) {
    const { fleet, tiers, arrivalsEndSeconds, firstCounted } = options;
    const names = { tier: tiers.map(({ name }) => name), "prompt-band": BANDS, "carbon-level": LEVELS };
    this.#by = by;
    this.#names = by.map((key) => names[key]);
    this.#fleet = fleet;
    this.#firstCounted = firstCounted;
    this.#terciles = fleet.regions.map(({ carbon }) => tercilesOf(carbon, arrivalsEndSeconds));
    const cells = this.#names.reduce((product, own) => product * own.length, 1);
    this.#grams = new Float64Array(cells);
    this.#tokens = new Float64Array(cells);
  }

  begin(columns: RecordColumns): void {
    this.#columns = columns;
  }

  finished(request: number): void {
    const columns = this.#columns;
    if (columns === undefined) throw new Error("a sink got a record before begin");
    if (columns.id[request] < this.#firstCounted) return;
    let cell = 0;
    for (let i = 0; i < this.#by.length; i++)
      cell = cell * this.#names[i].length + this.#partOf(this.#by[i], columns, request);
    this.#grams[cell] += columns.carbonGrams[request];
    this.#tokens[cell] += columns.producedTokens[request];
  }

  placed(): void {}

  rejected(): void {}

  unfinished(): void {}

  weights(): void {}

  /** Name and value of each part; the value is NaN where nothing of it finished. */
  *metrics(): Generator<[name: string, value: number]> {
    for (let cell = 0; cell < this.#grams.length; cell++) {
      const parts: string[] = [];
      let rest = cell;
      for (let i = this.#names.length - 1; i >= 0; i--) {
        parts.unshift(this.#names[i][rest % this.#names[i].length]);
        rest = Math.floor(rest / this.#names[i].length);
      }
      yield [`carbon_g_per_1k_tokens_${parts.join("_")}`, (1000 * this.#grams[cell]) / this.#tokens[cell]];
    }
  }

  #partOf(key: BreakdownKey, columns: RecordColumns, request: number): number {
    if (key === "tier") return columns.tier[request];
    if (key === "prompt-band") {
      const tokens = columns.promptTokens[request];
      return tokens < BAND_FROM[1] ? 0 : tokens < BAND_FROM[2] ? 1 : 2;
    }
    const { region } = this.#fleet.endpoints[columns.endpoint[request]];
    const intensity = valueAt(this.#fleet.regions[region].carbon, columns.arrivalSeconds[request]);
    const [low, high] = this.#terciles[region];
    return intensity <= low ? 0 : intensity <= high ? 1 : 2;
  }
}

/** Values below which the track is for a third and for two thirds of [0, end]. */
function tercilesOf({ times, values }: Track, end: number): [number, number] {
  const pieces: [value: number, seconds: number][] = [];
  for (let i = 0; i < times.length; i++) {
    const from = i === 0 ? 0 : Math.max(0, times[i]);
    const to = i + 1 < times.length ? Math.min(end, times[i + 1]) : end;
    if (to > from) pieces.push([values[i], to - from]);
  }
  pieces.sort(([a], [b]) => a - b);
  const total = pieces.reduce((sum, [, seconds]) => sum + seconds, 0);
  const below = (share: number) => {
    let seconds = 0;
    for (const [value, own] of pieces) {
      seconds += own;
      if (seconds >= share * total * (1 - 1e-12)) return value;
    }
    return Number.POSITIVE_INFINITY;
  };
  return [below(1 / 3), below(2 / 3)];
}
