import { z } from "zod";
import { defineRouter } from "../contract.ts";
import { CarbonWindow, secondsToNextHour } from "./carbon-window.ts";
import { pollSecondsParameter } from "./parameters.ts";
import { PullRouter } from "./pull-router.ts";
import { RegionMix } from "./region-mix.ts";

/** Fires when the head of the queue may wait no longer. */
const HEAD_TIMER = 1;
const HOUR = 3600;

const parameters = z.strictObject({
  thresholdQuantile: z
    .number()
    .min(0)
    .max(1)
    .default(0.4)
    .describe("Requests go at or below this quantile of the intensities of the last 24 h"),
  horizonHours: z
    .number()
    .positive()
    .max(96)
    .default(6)
    .describe("Longest wait for carbon, for all tiers, and how far the forecast is looked at"),
  pollSeconds: pollSecondsParameter,
});

export type CarbonAwareParameters = z.output<typeof parameters>;

/**
 * One queue in order of arrival over all GPUs, which waits while the grid is dirtier than the threshold and the
 * forecast knows a cleaner hour that the request can still wait for (CAPS, section 5, Baselines).
 */
export class CarbonAwareRouter extends PullRouter {
  readonly #parameters: CarbonAwareParameters;
  #endpoints!: Int32Array;
  #mix!: RegionMix;
  #window!: CarbonWindow;
  /** Intensity fetched last, in g/kWh. */
  #intensity = Number.NaN;
  /** Start of each hour to come, in seconds, and the lowest intensity forecast up to and with it. */
  #starts!: Float64Array;
  #lowest!: Float64Array;
  /** When the head of the queue may wait no longer, where the timer is set for it. */
  #armedAt = Number.NaN;

  constructor(values: CarbonAwareParameters) {
    super({ order: "fifo", pollSeconds: values.pollSeconds });
    this.#parameters = values;
  }

  signal(region: number): void {
    const { signals, startHour } = this.world;
    if (region !== signals.regions.length - 1) return;
    const { now } = this.host;
    this.#intensity = this.#mix.now();
    this.#window.observe(now, this.#intensity);
    const ahead = secondsToNextHour(now, startHour);
    let lowest = Number.POSITIVE_INFINITY;
    for (let hour = 0; hour < this.#starts.length; hour++) {
      lowest = Math.min(lowest, this.#mix.forecast(ahead + HOUR * hour));
      this.#starts[hour] = now + ahead + HOUR * hour;
      this.#lowest[hour] = lowest;
    }
    this.drain();
  }

  protected override feeds(): readonly Int32Array[] {
    this.#endpoints = this.mixedEndpoints();
    return [this.#endpoints];
  }

  protected override prepare(): void {
    const hours = Math.ceil(this.#parameters.horizonHours);
    this.#mix = new RegionMix(this.world, this.#endpoints);
    this.#window = new CarbonWindow(this.#parameters.thresholdQuantile);
    this.#starts = new Float64Array(hours);
    this.#lowest = new Float64Array(hours);
    this.#armedAt = Number.NaN;
  }

  protected override queueOf(_request: number): number {
    return 0;
  }

  protected override mayGo(request: number): boolean {
    if (!this.waits(request)) return true;
    const until = this.world.requests.arrivalSeconds[request] + HOUR * this.#parameters.horizonHours;
    // Timers cannot be taken back: one that is set and not later serves this head too.
    if (!(this.#armedAt > this.host.now && this.#armedAt <= until)) {
      this.#armedAt = until;
      this.host.at(HEAD_TIMER, until);
    }
    return false;
  }

  /** Whether a request is better sent later: it is too dirty now and an hour that it can wait for is cleaner. */
  protected override waits(request: number): boolean {
    if (!(this.#intensity > this.#window.threshold)) return false;
    const until = this.world.requests.arrivalSeconds[request] + HOUR * this.#parameters.horizonHours;
    if (this.host.now >= until) return false;
    let hour = -1;
    while (hour + 1 < this.#starts.length && this.#starts[hour + 1] <= until) hour++;
    return hour >= 0 && this.#lowest[hour] < this.#intensity;
  }
}

export const carbonAware = defineRouter({
  id: "carbon-aware",
  family: "caps",
  group: "baseline",
  status: "adapted",
  source: "CAPS, section 5, Baselines; threshold and horizon are not given",
  summary: "One queue that waits for cleaner hours, then goes in order of arrival to the next free GPU",
  parameters,
  create: (values: CarbonAwareParameters) => new CarbonAwareRouter(values),
});
