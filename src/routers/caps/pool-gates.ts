import type { World } from "../contract.ts";
import { CarbonWindow, lowCarbonHour, secondsToNextHour } from "./carbon-window.ts";
import type { CapsParameters } from "./parameters.ts";
import { BP, CP, LP } from "./pools.ts";
import { RegionMix } from "./region-mix.ts";

const HOUR = 3600;

/**
 * Which pools let requests go, by the carbon signal: the low-carbon pool at or below its threshold, the delay-tolerant
 * pool in the low-carbon hours of the forecast, the low-latency pool always.
 */
export class PoolGates {
  /** 1 where a pool lets requests go. */
  readonly open = Uint8Array.of(1, 1, 1);
  /** Intensity that the score reckons with, by pool, in g/kWh: now, or at the planned start. */
  readonly intensity = new Float64Array(3);
  /** Mean of the last 24 h over all endpoints, in g/kWh. */
  readonly meanIntensity = new Float64Array(1);
  /** Seconds at which the delay-tolerant pool's window opens; now, while it is open. */
  readonly windowStart = new Float64Array(1);
  readonly #world: World;
  readonly #p: Pick<CapsParameters, "windowShare">;
  readonly #carbon: boolean;
  readonly #mixes: readonly RegionMix[];
  readonly #gate: CarbonWindow;
  readonly #fleetMix: RegionMix;
  readonly #fleet: CarbonWindow;
  /** Forecast of the delay-tolerant pool: the hour under way, then those that follow. */
  readonly #forecast: Float64Array;

  /** @param carbon false: all pools are open at all times */
  constructor(
    world: World,
    pools: readonly Int32Array[],
    p: Pick<CapsParameters, "thresholdQuantile" | "windowHours" | "windowShare">,
    carbon: boolean,
  ) {
    this.#world = world;
    this.#p = p;
    this.#carbon = carbon;
    this.#mixes = pools.map((endpoints) => new RegionMix(world, endpoints));
    this.#gate = new CarbonWindow(p.thresholdQuantile);
    this.#fleetMix = new RegionMix(world, Int32Array.from(pools.flatMap((pool) => [...pool])));
    this.#fleet = new CarbonWindow(p.thresholdQuantile);
    this.#forecast = new Float64Array(p.windowHours);
  }

  /** Takes a fetch of the signals in. */
  observe(nowSeconds: number): void {
    this.#gate.observe(nowSeconds, this.#mixes[CP].now());
    this.#fleet.observe(nowSeconds, this.#fleetMix.now());
    this.meanIntensity[0] = this.#fleet.mean;
    this.look(nowSeconds);
  }

  /** Judges signals and forecast anew. */
  look(nowSeconds: number): void {
    for (const pool of [LP, CP, BP]) this.intensity[pool] = this.#mixes[pool].now();
    this.windowStart[0] = nowSeconds;
    if (!this.#carbon) return;
    this.open[CP] = this.intensity[CP] <= this.#gate.threshold ? 1 : 0;
    const forecast = this.#forecast;
    const toNext = secondsToNextHour(nowSeconds, this.#world.startHour);
    for (let hour = 0; hour < forecast.length; hour++) {
      forecast[hour] = this.#mixes[BP].forecast(hour === 0 ? 0 : toNext + HOUR * (hour - 1));
    }
    const hour = lowCarbonHour(forecast, this.#p.windowShare);
    this.open[BP] = hour === 0 ? 1 : 0;
    if (hour > 0) this.windowStart[0] = nowSeconds + toNext + HOUR * (hour - 1);
    this.intensity[BP] = forecast[hour];
  }

  /** Forecast intensity of a pool at a time, in g/kWh. */
  intensityAt(pool: number, nowSeconds: number, atSeconds: number): number {
    return this.#mixes[pool].forecast(Math.max(0, atSeconds - nowSeconds));
  }
}
