import { DivergenceGuard } from "../../learning/checkpoint/divergence-guard.ts";
import type { Learner } from "../../learning/checkpoint/learner.ts";
import type { Dense } from "../../learning/dense/dense.ts";
import { GoalRelabeller } from "../../learning/her/relabel-goals.ts";
import { type Batch, makeBatch } from "../../learning/replay/batch.ts";
import { CrossEpochReplay } from "../../learning/replay/cross-epoch-replay.ts";
import type { Conditioning } from "../../learning/sac/actor.ts";
import type { LesserValues } from "../../learning/sac/critics.ts";
import { Sac } from "../../learning/sac/sac.ts";
import { actionsOfPlan, planGradients, planOfActions } from "../../learning/sac/simplex-actions.ts";
import { Stream } from "../../numeric/random.ts";
import { AGENTS, type MarlinParameters } from "./parameters.ts";
import { goalOf, Reward, relativeMetrics } from "./reward.ts";

export interface AgentSizes {
  /** Features of a state. */
  readonly state: number;
  /** Rows of a plan, and shares in each. */
  readonly rows: number;
  readonly sites: number;
}

/** One of MARLIN's learners: a policy and critics for one metric, and what it has tried. */
export class Agent {
  /** Weights of the metrics that it acts by. */
  readonly goal: Float64Array;
  readonly #parameters: MarlinParameters;
  readonly #sizes: AgentSizes;
  readonly #sac: Sac;
  readonly #name: string;
  #guard: DivergenceGuard;
  readonly #replay: CrossEpochReplay;
  readonly #relabeller: GoalRelabeller;
  readonly #sampling: Stream;
  readonly #reward: Reward;
  readonly #batch: Batch;
  readonly #one: Batch;
  readonly #state: Float32Array;
  readonly #goal: Float32Array;
  /** Last drawn, until `decide` or `value` writes there. */
  readonly #action: Float32Array;
  readonly #relative = new Float64Array(AGENTS.length);
  readonly #values: Required<LesserValues>;
  readonly #valueOnly: LesserValues;

