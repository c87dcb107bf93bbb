import type { Arrivals } from "./arrivals.ts";
import { askPlanner } from "./check-plan.ts";
import { type ConditionTable, setConditions } from "./conditions.ts";
import { type EpochDetail, EpochModel, METRICS } from "./epoch-model.ts";
import { type EpochState, emptyState } from "./epoch-state.ts";
import {
  EWMA_SLOPE,
  type EwmaSlopeParameters,
  EwmaSlopePredictor,
  PersistencePredictor,
  type Predictor,
} from "./predictor.ts";
import { type DatacenterWorld, expectValue } from "./world.ts";

/** A planner's only way to the model; calls are counted. */
export interface PlanBudget {
  /** Calls that are left; infinite without a limit. */
  readonly left: number;
  readonly calls: number;
  /** Rated capacity in requests of the epoch, index model * sites + site: free of charge. */
  readonly capacity: Float64Array;
  /** Metrics of the uniform plan under the forecast, by which metrics are made comparable: free of charge. */
  readonly uniform: Float64Array;
  /**
   * Metrics of a plan under the forecast.
   *
   * @returns false when no call was left, with `out` as it was
   */
  evaluate(plan: Float64Array, out: Float64Array): boolean;
}

/** Plans an epoch at a time. States and arrays are the loop's own and written again: keep copies. */
export interface EpochPlanner {
  readonly name: string;
  /** Writes rows on the simplex; no share is there before. */
  plan(state: EpochState, budget: PlanBudget, plan: Float64Array): void;
  /** The epoch as it came: state with true counts, the plan, its metrics. */
  observe?(state: EpochState, plan: Float64Array, metrics: Float64Array): void;
  /** Plans of the last epoch of which none is worse in everything, with metrics under the forecast. */
  archive?(): readonly PlannedPoint[];
  /** Numbers of the planner's own, for tables. */
  figures?(): Readonly<Record<string, number>>;
}

export interface PlannedPoint {
  readonly plan: Float64Array;
  readonly metrics: Float64Array;
}

export interface SimulateEpochsOptions {
  readonly world: DatacenterWorld;
  readonly planner: EpochPlanner;
  /** Scaled counts; the first `history` epochs only feed the forecast. */
  readonly arrivals: Arrivals;
  readonly conditions: ConditionTable;
  readonly history?: number;
  /** Default: level and slope. `clairvoyant` forecasts the truth; a function makes a predictor for each model. */
  readonly forecast?: "ewma-slope" | "persistence" | "clairvoyant" | (() => Predictor);
  readonly ewma?: EwmaSlopeParameters;
  /** Calls of the model that a planner may make in an epoch; without it any number. */
  readonly callLimit?: number;
  /** Keep every epoch's detail (default false). */
  readonly details?: boolean;
  /** Milliseconds now; default the process's clock. */
  readonly clock?: () => number;
}

export interface EpochRecord {
  readonly epoch: number;
  /** True requests and the forecast of them, by model. */
  readonly requests: Float64Array;
  readonly forecast: Float64Array;
  readonly plan: Float64Array;
  /** TTFT (s), carbon (kg), water (L), cost ($) under true requests; share of nodes off; share of requests beyond capacity. */
  readonly metrics: Float64Array;
  readonly calls: number;
  readonly planningSeconds: number;
  readonly detail?: EpochDetail;
}

export interface EpochsResult {
  readonly planner: string;
  readonly epochs: readonly EpochRecord[];
  /** TTFT is the mean over all requests, the rest sums. */
  readonly totals: Readonly<Record<(typeof METRICS)[number], number>>;
  readonly requests: number;
  /** Share of all requests beyond the rated capacity of where they were sent. */
  readonly excessShare: number;
  readonly calls: number;
  readonly planningSeconds: number;
}

/** Numbers that an evaluation is asked for: the metrics, share of nodes off, share beyond capacity. */
const WIDTH = 6;

/**
 * Runs a planner over a horizon: forecast, plan, the check of the plan, the truth, and what the planner learns of it.
 * Nodes that the plan needs under the forecast are loaded when the epoch begins (`prewarm`); those that are on at its
 * end are on when the next one begins, and at the beginning those are on that the uniform plan needs.
 *
 * @throws UserError CANOPY_PLAN_ROW, CANOPY_PLAN_SHAPE for what a planner must not give; CANOPY_DATACENTER_VALUE for a
 *   horizon without epochs or conditions
 */
