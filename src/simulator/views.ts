import type { Fleet } from "../fleet/fleet.ts";
import type { CompletionView, EndpointView, RegionView, SignalView } from "../routers/contract.ts";
import { valueAt } from "../signal/series.ts";
import type { RunOptions } from "./options.ts";

/** The unchanging columns of a fleet's endpoints. */
export function endpointView(fleet: Fleet): EndpointView {
  const { endpoints, models } = fleet;
  const roles = { mixed: 0, prefill: 1, decode: 2 };
  return {
    count: endpoints.length,
    names: endpoints.map((e) => e.name),
    region: Int32Array.from(endpoints, (e) => e.region),
    model: Int32Array.from(endpoints, (e) => e.model),
    group: Int32Array.from(endpoints, (e) => e.group),
    large: Uint8Array.from(endpoints, (e) => (models[e.model].large ? 1 : 0)),
    role: Uint8Array.from(endpoints, (e) => roles[e.role]),
    minReplicas: Int32Array.from(endpoints, (e) => e.minReplicas),
    maxReplicas: Int32Array.from(endpoints, (e) => e.maxReplicas),
    maxRequests: Int32Array.from(endpoints, (e) => e.batching.maxRequests),
    kvTokens: Float64Array.from(endpoints, (e) => e.batching.kvBlocks * e.batching.blockTokens),
    maxModelTokens: Int32Array.from(endpoints, (e) => e.maxModelTokens),
    maxOutstanding: Float64Array.from(endpoints, (e) => e.maxOutstanding),
    usdPerReplicaSecond: Float64Array.from(endpoints, (e) => e.usdPerReplicaHour / 3600),
    roundTripSeconds: Float64Array.from(endpoints, (e) => e.roundTripSeconds),
    law: endpoints.map((e) => e.law),
  };
}

/** The unchanging columns of a fleet's regions. */
export function regionView({ regions }: Fleet): RegionView {
  return {
    pue: Float64Array.from(regions, ({ pue }) => pue),
    siteLitresPerItKwh: Float64Array.from(regions, ({ water }) => water?.siteLitresPerItKwh ?? Number.NaN),
    gridLitresPerKwh: Float64Array.from(regions, ({ water }) => water?.gridLitresPerKwh ?? Number.NaN),
  };
}

/** Signals as last fetched by the gateway. */
export class Signals implements SignalView {
  readonly regions: readonly string[];
  readonly signal: "average" | "marginal";
  readonly carbon: Float64Array;
  readonly energyPrice: Float64Array;
  readonly #options: RunOptions;
  readonly #clock: { readonly now: number };

  constructor(options: RunOptions, clock: { readonly now: number }) {
    const { regions } = options.fleet;
    this.#options = options;
    this.#clock = clock;
    this.regions = regions.map((r) => r.name);
    this.signal = options.signal;
    this.carbon = new Float64Array(regions.length);
    this.energyPrice = new Float64Array(regions.length);
  }

  fetch(t: number): void {
    const { regions } = this.#options.fleet;
    for (let r = 0; r < regions.length; r++) {
      this.carbon[r] = valueAt(regions[r].carbon, t);
      const price = regions[r].energyPrice;
      this.energyPrice[r] = price === null ? 0 : valueAt(price, t);
    }
  }

  forecastCarbon(region: number, aheadSeconds: number): number {
    const { forecastCarbon } = this.#options;
    const now = this.#clock.now;
    if (forecastCarbon !== null) return forecastCarbon(region, now, aheadSeconds);
    return valueAt(this.#options.fleet.regions[region].carbon, now + aheadSeconds);
  }
}

/** The completion that is being reported. */
export class Completion implements CompletionView {
  endpoint = -1;
  ttftSeconds = 0.5;
  e2eSeconds = 0.5;
  finishedAtSeconds = 0.5;
  promptTokens = 0;
  outputTokens = 0;
  energyJoules = 0.5;
  costUsd = 0.5;
  carbonGrams = 0.5;
  sloMet = false;
  correct = Number.NaN;
}
