import type { Planner, Router } from "./contract.ts";
import { PlacingRouter } from "./placing-router.ts";
import { SmoothWeightedRoundRobin } from "./weighted-round-robin.ts";

export interface PlannerAdapterOptions {
  /** Weight of the last epoch's arrivals in the forecast, above 0 to 1: level = a * count + (1 - a) * level. */
  readonly forecastWeight: number;
  /** Requests expected in the first epoch, about which nothing is known yet. */
  readonly initialRequests: number;
  readonly retrySeconds: number;
  /** What the planner reads of the world. Default: nothing that the host has to keep up to date. */
  readonly needs?: NonNullable<Router["needs"]>;
}

/** Timer of the epochs. */
const EPOCH_TIMER = 1;
const ANY = 0;
const LARGE = 1;

/**
 * Makes a router of a planner (MARLIN and its baselines): before every epoch the planner gives each endpoint a
 * share of the requests it expects, and smooth weighted round robin turns the shares into placements. Requests
 * that need the large model take their turns among the endpoints that have it, with the same shares.
 *
 * The forecast is an exponentially weighted mean of the counts of past epochs. A kind of request whose endpoints
 * all have share 0, or are all down, goes to whichever endpoint may serve it, in turn.
 */
export class PlannerRouter extends PlacingRouter {
  override readonly needs: NonNullable<Router["needs"]>;
  readonly #planner: Planner;
  readonly #options: PlannerAdapterOptions;
  #shares!: Float64Array;
  /** Turns of any request, and of those that need the large model. */
  #robins!: readonly [SmoothWeightedRoundRobin, SmoothWeightedRoundRobin];
  #evenRobins!: readonly [SmoothWeightedRoundRobin, SmoothWeightedRoundRobin];
  /** Candidates of either kind; and those of the request in hand that have not refused it. */
  #admissible!: readonly [Uint8Array, Uint8Array];
  #open!: Uint8Array;
  #groupShares!: Float64Array;
  #lastRobin!: SmoothWeightedRoundRobin;
  #epoch = 0;
  #arrivals = 0;
  readonly #level = new Float64Array(1);

  constructor(planner: Planner, options: PlannerAdapterOptions) {
    super({ queue: "arrival", retrySeconds: options.retrySeconds });
    this.#planner = planner;
    this.#options = options;
    this.needs = options.needs ?? {};
  }

  /** Requests expected in the epoch that runs. */
  get expectedRequests(): number {
    return this.#level[0];
  }

  protected override prepare(): void {
    const { count } = this.world.endpoints;
    const admissible = [this.all, this.large].map((candidates) => {
      const mask = new Uint8Array(count);
      for (const e of candidates) mask[e] = 1;
      return mask;
    });
    this.#admissible = [admissible[ANY], admissible[LARGE]];
    this.#open = new Uint8Array(count);
    this.#shares = new Float64Array(count);
    this.#robins = [new SmoothWeightedRoundRobin(this.#shares), new SmoothWeightedRoundRobin(this.#shares)];
    const even = new Float64Array(count).fill(1);
    this.#evenRobins = [new SmoothWeightedRoundRobin(even), new SmoothWeightedRoundRobin(even)];
    this.#groupShares = new Float64Array(this.world.groups.length);
    this.#epoch = 0;
    this.#arrivals = 0;
    this.#level[0] = this.#options.initialRequests;
    this.#plan();
    this.host.every(EPOCH_TIMER, this.#planner.epochSeconds);
  }

  protected override arrived(_request: number): void {
    this.#arrivals++;
  }

  protected override tick(_id: number): void {
    const epoch = Math.round(this.host.now / this.#planner.epochSeconds);
    if (epoch <= this.#epoch) return;
    const a = this.#epoch === 0 ? 1 : this.#options.forecastWeight;
    this.#level[0] = a * this.#arrivals + (1 - a) * this.#level[0];
    this.#arrivals = 0;
    this.#epoch = epoch;
    this.#plan();
  }

  protected override pick(request: number): number {
    const kind = this.world.requests.needsLarge[request] === 1 ? LARGE : ANY;
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

  protected override reason(_request: number, endpoint: number): string {
    this.explained.set(this.#shares);
    return `the turn of ${this.world.endpoints.names[endpoint]} in epoch ${this.#epoch}`;
  }

  #plan(): void {
    const { world, host } = this;
    this.#planner.plan(this.#epoch, this.#level[0], world, this.#shares);
    let sum = 0;
    for (let e = 0; e < this.#shares.length; e++) {
      if (!(this.#shares[e] >= 0))
        throw new Error(`the planner gave endpoint ${e} the share ${this.#shares[e]}`);
      sum += this.#shares[e];
    }
    if (Math.abs(sum - 1) > 1e-6) throw new Error(`the planner's shares sum to ${sum}, expected 1`);
    for (const robin of this.#robins) robin.weights.set(this.#shares);
    this.#groupShares.fill(0);
    for (let e = 0; e < this.#shares.length; e++) {
      this.#groupShares[world.endpoints.group[e]] += this.#shares[e];
    }
    for (let tier = 0; tier < world.tiers.length; tier++) host.setWeights(tier, this.#groupShares);
  }
}
