/** The cleanest grid takes the request, until its queue is long. Run it with `routers: [./my-router.ts]`. */
import { defineRouter, PlacingRouter, z } from "canopy-bench";

const parameters = z.strictObject({
  longQueue: z.number().positive().default(32).describe("Outstanding requests that make a queue long"),
});

class CleanestGrid extends PlacingRouter {
  override readonly needs = { telemetry: true };
  readonly #longQueue: number;

  constructor(values: z.output<typeof parameters>) {
    super({ queue: "arrival", retrySeconds: 0.1 });
    this.#longQueue = values.longQueue;
  }

  protected override pick(request: number): number {
    const { telemetry, signals, endpoints } = this.world;
    const candidates = this.candidatesOf(request);
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      if (telemetry.up[e] === 0 || this.blocked[e] === 1) continue;
      const queues = 1 + Math.floor(telemetry.outstanding[e] / this.#longQueue);
      const score = queues * signals.carbon[endpoints.region[e]];
      if (score >= least) continue;
      least = score;
      best = e;
    }
    return best;
  }
}

export default defineRouter({
  id: "cleanest-grid",
  family: "user",
  group: "user",
  status: "ours",
  source: "this file",
  summary: "The cleanest grid, until its queue is long",
  parameters,
  create: (values: z.output<typeof parameters>) => new CleanestGrid(values),
});
