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

/**
 * CEDAR's scaling: at most one replica more or less per endpoint and control interval (specification section 5). Whether
 * by the heuristic's rule or towards what a policy wants, a replica is added or released only after the same number of
 * intervals in a row that ask for it.
 */
export class ReplicaScaling {
  readonly #world: World;
  readonly #host: RouterHost;
  readonly #estimate: ServiceEstimate;
  readonly #options: ScalingOptions;
  /** Replicas ordered, which the telemetry shows only once they serve. */
  readonly #ordered: Int32Array;
  readonly #waiting: Int32Array;
  readonly #idle: Int32Array;
  /** Replicas that a policy wants, by endpoint; price of the replicas at the start. */
  readonly #wanted: Int32Array;
  readonly #usdAtStart: number;
  /** Whether the intervals in a row were counted towards a policy's wish. */
  #follows = false;

  constructor(world: World, host: RouterHost, estimate: ServiceEstimate, options: ScalingOptions) {
    this.#world = world;
    this.#host = host;
    this.#estimate = estimate;
    this.#options = options;
    this.#ordered = Int32Array.from(world.telemetry.replicas);
    this.#waiting = new Int32Array(world.endpoints.count);
    this.#idle = new Int32Array(world.endpoints.count);
    this.#wanted = new Int32Array(world.endpoints.count);
    this.#usdAtStart = this.#usd();
  }

  /** Whether there is an endpoint whose replicas may change. */
  get hasRoom(): boolean {
    const { minReplicas, maxReplicas } = this.#world.endpoints;
    return minReplicas.some((least, e) => least < maxReplicas[e]);
  }

  /** Price of the replicas ordered over that of the replicas at the start; 1 where those are free. */
  get relativePrice(): number {
    return this.#usdAtStart > 0 ? this.#usd() / this.#usdAtStart : 1;
  }

  /** Judges every endpoint by the heuristic's rule, once per control interval. */
  update(): void {
    this.#countFor(false);
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

  /**
   * Moves every endpoint towards what a policy wants, once per control interval.
   *
   * @param levels by group, from 0 (the fewest replicas) to 1 (the most); see {@link replicasOfLevel}
   */
  follow(levels: Float64Array): void {
    this.#countFor(true);
    const { endpoints, telemetry } = this.#world;
    const { scaleUpIntervals, scaleDownIntervals } = this.#options;
    for (let g = 0; g < levels.length; g++) this.replicasOfLevel(g, levels[g], this.#wanted);
    for (let e = 0; e < endpoints.count; e++) {
      if (telemetry.up[e] === 0) continue;
      const missing = this.#wanted[e] - this.#ordered[e];
      this.#waiting[e] = missing > 0 ? this.#waiting[e] + 1 : 0;
      this.#idle[e] = missing < 0 ? this.#idle[e] + 1 : 0;
      if (this.#waiting[e] >= scaleUpIntervals) this.#order(e, this.#ordered[e] + 1);
      else if (this.#idle[e] >= scaleDownIntervals) this.#order(e, this.#ordered[e] - 1);
    }
  }

  /**
   * The replicas of a group's endpoints at a level: the group has min + level (max - min) of them, rounded, min and max
   * summed over its endpoints. Each endpoint gets its own share of that rounded down, the first ones one more.
   *
   * @param replicas by endpoint; those of the group are filled
   */
  replicasOfLevel(group: number, level: number, replicas: Int32Array): void {
    const { endpoints } = this.#world;
    const { minReplicas, maxReplicas } = endpoints;
    let room = 0;
    let given = 0;
    for (let e = 0; e < endpoints.count; e++) {
      if (endpoints.group[e] !== group) continue;
      const own = maxReplicas[e] - minReplicas[e];
      const share = Math.floor(level * own);
      replicas[e] = minReplicas[e] + share;
      room += own;
      given += share;
    }
    let left = Math.round(level * room) - given;
    for (let e = 0; e < endpoints.count && left > 0; e++) {
      if (endpoints.group[e] !== group || replicas[e] === maxReplicas[e]) continue;
      replicas[e]++;
      left--;
    }
  }

  /** Where the replicas ordered in a group lie between the fewest (0) and the most (1); 1/2 where they cannot change. */
  levelOf(group: number): number {
    const { endpoints } = this.#world;
    let room = 0;
    let above = 0;
    for (let e = 0; e < endpoints.count; e++) {
      if (endpoints.group[e] !== group) continue;
      room += endpoints.maxReplicas[e] - endpoints.minReplicas[e];
      above += this.#ordered[e] - endpoints.minReplicas[e];
    }
    return room > 0 ? above / room : 0.5;
  }

  /** Intervals that asked under another rule do not count under this one. */
  #countFor(follows: boolean): void {
    if (this.#follows === follows) return;
    this.#follows = follows;
    this.#waiting.fill(0);
    this.#idle.fill(0);
  }

  #usd(): number {
    let usd = 0;
    for (let e = 0; e < this.#ordered.length; e++)
      usd += this.#ordered[e] * this.#world.endpoints.usdPerReplicaSecond[e];
    return usd;
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
