import { METRICS } from "../../datacenter/epoch-model.ts";
import type { EpochState } from "../../datacenter/epoch-state.ts";
import type { EpochPlanner, PlanBudget, PlannedPoint } from "../../datacenter/simulate-epochs.ts";
import { type DatacenterWorld, planRowsOf } from "../../datacenter/world.ts";
import type { Learner } from "../../learning/checkpoint/learner.ts";
import { chooseDense } from "../../learning/dense/choose-dense.ts";
import type { Dense } from "../../learning/dense/dense.ts";
import { nonDominated, thinFront } from "../../numeric/pareto.ts";
import { Agent } from "./agent.ts";
import { updateCapitals } from "./capital.ts";
import { featureCount, StateFeatures } from "./features.ts";
import { negotiate, type Outcome, type Parties } from "./negotiation.ts";
import { AGENTS, type MarlinParameters, parseMarlinParameters } from "./parameters.ts";
import { EVALUATION_WIDTH } from "./reward.ts";
import { marlinVariant } from "./variants.ts";

export interface MarlinOptions {
  readonly seed: number;
  /** Default: the addon's kernels where it loads. */
  readonly dense?: Dense;
  /** Over those of the variant. */
  readonly parameters?: Readonly<Record<string, unknown>>;
}

/** Calls of the model in an epoch: the agents' steps, their own plans, the consensus. */
export function callsPerEpoch(steps: number): number {
  return AGENTS.length * (steps + 1) + 1;
}

/**
 * MARLIN (arXiv 2605.13496): in every epoch four agents, for TTFT, carbon, water and cost, learn by soft actor-critic
 * what plans do (phase 1), then agree on one by blending and vetoes (phase 2).
 *
 * @param name of a variant or ablation, e.g. `marlin-balanced`
 * @throws UserError CANOPY_ROUTER_UNKNOWN, CANOPY_ROUTER_PARAMETER; while planning CANOPY_LEARNING_DIVERGED
 */
export function marlinPlanner(name: string, world: DatacenterWorld, options: MarlinOptions): MarlinPlanner {
  const parameters = parseMarlinParameters(name, {
    ...marlinVariant(name).parameters,
    ...options.parameters,
  });
  return new MarlinPlanner(name, world, parameters, options.dense ?? chooseDense(), options.seed);
}

export class MarlinPlanner implements EpochPlanner {
  readonly name: string;
  readonly capitals: Float64Array;
  readonly #parameters: MarlinParameters;
  readonly #agents: readonly Agent[];
  readonly #parties: Parties;
  /** Of a dominant agent. */
  readonly #fixed: { readonly weights: Float64Array; readonly soleVeto: number } | undefined;
  readonly #features = new StateFeatures();
  readonly #state: Float32Array;
  /** Evaluations of the agents' own plans. */
  readonly #own: readonly Float64Array[];
  readonly #evaluation = new Float64Array(EVALUATION_WIDTH);
  /** All plans that were evaluated in the epoch, one after another, and their metrics. */
  readonly #tried: Float64Array[] = [];
  readonly #triedMetrics: Float64Array[] = [];
  #triedCount = 0;
  #outcome: Outcome;
  #epochs = 0;
  #vetoes = 0;

  constructor(
    name: string,
    world: DatacenterWorld,
    parameters: MarlinParameters,
    dense: Dense,
    seed: number,
  ) {
    const sites = world.sites.length;
    const rows = planRowsOf(world);
    const sizes = { state: featureCount(world.models.length, sites), rows, sites };
    const total = parameters.weights.reduce((sum, weight) => sum + weight, 0);
    const weights = Float64Array.from(parameters.weights, (weight) => weight / total);
    const dominant = parameters.dominant === null ? -1 : AGENTS.indexOf(parameters.dominant);
    this.name = name;
    this.#parameters = parameters;
    this.#agents = AGENTS.map((_, j) => new Agent(dense, j, weights, sizes, parameters, seed));
    // What is left of a training that diverged shall be what `artefacts: { checkpoint }` takes.
    for (const agent of this.#agents) agent.guard(this.learner);
    this.capitals = Float64Array.from(
      AGENTS,
      (_, j) => parameters.initialCapital * (j === dominant ? parameters.dominance : 1),
    );
    const wealth = this.capitals.reduce((sum, capital) => sum + capital, 0);
    this.#fixed =
      dominant < 0
        ? undefined
        : { weights: this.capitals.map((capital) => capital / wealth), soleVeto: dominant };
    this.#parties = {
      plans: AGENTS.map(() => new Float64Array(rows * sites)),
      capitals: this.capitals,
      value: (agent, plan, gradient) => this.#agents[agent].value(plan, gradient),
    };
    this.#state = new Float32Array(sizes.state);
    this.#own = AGENTS.map(() => new Float64Array(EVALUATION_WIDTH));
    this.#outcome = { weights: new Float64Array(AGENTS.length), vetoes: new Float64Array(AGENTS.length) };
  }

