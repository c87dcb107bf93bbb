import type { PromptFacts } from "./features.ts";

/**
 * Running statistics of each tenant's requests that have ended: mean and standard deviation of their output tokens,
 * share that missed the objective. Constant time and no allocation per request but where a tenant with a new highest
 * number comes; tenants are numbered from 0. Means are Welford's (1962), which lose no digits on long runs.
 */
export class TenantStatistics {
  #count: Float64Array;
  #mean: Float64Array;
  #squares: Float64Array;
  #missed: Float64Array;
  #judged: Float64Array;

  /** @param tenants expected number of tenants: memory to begin with */
  constructor(tenants = 64) {
    this.#count = new Float64Array(tenants);
    this.#mean = new Float64Array(tenants);
    this.#squares = new Float64Array(tenants);
    this.#missed = new Float64Array(tenants);
    this.#judged = new Float64Array(tenants);
  }

  /**
   * Counts a request that has ended.
   *
   * @param tenant -1 is no tenant and counts nowhere
   * @param missed 1 or 0; NaN where there was no objective to miss
   */
  add(tenant: number, outputTokens: number, missed: number): void {
    if (tenant < 0) return;
    if (tenant >= this.#count.length) this.#grow(tenant + 1);
    const count = this.#count[tenant] + 1;
    const apart = outputTokens - this.#mean[tenant];
    const mean = this.#mean[tenant] + apart / count;
    this.#count[tenant] = count;
    this.#mean[tenant] = mean;
    this.#squares[tenant] += apart * (outputTokens - mean);
    if (Number.isNaN(missed)) return;
    this.#judged[tenant] += 1;
    this.#missed[tenant] += missed;
  }

  /** Mean of the output tokens; NaN for no tenant and for one without requests that have ended. */
  mean(tenant: number): number {
    return this.requests(tenant) > 0 ? this.#mean[tenant] : Number.NaN;
  }

  /** Standard deviation of the output tokens, divisor n - 1; NaN with fewer than two requests. */
  std(tenant: number): number {
    const count = this.requests(tenant);
    return count > 1 ? Math.sqrt(this.#squares[tenant] / (count - 1)) : Number.NaN;
  }

  /** Share of the requests that missed their objective; NaN with none that had one. */
  missRate(tenant: number): number {
    if (this.requests(tenant) === 0 || this.#judged[tenant] === 0) return Number.NaN;
    return this.#missed[tenant] / this.#judged[tenant];
  }

  /** Requests that have ended. */
  requests(tenant: number): number {
    return tenant >= 0 && tenant < this.#count.length ? this.#count[tenant] : 0;
  }

  /** Writes the three statistics of a tenant. */
  fill(facts: PromptFacts, tenant: number): void {
    facts.tenantMean = this.mean(tenant);
    facts.tenantStd = this.std(tenant);
    facts.tenantMissRate = this.missRate(tenant);
  }

  #grow(tenants: number): void {
    const length = Math.max(tenants, 2 * this.#count.length);
    this.#count = grown(this.#count, length);
    this.#mean = grown(this.#mean, length);
    this.#squares = grown(this.#squares, length);
    this.#missed = grown(this.#missed, length);
    this.#judged = grown(this.#judged, length);
  }
}

function grown(values: Float64Array, length: number): Float64Array {
  const longer = new Float64Array(length);
  longer.set(values);
  return longer;
}