  /**
   * @param index of the metric in {@link AGENTS}
   * @param weights of the metrics (w), of sum 1
   */
  constructor(
    dense: Dense,
    index: number,
    weights: Float64Array,
    sizes: AgentSizes,
    parameters: MarlinParameters,
    seed: number,
  ) {
    const name = AGENTS[index];
    const action = sizes.rows * sizes.sites;
    const shape = { state: sizes.state, action, goal: AGENTS.length, metrics: AGENTS.length };
    this.goal = goalOf(index, weights, parameters.goalShare);
    this.#parameters = parameters;
    this.#sizes = sizes;
    this.#sac = new Sac(
      dense,
      {
        stateSize: sizes.state,
        actionSize: action,
        goalSize: AGENTS.length,
        conditioning: conditioningOf(parameters),
        actorHidden: parameters.actorHidden,
        criticHidden: parameters.criticHidden,
        gamma: parameters.gamma,
        tau: parameters.tau,
        actorLearningRate: parameters.actorLearningRate,
        criticLearningRate: parameters.criticLearningRate,
        initialAlpha: parameters.initialAlpha,
        oneStep: parameters.oneStep,
        centredGroup: sizes.sites,
      },
      seed,
      `marlin ${name}`,
    );
    this.#name = name;
    this.#guard = this.#guardOf(this.#sac);
    this.#replay = new CrossEpochReplay(shape, parameters);
    const goals: number[][] = AGENTS.map((_, j) => AGENTS.map((_, i) => (i === j ? 1 : 0)));
    goals.push(AGENTS.map(() => 1 / AGENTS.length));
    this.#relabeller = new GoalRelabeller(
      goals,
      parameters.herCopies,
      new Stream(seed, `marlin ${name} hindsight`),
    );
    this.#sampling = new Stream(seed, `marlin ${name} sampling`);
    this.#reward = new Reward(parameters);
    this.#batch = makeBatch(shape, parameters.batch);
    this.#one = makeBatch(shape, 1);
    this.#state = new Float32Array(sizes.state);
    this.#goal = Float32Array.from(this.goal);
    this.#action = new Float32Array(action);
    this.#values = { values: new Float64Array(1), actionGradients: new Float32Array(action) };
    this.#valueOnly = { values: this.#values.values };
  }

  /** What a checkpoint keeps of it. */
  get learner(): Learner {
    return this.#sac;
  }

  /** Has the checkpoints for the case that it diverges taken of `whole`, all agents together. */
  guard(whole: Learner): void {
    this.#guard = this.#guardOf(whole);
  }

  /** Updates of its networks so far. */
  get updates(): number {
    return this.#sac.updates;
  }

  get alpha(): number {
    return this.#sac.alpha;
  }

  /** Closes the epoch before, whose transitions now know the state that followed, and opens that of `state`. */
  beginEpoch(state: Float32Array): void {
    const { current, previous } = this.#replay;
    if (this.#parameters.nextState === "same") {
      this.#replay.endEpoch();
    } else {
      for (let i = Math.max(0, current.length - previous.capacity); i < current.length; i++) {
        current.copyOut(i, this.#one, 0);
        previous.push({
          state: this.#one.states,
          action: this.#one.actions,
          reward: this.#one.rewards[0],
          nextState: state,
          done: false,
          goal: this.#one.goals,
          metrics: this.#one.metrics,
        });
      }
      current.clear();
    }
    this.#state.set(state);
  }

  /** Draws a plan to try. */
  explore(plan: Float64Array): void {
    this.#act("explore", plan);
  }

  /** The plan of the policy's means: a*. */
  decide(plan: Float64Array): void {
    this.#act("mean", plan);
  }

  /**
   * Takes note of how the plan last drawn did, before anything else is asked, and makes an update.
   *
   * @param evaluation metrics, share of nodes off
   * @param uniform metrics of the uniform plan
   */
  learn(evaluation: Float64Array, uniform: Float64Array): void {
    relativeMetrics(evaluation, uniform, this.#parameters.relativeCap, this.#relative);
    this.#replay.current.push({
      state: this.#state,
      action: this.#action,
      reward: this.#reward.of(this.#relative, this.goal, evaluation),
      // As far as is known while the epoch runs, the next one is like it.
      nextState: this.#state,
      done: false,
      goal: this.#goal,
      metrics: this.#relative,
    });
    if (this.#replay.length < this.#parameters.learningStarts) return;
    this.#replay.sample(this.#sampling, this.#parameters.batch, this.#batch);
    this.#guard.watch(this.#sac.update(this.#batch).criticLoss);
  }

  /** Adds the epoch's transitions under other goals. */
  relabel(): void {
    const { current } = this.#replay;
    if (this.#parameters.her) this.#relabeller.relabel(current, current.length);
  }

  /**
   * What a plan is worth to this agent in the state of the epoch: the lesser of its critics.
   *
   * @param gradient filled where given: by the plan's shares
   */
  value(plan: Float64Array, gradient?: Float64Array): number {
    const { rows, sites } = this.#sizes;
    actionsOfPlan(plan, rows, sites, this.#action, this.#parameters.kappa);
    const out = gradient === undefined ? this.#valueOnly : this.#values;
    this.#sac.values(this.#state, this.#action, this.#goal, 1, out);
    if (gradient !== undefined) {
      planGradients(plan, this.#values.actionGradients, rows, sites, gradient, this.#parameters.kappa);
    }
    return out.values[0];
  }

  #guardOf(learner: Learner): DivergenceGuard {
    return new DivergenceGuard(learner, { learner: `MARLIN's agent "${this.#name}"` });
  }

  #act(how: "explore" | "mean", plan: Float64Array): void {
    this.#sac.act(how, this.#state, this.#goal, 1, this.#action);
    planOfActions(this.#action, this.#sizes.rows, this.#sizes.sites, plan, this.#parameters.kappa);
  }
}

function conditioningOf({ conditioning, filmOnAction }: MarlinParameters): Conditioning {
  return conditioning === "film" && filmOnAction ? "film-on-action" : conditioning;
}
