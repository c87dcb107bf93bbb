import type { World } from "../contract.ts";

/**
 * Carbon intensity of a group of endpoints: the mean over them of their regions' intensities. CAPS has one region, so
 * that this is its intensity; on a fleet of several it is what a request sent to the group meets on average.
 */
export class RegionMix {
  readonly #world: World;
  /** Share of the endpoints by region. */
  readonly #shares: Float64Array;

  constructor(world: World, endpoints: Int32Array) {
    this.#world = world;
    this.#shares = new Float64Array(world.signals.regions.length);
    for (const e of endpoints) this.#shares[world.endpoints.region[e]] += 1 / endpoints.length;
    // A sum of equal parts may miss 1 by a rounding, and the gate compares intensities for equality.
    for (let r = 0; r < this.#shares.length; r++) {
      if (Math.abs(this.#shares[r] - 1) < 1e-9) this.#shares[r] = 1;
    }
  }

  /** Intensity fetched last, in g/kWh. */
  now(): number {
    const { carbon } = this.#world.signals;
    let sum = 0;
    for (let r = 0; r < this.#shares.length; r++) if (this.#shares[r] > 0) sum += this.#shares[r] * carbon[r];
    return sum;
  }

  /** Intensity forecast for `aheadSeconds` from now, in g/kWh. */
  forecast(aheadSeconds: number): number {
    let sum = 0;
    for (let r = 0; r < this.#shares.length; r++) {
      if (this.#shares[r] > 0) sum += this.#shares[r] * this.#world.signals.forecastCarbon(r, aheadSeconds);
    }
    return sum;
  }
}
