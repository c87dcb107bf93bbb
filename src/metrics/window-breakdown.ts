import type { RecordColumns, RecordSink } from "../simulator/options.ts";
import type { Tier } from "../workload/requests.ts";
import { ShareOscillation } from "./oscillation.ts";

/** A stretch of a run: requests that arrive in [fromSeconds, toSeconds). */
export interface TimeWindow {
  readonly name: string;
  readonly fromSeconds: number;
  readonly toSeconds: number;
}

/** CEDAR's control interval, in seconds. */
const INTERVAL = 10;

/** Sums of one window. */
class WindowSums {
  readonly window: TimeWindow;
  readonly counted: Float64Array;
  readonly violated: Float64Array;
  readonly oscillation: ShareOscillation;
  finished = 0;
  usd = 0;
  grams = 0;

  constructor(window: TimeWindow, tiers: number, groups: number) {
    this.window = window;
    this.counted = new Float64Array(tiers);
    this.violated = new Float64Array(tiers);
    this.oscillation = new ShareOscillation(groups, INTERVAL);
  }
}

/**
 * Service level, cost, carbon and oscillation of stretches of a run, by time of arrival. Cost and carbon are those
 * attributed to the requests; requests without an end count as violated.
 */
export class WindowBreakdown implements RecordSink {
  readonly #sums: readonly WindowSums[];
  readonly #tiers: readonly Tier[];
  readonly #latency: "ttft" | "e2e";
  readonly #groupOf: ArrayLike<number>;
  #columns: RecordColumns | undefined;

  /** @param options.groupOf group of each endpoint */
  constructor(
    windows: readonly TimeWindow[],
    options: {
      readonly tiers: readonly Tier[];
      readonly latency: "ttft" | "e2e";
      readonly groupOf: ArrayLike<number>;
      readonly groups: number;
    },
  ) {
    const { tiers, latency, groupOf, groups } = options;
    this.#sums = windows.map((window) => new WindowSums(window, tiers.length, groups));
    this.#tiers = tiers;
    this.#latency = latency;
    this.#groupOf = groupOf;
  }

  begin(columns: RecordColumns): void {
    this.#columns = columns;
  }

  placed(_request: number, endpoint: number, atSeconds: number): void {
    for (const { window, oscillation } of this.#sums) {
      if (atSeconds < window.fromSeconds || atSeconds >= window.toSeconds) continue;
      oscillation.count(atSeconds - window.fromSeconds, this.#groupOf[endpoint]);
    }
  }

  finished(request: number): void {
    const columns = this.#of();
    const at = columns.arrivalSeconds[request];
    const tier = columns.tier[request];
    const latency = this.#latency === "ttft" ? columns.ttftSeconds[request] : columns.e2eSeconds[request];
    const isLate = latency > this.#tiers[tier].sloSeconds;
    for (const sums of this.#sums) {
      if (at < sums.window.fromSeconds || at >= sums.window.toSeconds) continue;
      sums.counted[tier]++;
      if (isLate) sums.violated[tier]++;
      sums.finished++;
      sums.usd += columns.costUsd[request];
      sums.grams += columns.carbonGrams[request];
    }
  }

  rejected(request: number): void {
    this.unfinished(request);
  }

  unfinished(request: number): void {
    const columns = this.#of();
    const at = columns.arrivalSeconds[request];
    for (const { window, counted, violated } of this.#sums) {
      if (!(at >= window.fromSeconds && at < window.toSeconds)) continue;
      counted[columns.tier[request]]++;
      violated[columns.tier[request]]++;
    }
  }

  weights(): void {}

  /** Name and value of each metric; NaN where nothing of it was there. Ask once, at the end of the run. */
  *metrics(): Generator<[name: string, value: number]> {
    for (const { window, counted, violated, finished, usd, grams, oscillation } of this.#sums) {
      const { name } = window;
      oscillation.finish(window.toSeconds - window.fromSeconds);
      yield [`window_slo_violation_${name}`, sum(violated) / sum(counted)];
      for (const [i, tier] of this.#tiers.entries()) {
        yield [`window_tier_violation_${tier.name}_${name}`, violated[i] / counted[i]];
      }
      yield [`window_cost_usd_per_request_${name}`, usd / finished];
      yield [`window_carbon_g_per_request_${name}`, grams / finished];
      yield [`window_oscillation_10s_${name}`, oscillation.value ?? Number.NaN];
    }
  }

  #of(): RecordColumns {
    if (this.#columns === undefined) throw new Error("a sink got a record before begin");
    return this.#columns;
  }
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}
