import { z } from "zod";
import { defineRouter } from "../contract.ts";
import { PlacingRouter } from "../placing-router.ts";
import { retrySecondsParameter } from "./parameters.ts";

export type LoadMeasure = "outstanding" | "utilisation" | "tokens";

/**
 * The endpoint with the least load, by one of three measures; ties by outstanding tokens, then by index
 * (CEDAR section 4, Baselines). Waiting requests count in `outstanding` and `tokens`; `utilisation`, the paper's
 * word, sees only those that run.
 */
export class LeastLoadedRouter extends PlacingRouter {
  override readonly needs = { telemetry: true };
  readonly #by: LoadMeasure;
  #scores!: Float64Array;

  constructor(parameters: { readonly by: LoadMeasure; readonly retrySeconds: number }) {
    super({ queue: "arrival", retrySeconds: parameters.retrySeconds });
    this.#by = parameters.by;
  }

  protected override prepare(): void {
    this.#scores = new Float64Array(this.world.endpoints.count);
  }

  protected override pick(request: number): number {
    const { telemetry } = this.world;
    const { up, replicas, outstandingTokens: tokens } = telemetry;
    const load =
      this.#by === "outstanding"
        ? telemetry.outstanding
        : this.#by === "tokens"
          ? tokens
          : telemetry.utilisation;
    const candidates = this.candidatesOf(request);
    let best = -1;
    let bestLoad = Number.POSITIVE_INFINITY;
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      if (up[e] === 0 || this.blocked[e] === 1) continue;
      // Without a serving replica an endpoint is idle in every column, and the last to be asked.
      const value = replicas[e] > 0 ? load[e] : Number.POSITIVE_INFINITY;
      if (best >= 0 && !(value < bestLoad || (value === bestLoad && tokens[e] < tokens[best]))) continue;
      best = e;
      bestLoad = value;
    }
    return best;
  }

  protected override explain(request: number, endpoint: number): void {
    const { telemetry } = this.world;
    const load = this.#by === "tokens" ? telemetry.outstandingTokens : telemetry[this.#by];
    this.#scores.fill(Number.NaN);
    for (const e of this.candidatesOf(request)) {
      if (telemetry.up[e] === 1) this.#scores[e] = load[e];
    }
    this.host.explain(request, `least ${this.#by} at endpoint ${endpoint}`, this.#scores);
  }
}

const parameters = z.strictObject({
  by: z
    .enum(["outstanding", "utilisation", "tokens"])
    .default("outstanding")
    .describe(
      "Load: waiting and running requests, running over places in the batch (the paper's word), or outstanding tokens",
    ),
  retrySeconds: retrySecondsParameter,
});

export const leastLoaded = defineRouter({
  id: "least-loaded",
  family: "cedar",
  group: "baseline",
  status: "as specified",
  source: "CEDAR, section 4, Baselines",
  summary: "The endpoint with the fewest outstanding requests, the lowest utilisation or the fewest tokens",
  parameters,
  create: (values: z.output<typeof parameters>) => new LeastLoadedRouter(values),
});
