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

  constructor(parameters: { readonly by: LoadMeasure; readonly retrySeconds: number }) {
    super({ queue: "arrival", retrySeconds: parameters.retrySeconds });
    this.#by = parameters.by;
  }

  protected override pick(request: number): number {
    return leastLoadedOf(this.world.telemetry, this.#by, this.candidatesOf(request), this.blocked);
  }

  protected override reason(request: number, endpoint: number): string {
    const { telemetry, endpoints } = this.world;
    const load = loadColumn(telemetry, this.#by);
    for (const e of this.candidatesOf(request)) {
      if (telemetry.up[e] === 1) this.explained[e] = load[e];
    }
    return `least ${this.#by} at ${endpoints.names[endpoint]}`;
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
