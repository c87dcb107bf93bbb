import { z } from "zod";
import { defineRouter } from "../contract.ts";
import { type LoadMeasure, leastLoadedOf, loadColumn } from "../least-load.ts";
import { PlacingRouter } from "../placing-router.ts";
import { retrySecondsParameter } from "./parameters.ts";

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
    return leastLoadedOf(this.world.telemetry, this.#by, this.candidatesOf(request), this.blocked);
  }

  protected override explain(request: number, endpoint: number): void {
    const { telemetry } = this.world;
    const load = loadColumn(telemetry, this.#by);
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
