import type { EpochPlanner } from "../../datacenter/simulate-epochs.ts";
import type { DatacenterWorld } from "../../datacenter/world.ts";
import type { FleetChange } from "../contract.ts";
import { PlacingRouter } from "../placing-router.ts";
import { SmoothWeightedRoundRobin } from "../weighted-round-robin.ts";
import { ClassPlanner } from "./class-planner.ts";
import { type ClassOptions, requestClass } from "./request-class.ts";

export interface EpochRouterOptions extends ClassOptions {
  readonly epochSeconds: number;
  readonly retrySeconds: number;
  /** Makes the planner of a class of requests. */
  readonly planner: (world: DatacenterWorld, seed: number) => EpochPlanner;
}

/** Timer of the epochs. */
const EPOCH_TIMER = 1;
const ANY = 0;
const LARGE = 1;
const SEEDS = 2 ** 31;

/**
 * Makes a router of a planner of epochs (MARLIN and its baselines): before every epoch but the first, shares of regions
 * are planned with the physical model of src/datacenter for the requests that its predictor expects, and smooth
 * weighted round robin turns them into placements. In the first, of which nothing is known, shares are what the
 * endpoints sustain.
 *
 * A node of the model serves one model, so requests that need the large model and the others are planned apart, the
 * others for the endpoints without it where there are any. When all endpoints of a class refuse, a request goes to
 * any that may serve it, in turn.
 */
export class EpochRouter extends PlacingRouter {
  override readonly needs = {};
  readonly #options: EpochRouterOptions;
  /** Of requests that need the large model, and of others; one and the same where all endpoints are alike in this. */
  #planners!: readonly [ClassPlanner | undefined, ClassPlanner | undefined];
  /** Turns by the plan, and among all that may serve a request. */
  #robins!: readonly [SmoothWeightedRoundRobin, SmoothWeightedRoundRobin];
  #evenRobins!: readonly [SmoothWeightedRoundRobin, SmoothWeightedRoundRobin];
  #admissible!: readonly [Uint8Array, Uint8Array];
  #open!: Uint8Array;
  #up!: Uint8Array;
  #groupShares!: Float64Array;
  #lastRobin!: SmoothWeightedRoundRobin;
  #epoch = 0;

  constructor(options: EpochRouterOptions) {
    super({ queue: "arrival", retrySeconds: options.retrySeconds });
    this.#options = options;
  }

  protected override prepare(): void {
    const { count } = this.world.endpoints;
    const small = [...this.all].filter((e) => this.world.endpoints.large[e] === 0);
    const large = [...this.large];
    const planners: [ClassPlanner | undefined, ClassPlanner | undefined] = [undefined, undefined];
    if (large.length > 0) planners[LARGE] = this.#planner(large, "large");
    planners[ANY] = small.length > 0 ? this.#planner(small, "any") : planners[LARGE];
    this.#planners = planners;
    const masks = [this.all, this.large].map((candidates) => {
      const mask = new Uint8Array(count);
      for (const e of candidates) mask[e] = 1;
      return mask;
    });
    this.#admissible = [masks[ANY], masks[LARGE]];
    this.#open = new Uint8Array(count);
    this.#up = new Uint8Array(count).fill(1);
    const none = new Float64Array(count);
    this.#robins = [new SmoothWeightedRoundRobin(none), new SmoothWeightedRoundRobin(none)];
    const even = new Float64Array(count).fill(1);
    this.#evenRobins = [new SmoothWeightedRoundRobin(even), new SmoothWeightedRoundRobin(even)];
    this.#groupShares = new Float64Array(this.world.groups.length);
    this.#epoch = 0;
    this.#announce();
    this.host.every(EPOCH_TIMER, this.#options.epochSeconds);
  }

  protected override arrived(request: number): void {
    const planner = this.#planners[this.world.requests.needsLarge[request]];
    if (planner !== undefined) planner.arrivals++;
  }

  fleet(endpoint: number, change: FleetChange): void {
    if (change === "down") this.#up[endpoint] = 0;
    if (change === "up") this.#up[endpoint] = 1;
  }

  protected override tick(_id: number): void {
    const epoch = Math.round(this.host.now / this.#options.epochSeconds);
    if (epoch <= this.#epoch) return;
    this.#epoch = epoch;
    for (const planner of new Set(this.#planners)) planner?.next(epoch, this.world, this.#up);
    this.#announce();
  }

  protected override pick(request: number): number {
    const kind = this.world.requests.needsLarge[request];
    const admissible = this.#admissible[kind];
    for (let e = 0; e < admissible.length; e++) this.#open[e] = admissible[e] & (1 - this.blocked[e]);
    this.#lastRobin = this.#robins[kind];
    const planned = this.#lastRobin.peek(this.#open);
    if (planned >= 0) return planned;
    this.#lastRobin = this.#evenRobins[kind];
    return this.#lastRobin.peek(this.#open);
  }

  protected override placed(_tier: number, endpoint: number): void {
    this.#lastRobin.take(endpoint, this.#open);
  }

  protected override reason(request: number, endpoint: number): string {
    this.explained.set(this.#robins[this.world.requests.needsLarge[request]].weights);
    return `the turn of ${this.world.endpoints.names[endpoint]} in epoch ${this.#epoch}`;
  }

  figures(): Readonly<Record<string, number>> {
    let plans = 0;
    let calls = 0;
    for (const planner of new Set(this.#planners)) {
      plans += planner?.plans ?? 0;
      calls += planner?.calls ?? 0;
    }
    return { planned_epochs: plans, model_calls_per_plan: plans > 0 ? calls / plans : Number.NaN };
  }

  #planner(members: readonly number[], name: string): ClassPlanner {
    const own = requestClass(this.world, members, name, this.#options);
    const planner = this.#options.planner(own.world, this.world.random.below(SEEDS));
    return new ClassPlanner(own, planner, this.#options.epochSeconds);
  }

  /** Shares of endpoints into the turns, and of groups, over all requests, to the host. */
  #announce(): void {
    const { groupShares, world, host } = {
      groupShares: this.#groupShares,
      world: this.world,
      host: this.host,
    };
    groupShares.fill(0);
    const planners = new Set(this.#planners);
    let expected = 0;
    for (const planner of planners) expected += planner?.expectedRequests ?? 0;
    for (const kind of [ANY, LARGE]) {
      const planner = this.#planners[kind];
      if (planner === undefined) continue;
      const { weights } = this.#robins[kind];
      weights.fill(0);
      for (const [i, e] of planner.class.endpoints.entries()) weights[e] = planner.shares[i];
    }
    for (const planner of planners) {
      if (planner === undefined) continue;
      const part = expected > 0 ? planner.expectedRequests / expected : 1 / planners.size;
      for (const [i, e] of planner.class.endpoints.entries()) {
        groupShares[world.endpoints.group[e]] += part * planner.shares[i];
      }
    }
    for (let tier = 0; tier < world.tiers.length; tier++) host.setWeights(tier, groupShares);
  }
}