export function simulateEpochs(options: SimulateEpochsOptions): EpochsResult {
  const { world, planner, arrivals, conditions, history = 0, details = false } = options;
  const clock = options.clock ?? (() => performance.now());
  const models = world.models.length;
  expectValue(arrivals.models === models, "arrivals", `counts of ${models} models`, arrivals.models);
  const epochs = arrivals.epochs - history;
  expectValue(epochs > 0, "arrivals", `more epochs than the ${history} of history`, arrivals.epochs);
  expectValue(conditions.epochs >= epochs, "conditions", `${epochs} epochs`, conditions.epochs);
  const model = new EpochModel(world);
  const state = emptyState(world, arrivals.epochSeconds);
  const truth = emptyState(world, arrivals.epochSeconds);
  const predictors = Array.from({ length: models }, () => makePredictor(options));
  for (let e = 0; e < history; e++) observeCounts(predictors, arrivals, e);
  const budget = new EpochBudget(model, options.callLimit ?? Number.POSITIVE_INFINITY, state);
  const plan = new Float64Array(model.planLength);
  const nodesOn = new Float64Array(world.nodesOf.length);
  const nodesNext = new Float64Array(world.nodesOf.length);
  const nodesWarm = new Float64Array(world.nodesOf.length);
  const metrics = new Float64Array(WIDTH);
  const records: EpochRecord[] = [];
  for (let e = 0; e < epochs; e++) {
    for (const one of [state, truth]) {
      one.epoch = e;
      setConditions(conditions, e, one);
    }
    for (let v = 0; v < models; v++) {
      const count = arrivals.counts[(history + e) * models + v];
      truth.expectedRequests[v] = count;
      state.expectedRequests[v] = options.forecast === "clairvoyant" ? count : predictors[v].predict();
    }
    if (e === 0) {
      state.nodesOn = null;
      plan.fill(1 / world.sites.length);
      model.evaluate(state, plan, metrics);
      nodesOn.set(model.nodesOn);
    }
    state.nodesOn = nodesOn;
    truth.nodesOn = nodesOn;
    budget.begin();
    const before = clock();
    askPlanner(world, planner, e, { state, budget, plan });
    const planningSeconds = (clock() - before) / 1000;
    if (world.prewarm) {
      model.evaluate(state, plan, metrics);
      for (let i = 0; i < nodesWarm.length; i++) nodesWarm[i] = Math.max(nodesOn[i], model.nodesOn[i]);
      truth.nodesWarm = nodesWarm;
    }
    model.evaluate(truth, plan, metrics);
    records.push({
      epoch: e,
      requests: truth.expectedRequests.slice(),
      forecast: state.expectedRequests.slice(),
      plan: plan.slice(),
      metrics: metrics.slice(),
      calls: budget.calls,
      planningSeconds,
      ...(details ? { detail: model.detail(truth, plan) } : {}),
    });
    // Read before the planner can evaluate again; set after it, since it is shown the epoch as it began.
    nodesNext.set(model.nodesOn);
    planner.observe?.(truth, plan, metrics);
    nodesOn.set(nodesNext);
    observeCounts(predictors, arrivals, history + e);
  }
  return summary(planner.name, records);
}

function observeCounts(predictors: readonly Predictor[], arrivals: Arrivals, epoch: number): void {
  for (const [v, predictor] of predictors.entries()) {
    predictor.observe(arrivals.counts[epoch * arrivals.models + v]);
  }
}

function makePredictor(options: SimulateEpochsOptions): Predictor {
  if (typeof options.forecast === "function") return options.forecast();
  if (options.forecast === "persistence") return new PersistencePredictor();
  return new EwmaSlopePredictor(options.ewma ?? EWMA_SLOPE);
}

function summary(planner: string, epochs: readonly EpochRecord[]): EpochsResult {
  const totals = { ttft: 0, carbon: 0, water: 0, cost: 0 };
  let requests = 0;
  let excess = 0;
  let calls = 0;
  let planningSeconds = 0;
  for (const record of epochs) {
    const count = record.requests.reduce((sum, value) => sum + value, 0);
    requests += count;
    totals.ttft += count * record.metrics[0];
    totals.carbon += record.metrics[1];
    totals.water += record.metrics[2];
    totals.cost += record.metrics[3];
    excess += count * record.metrics[5];
    calls += record.calls;
    planningSeconds += record.planningSeconds;
  }
  totals.ttft = requests > 0 ? totals.ttft / requests : 0;
  return {
    planner,
    epochs,
    totals,
    requests,
    excessShare: requests > 0 ? excess / requests : 0,
    calls,
    planningSeconds,
  };
}

/** The budget of this loop, for loops of others: `begin` opens an epoch with the state as it is then. */
export class EpochBudget implements PlanBudget {
  readonly capacity: Float64Array;
  readonly uniform = new Float64Array(METRICS.length);
  readonly #model: EpochModel;
  readonly #limit: number;
  readonly #state: EpochState;
  readonly #even: Float64Array;
  #calls = 0;

  constructor(model: EpochModel, limit: number, state: EpochState) {
    this.#model = model;
    this.#limit = limit;
    this.#state = state;
    this.capacity = new Float64Array(state.models * state.sites);
    this.#even = new Float64Array(model.planLength).fill(1 / state.sites);
  }

  get calls(): number {
    return this.#calls;
  }

  get left(): number {
    return this.#limit - this.#calls;
  }

  begin(): void {
    this.#calls = 0;
    this.#model.capacity(this.#state, this.capacity);
    this.#model.evaluate(this.#state, this.#even, this.uniform);
  }

  evaluate(plan: Float64Array, out: Float64Array): boolean {
    if (this.#calls >= this.#limit) return false;
    this.#calls++;
    this.#model.evaluate(this.#state, plan, out);
    return true;
  }
}
