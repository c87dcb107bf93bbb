import type { RouterHost, World } from "../contract.ts";
import { PROMPT, ROW, STEP, WAIT } from "./coefficients.ts";
import type { ServiceEstimate } from "./estimate.ts";

export interface ScalingOptions {
  /** Share of the strictest tier's slack that the predicted wait has to exceed, and for how many intervals. */
  readonly scaleUpWaitShare: number;
  readonly scaleUpIntervals: number;
  /** Utilisation below which an endpoint is idle enough, and for how many intervals. */
  readonly scaleDownUtilisation: number;
  readonly scaleDownIntervals: number;
}

/** CEDAR's scaling: at most one replica more or less per endpoint and control interval (specification section 5). */
export class ReplicaScaling {
  readonly #world: World;
  readonly #host: RouterHost;
  readonly #estimate: ServiceEstimate;
  readonly #options: ScalingOptions;
  /** Replicas ordered, which the telemetry shows only once they serve. */
  readonly #ordered: Int32Array;
  readonly #waiting: Int32Array;
  readonly #idle: Int32Array;

  constructor(world: World, host: RouterHost, estimate: ServiceEstimate, options: ScalingOptions) {
    this.#world = world;
    this.#host = host;
    this.#estimate = estimate;
    this.#options = options;
    this.#ordered = Int32Array.from(world.telemetry.replicas);
    this.#waiting = new Int32Array(world.endpoints.count);
    this.#idle = new Int32Array(world.endpoints.count);
  }

  /** Judges every endpoint once per control interval. */
  update(): void {
    const { endpoints, telemetry, tiers, meanPromptTokens } = this.#world;
    const { table, meanOutput } = this.#estimate;
    const options = this.#options;
    for (let e = 0; e < endpoints.count; e++) {
      if (telemetry.up[e] === 0) continue;
      const service = meanPromptTokens * table[ROW * e + PROMPT] + meanOutput[0] * table[ROW * e + STEP];
      const slack = Math.max(0, tiers[0].sloSeconds - service - endpoints.roundTripSeconds[e]);
      const waitSeconds = telemetry.queuedPrefillTokens[e] * table[ROW * e + WAIT];
      this.#waiting[e] = waitSeconds > options.scaleUpWaitShare * slack ? this.#waiting[e] + 1 : 0;
      this.#idle[e] = telemetry.utilisation[e] < options.scaleDownUtilisation ? this.#idle[e] + 1 : 0;
      if (this.#waiting[e] >= options.scaleUpIntervals) this.#order(e, this.#ordered[e] + 1);
      else if (this.#idle[e] >= options.scaleDownIntervals) this.#order(e, this.#ordered[e] - 1);
    }
  }

  #order(e: number, replicas: number): void {
    const { minReplicas, maxReplicas } = this.#world.endpoints;
    this.#waiting[e] = 0;
    this.#idle[e] = 0;
    const clamped = Math.min(maxReplicas[e], Math.max(minReplicas[e], replicas));
    if (clamped === this.#ordered[e]) return;
    this.#ordered[e] = clamped;
    this.#host.setReplicas(e, clamped);
  }
}