  /**
   * The agents as one learner, for checkpoints: networks and temperatures; replay, capitals and what the epochs before
   * were like are no part of it.
   */
  get learner(): Learner {
    const ofAll = <T>(of: (learner: Learner) => Readonly<Record<string, T>>) =>
      Object.fromEntries(
        this.#agents.flatMap(({ learner }, j) =>
          Object.entries(of(learner)).map(([name, value]) => [`${AGENTS[j]}.${name}`, value] as const),
        ),
      );
    return {
      kind: "marlin",
      shape: this.#agents[0].learner.shape,
      networks: ofAll(({ networks }) => networks),
      arrays: ofAll(({ arrays }) => arrays),
    };
  }

  plan(state: EpochState, budget: PlanBudget, plan: Float64Array): void {
    this.#triedCount = 0;
    this.#features.write(state, budget.capacity, this.#state);
    const steps = this.#stepsWithin(budget);
    const judged = this.#learn(budget, steps, plan);
    this.#outcome = negotiate(this.#parties, this.#parameters, plan, this.#fixed);
    for (const pull of this.#outcome.vetoes) if (pull > 0) this.#vetoes++;
    this.#epochs++;
    const agreed = budget.evaluate(plan, this.#evaluation);
    if (agreed) this.#keep(plan, this.#evaluation);
    // Capital needs every agent's metrics: with fewer calls than that it stays.
    if (agreed && judged && this.#parameters.capital) {
      updateCapitals(this.capitals, this.#own, this.#evaluation, this.#parameters);
    }
  }

  archive(): readonly PlannedPoint[] {
    const metrics = this.#triedMetrics.slice(0, this.#triedCount);
    const front = nonDominated(metrics);
    const kept = thinFront(
      front.map((i) => metrics[i]),
      this.#parameters.archiveSize,
    );
    return kept.map((k) => ({ plan: this.#tried[front[k]].slice(), metrics: metrics[front[k]].slice() }));
  }

  /** Capitals, weights of the blend and temperatures after the last epoch, by agent; vetoes an epoch; updates. */
  figures(): Readonly<Record<string, number>> {
    const figures: Record<string, number> = {
      vetoes_per_epoch: this.#epochs > 0 ? this.#vetoes / this.#epochs : 0,
      updates: this.#agents.reduce((sum, agent) => sum + agent.updates, 0),
    };
    for (const [j, agent] of AGENTS.entries()) {
      figures[`capital_${agent}`] = this.capitals[j];
      figures[`weight_${agent}`] = this.#outcome.weights[j];
      figures[`alpha_${agent}`] = this.#agents[j].alpha;
    }
    return figures;
  }

  /** Phase 1. @returns whether every agent's own plan was evaluated */
  #learn(budget: PlanBudget, steps: number, plan: Float64Array): boolean {
    let judged = true;
    for (const [j, agent] of this.#agents.entries()) {
      agent.beginEpoch(this.#state);
      for (let step = 0; step < steps; step++) {
        agent.explore(plan);
        if (!budget.evaluate(plan, this.#evaluation)) break;
        this.#keep(plan, this.#evaluation);
        agent.learn(this.#evaluation, budget.uniform);
      }
      agent.relabel();
      const own = this.#parties.plans[j];
      agent.decide(own);
      if (budget.evaluate(own, this.#own[j])) this.#keep(own, this.#own[j]);
      else judged = false;
    }
    return judged;
  }

  /** As many steps as the limit of calls allows beside the agents' plans and the consensus. */
  #stepsWithin(budget: PlanBudget): number {
    const { steps } = this.#parameters;
    if (budget.left >= callsPerEpoch(steps)) return steps;
    return Math.max(0, Math.floor((budget.left - callsPerEpoch(0)) / AGENTS.length));
  }

  #keep(plan: Float64Array, evaluation: Float64Array): void {
    const at = this.#triedCount++;
    if (at === this.#tried.length) {
      this.#tried.push(new Float64Array(plan.length));
      this.#triedMetrics.push(new Float64Array(METRICS.length));
    }
    this.#tried[at].set(plan);
    for (let j = 0; j < METRICS.length; j++) this.#triedMetrics[at][j] = evaluation[j];
  }
}
