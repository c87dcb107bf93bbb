/** The plans of one class of requests: what is forecast, planned, learned, and the shares of endpoints it comes to. */
import { askPlanner } from "../../datacenter/check-plan.ts";
import { EpochModel, EXCESS_SHARE } from "../../datacenter/epoch-model.ts";
import { type EpochState, emptyState } from "../../datacenter/epoch-state.ts";
import { potableLitresPerItKwh } from "../../datacenter/physics.ts";
import { EwmaSlopePredictor } from "../../datacenter/predictor.ts";
import { EpochBudget, type EpochPlanner } from "../../datacenter/simulate-epochs.ts";
import type { World } from "../contract.ts";
import { copOf, type RequestClass } from "./request-class.ts";

/** Least carbon, price and water of a kWh: metrics are compared with those of even shares, which may not be 0. */
const LEAST = 1e-6;
/** Of an epoch, where the forecast of carbon is read. */
const AHEAD = [0.125, 0.375, 0.625, 0.875];

export class ClassPlanner {
  /** Of the class's endpoints, in their order; sum 1. */
  readonly shares: Float64Array;
  /** Requests of the class that have come in this epoch. */
  arrivals = 0;
  readonly class: RequestClass;
  readonly #planner: EpochPlanner;
  readonly #model: EpochModel;
  readonly #state: EpochState;
  readonly #truth: EpochState;
  readonly #budget: EpochBudget;
  readonly #predictor = new EwmaSlopePredictor();
  readonly #plan: Float64Array;
  readonly #metrics = new Float64Array(EXCESS_SHARE + 1);
  readonly #epochSeconds: number;
  #planned = false;
  plans = 0;
  calls = 0;

  constructor(of: RequestClass, planner: EpochPlanner, epochSeconds: number) {
    this.class = of;
    this.shares = new Float64Array(of.endpoints.length);
    this.#planner = planner;
    this.#epochSeconds = epochSeconds;
    this.#model = new EpochModel(of.world);
    this.#state = emptyState(of.world, epochSeconds);
    this.#truth = emptyState(of.world, epochSeconds);
    this.#plan = new Float64Array(this.#model.planLength);
    this.#budget = new EpochBudget(this.#model, Number.POSITIVE_INFINITY, this.#state);
    this.shares.set(normalised(of.endpoints.length, (i) => of.nodes[i] * of.rate[i]));
  }

  /** Requests expected in the epoch that runs; 0 in the first, of which nothing is known. */
  get expectedRequests(): number {
    return this.#state.expectedRequests[0];
  }

  /** Share of each site in the plan that runs. */
  get plan(): Readonly<Float64Array> {
    return this.#plan;
  }

  /**
   * Ends an epoch and plans the next.
   *
   * @param up 1 for endpoints of the fleet that take requests
   * @throws UserError CANOPY_PLAN_ROW, CANOPY_PLAN_SHAPE for what a planner must not give
   */
  next(epoch: number, world: World, up: Uint8Array): void {
    const { class: own } = this;
    if (this.#planned) {
      this.#truth.expectedRequests[0] = this.arrivals;
      this.#model.evaluate(this.#truth, this.#plan, this.#metrics);
      this.#planner.observe?.(this.#truth, this.#plan, this.#metrics);
    }
    this.#predictor.observe(this.arrivals);
    this.arrivals = 0;
    this.#setConditions(epoch, world, up);
    // No request is no plan: even shares would have no latency to be compared with.
    this.#state.expectedRequests[0] = Math.max(1, this.#predictor.predict());
    if (own.regions.length === 1) {
      this.#plan.fill(1);
    } else {
      this.#budget.begin();
      askPlanner(own.world, this.#planner, epoch, {
        state: this.#state,
        budget: this.#budget,
        plan: this.#plan,
      });
      this.#planned = true;
      this.plans++;
      this.calls += this.#budget.calls;
    }
    this.#spread(up);
  }

  #setConditions(epoch: number, { signals, regions }: World, up: Uint8Array): void {
    const { class: own } = this;
    const { physics } = own.world;
    const hasPrice = own.regions.some((r) => signals.energyPrice[r] > 0);
    for (const state of [this.#state, this.#truth]) {
      state.epoch = epoch;
      for (const [d, r] of own.regions.entries()) {
        let carbon = 0;
        for (const share of AHEAD) carbon += signals.forecastCarbon(r, share * this.#epochSeconds);
        state.carbonKgPerKwh[d] = Math.max(LEAST, carbon / AHEAD.length / 1000);
        const usd = hasPrice ? signals.energyPrice[r] : own.rentUsdPerKwh[d];
        state.usdPerKwh[d] = Math.max(LEAST, usd);
        const site = regions.siteLitresPerItKwh[r];
        const grid = regions.gridLitresPerKwh[r];
        // Unknown water is that of the paper's towers, the same everywhere.
        const isKnown = Number.isFinite(site + grid);
        state.evaporation[d] = isKnown ? site / potableLitresPerItKwh(physics) : 1;
        state.waterLPerKwh[d] = isKnown ? Math.max(LEAST, grid) : LEAST;
        state.cop[d] = copOf(regions.pue[r], own.world);
      }
    }
    // In place: a share of all nodes of a site, as the state has it, would not say which kind is down.
    const { nodesOf } = own.world;
    const types = own.world.nodeTypes.length;
    nodesOf.fill(0);
    for (const [i, e] of own.endpoints.entries()) {
      if (up[e] === 1) nodesOf[own.site[i] * types + own.type[i]] += own.nodes[i];
    }
  }

  /** Shares of sites over the endpoints: those whose nodes the model has on, by what they sustain. */
  #spread(up: Uint8Array): void {
    const { endpoints, site, type, nodes, rate, regions, world } = this.class;
    this.#model.evaluate(this.#state, this.#plan, this.#metrics);
    const types = world.nodeTypes.length;
    const on = this.#model.nodesOn.slice();
    const weights = new Float64Array(endpoints.length);
    for (const [i, e] of endpoints.entries()) {
      if (up[e] === 0) continue;
      const cell = site[i] * types + type[i];
      const own = Math.min(nodes[i], on[cell]);
      on[cell] -= own;
      weights[i] = own * rate[i];
    }
    for (let d = 0; d < regions.length; d++) {
      const sum = sumAt(weights, site, d);
      for (let i = 0; i < weights.length; i++) {
        if (site[i] !== d) continue;
        const alike = nodes[i] * rate[i];
        this.shares[i] = this.#plan[d] * (sum > 0 ? weights[i] / sum : alike / this.#sustained(d));
      }
    }
  }

  #sustained(d: number): number {
    const { nodes, rate, site } = this.class;
    return sumAt(
      nodes.map((count, i) => count * rate[i]),
      site,
      d,
    );
  }
}

function sumAt(values: Float64Array, site: Int32Array, d: number): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) if (site[i] === d) sum += values[i];
  return sum;
}

/** Weights over their sum. */
function normalised(length: number, weight: (i: number) => number): Float64Array {
  const weights = Float64Array.from({ length }, (_, i) => weight(i));
  const sum = weights.reduce((total, value) => total + value, 0);
  return weights.map((value) => value / sum);
}
