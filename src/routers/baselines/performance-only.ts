import { z } from "zod";
import { FIXED, NETWORK, PROMPT, ROW, STEP, WAIT } from "../cedar/coefficients.ts";
import { ServiceEstimate } from "../cedar/estimate.ts";
import { defineRouter, type FleetChange } from "../contract.ts";
import { PlacingRouter } from "../placing-router.ts";

/**
 * The endpoint with the least estimated latency, network included: est + round trip (CEDAR section 4, Baselines).
 * The queues are CEDAR's; cost and carbon are not seen and nothing is deferred.
 */
export class PerformanceOnlyRouter extends PlacingRouter {
  override readonly needs = { telemetry: true, completions: true };
  #estimate!: ServiceEstimate;
  #seconds!: Float64Array;

  constructor(parameters: { readonly dispatchSeconds: number }) {
    super({ queue: "tiers", order: "edf", retrySeconds: parameters.dispatchSeconds });
  }

  protected override prepare(): void {
    this.#estimate = new ServiceEstimate(this.world, { queue: true, meanModel: false });
    this.#seconds = new Float64Array(this.world.endpoints.count);
  }

  completion(_request: number): void {
    this.#estimate.completed();
  }

  fleet(_endpoint: number, _change: FleetChange): void {
    this.#estimate.refreshAll();
  }

  protected override pick(request: number): number {
    this.#estimate.refresh();
    const { telemetry, requests } = this.world;
    const { up, queuedPrefillTokens } = telemetry;
    const { table, meanOutput } = this.#estimate;
    const seconds = this.#seconds;
    const produced = requests.producedTokens[request];
    const tokens = requests.promptTokens[request] + produced;
    const outputs = Math.max(1, meanOutput[0] - produced);
    const candidates = this.candidatesOf(request);
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      if (up[e] === 0 || this.blocked[e] === 1) continue;
      const row = ROW * e;
      seconds[e] =
        table[row + FIXED] +
        queuedPrefillTokens[e] * table[row + WAIT] +
        tokens * table[row + PROMPT] +
        outputs * table[row + STEP] +
        table[row + NETWORK];
      if (seconds[e] < least) {
        least = seconds[e];
        best = e;
      }
    }
    return best;
  }

  protected override reason(request: number, endpoint: number): string {
    for (const e of this.candidatesOf(request)) {
      if (this.world.telemetry.up[e] === 1 && this.blocked[e] === 0) this.explained[e] = this.#seconds[e];
    }
    return `least estimated latency in seconds at ${this.world.endpoints.names[endpoint]}`;
  }
}

const parameters = z.strictObject({
  dispatchSeconds: z
    .number()
    .positive()
    .default(0.1)
    .describe("Seconds between two dispatches of held requests"),
});

export const performanceOnly = defineRouter({
  id: "performance-only",
  family: "cedar",
  group: "baseline",
  status: "as specified",
  source: "CEDAR, section 4, Baselines",
  summary: "The endpoint with the least estimated latency, network included",
  parameters,
  create: (values: z.output<typeof parameters>) => new PerformanceOnlyRouter(values),
});
