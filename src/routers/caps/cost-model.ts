import type { PoolLoad } from "../../learning/cost-predictor/features.ts";
import { TenantStatistics } from "../../learning/cost-predictor/tenant-statistics.ts";
import type { World } from "../contract.ts";

/**
 * What CAPS knows of a request before it runs: its output length and, for each pool, the risk that it misses its
 * objective. Answers are written into columns: a fraction handed back by a call may be boxed.
 */
export interface CostModel {
  /** Whether {@link risk} answers; else the load rule stands in. */
  readonly classifies: boolean;
  /** Writes the output tokens expected of a request into `out[at]`; {@link risk} is then about this request. */
  expect(request: number, tier: number, out: Float64Array, at: number): void;
  /** Writes the probability that the request of the last {@link expect} misses its objective into `out[at]`. */
  risk(load: PoolLoad, out: Float64Array, at: number): void;
  /** A request has ended. */
  completed(request: number, outputTokens: number, missed: boolean): void;
}

/** Without a predictor: the mean output of the tenant's earlier requests, and no classifier (`caps-no-predictor`). */
export class TenantMeans implements CostModel {
  readonly classifies = false;
  readonly #world: World;
  readonly #tenants = new TenantStatistics();

  constructor(world: World) {
    this.#world = world;
  }

  expect(request: number, _tier: number, out: Float64Array, at: number): void {
    const mean = this.#tenants.mean(this.#world.requests.tenant[request]);
    out[at] = Number.isNaN(mean) ? this.#world.meanOutputTokens : mean;
  }

  risk(_load: PoolLoad, out: Float64Array, at: number): void {
    out[at] = Number.NaN;
  }

  completed(request: number, outputTokens: number, missed: boolean): void {
    this.#tenants.add(this.#world.requests.tenant[request], outputTokens, missed ? 1 : 0);
  }
}
