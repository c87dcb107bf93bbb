import { quantileOf } from "../../numeric/quantile.ts";

const DAY = 86400;

/**
 * Carbon intensity of the last 24 hours as it was fetched, from which CAPS takes its threshold and its unit. Before
 * a day is over it is what was seen so far.
 */
export class CarbonWindow {
  /** Largest intensity that the carbon gate lets pass, in g/kWh. */
  threshold = Number.NaN;
  /** Mean of the last 24 hours in g/kWh. */
  mean = Number.NaN;
  readonly #quantile: number;
  readonly #windowSeconds: number;
  #times = new Float64Array(512);
  #values = new Float64Array(512);
  #from = 0;
  #to = 0;

  /** @param quantile share of the window that lies below the threshold (type 7), e.g. 0.4 */
  constructor(quantile: number, windowSeconds = DAY) {
    this.#quantile = quantile;
    this.#windowSeconds = windowSeconds;
  }

  /** Takes a fetched value in; once per fetch, in order of time. */
  observe(nowSeconds: number, intensity: number): void {
    while (this.#from < this.#to && this.#times[this.#from] <= nowSeconds - this.#windowSeconds) this.#from++;
    if (this.#to === this.#times.length) this.#makeRoom();
    this.#times[this.#to] = nowSeconds;
    this.#values[this.#to++] = intensity;
    const seen = this.#values.subarray(this.#from, this.#to);
    this.threshold = quantileOf(seen, this.#quantile);
    let sum = 0;
    for (let i = 0; i < seen.length; i++) sum += seen[i];
    this.mean = sum / seen.length;
  }

  #makeRoom(): void {
    const kept = this.#to - this.#from;
    const length = 2 * kept > this.#times.length ? 2 * this.#times.length : this.#times.length;
    const times = new Float64Array(length);
    const values = new Float64Array(length);
    times.set(this.#times.subarray(this.#from, this.#to));
    values.set(this.#values.subarray(this.#from, this.#to));
    this.#times = times;
    this.#values = values;
    this.#from = 0;
    this.#to = kept;
  }
}

/**
 * First hour of a forecast whose intensity is among the lowest: at or below the quantile `share` (type 7) of all its
 * hours.
 *
 * @param forecast intensity of the hour under way, then of those that follow
 */
export function lowCarbonHour(forecast: Float64Array, share: number): number {
  const limit = quantileOf(forecast, share);
  for (let hour = 0; hour < forecast.length; hour++) if (forecast[hour] <= limit) return hour;
  return 0;
}

/** Seconds from now to the next full hour of the clock; 3600 at a full hour. @param startHour hour of the day at 0 */
export function secondsToNextHour(nowSeconds: number, startHour: number): number {
  const into = (((nowSeconds + 3600 * startHour) % 3600) + 3600) % 3600;
  return 3600 - into;
}
