import { Stream } from "../../numeric/random.ts";
import type { Learner } from "../checkpoint/learner.ts";
import { argumentError } from "../dense/arguments.ts";
import type { Dense } from "../dense/dense.ts";
import type { Batch } from "../replay/batch.ts";
import { type Actor, type Conditioning, makeActor } from "./actor.ts";
import { Critics, type LesserValues } from "./critics.ts";
import {
  drawActions,
  makePolicySample,
  meanActions,
  type PolicySample,
  policyGradient,
} from "./squashed-gaussian.ts";
import { Temperature } from "./temperature.ts";

/** Sizes and constants of soft actor-critic; the defaults are those of CleanRL where it has them. */
export interface SacOptions {
  readonly stateSize: number;
  readonly actionSize: number;
  /** Default 0: no goal. The critics see the goal beside state and action. */
  readonly goalSize?: number;
  /** Default `film` with a goal, `none` without. */
  readonly conditioning?: Conditioning;
  /** Default 256-256. */
  readonly actorHidden?: readonly number[];
  /** Default 256-256. */
  readonly criticHidden?: readonly number[];
  /** Discount per step. Default 0.99. */
  readonly gamma?: number;
  /** Share of the networks in their targets at each update. Default 0.005. */
  readonly tau?: number;
  /** Default 3e-4. */
  readonly actorLearningRate?: number;
  /** Default 1e-3. */
  readonly criticLearningRate?: number;
  /** Default: the critics'. 0 keeps alpha fixed. */
  readonly alphaLearningRate?: number;
  /** Temperature to start from. Default 1. */
  readonly initialAlpha?: number;
  /** Nats. Default -actionSize. */
  readonly targetEntropy?: number;
  /** The policy is updated at every so many updates, as many times. Default 1 (CleanRL: 2). */
  readonly policyDelay?: number;
  /** Every transition counts as the last of its episode: for tasks without dynamics. Default false. */
  readonly oneStep?: boolean;
  /** Actions per group whose mean the critics do not see; for actions that are logits of plans. Default 0: none. */
  readonly centredGroup?: number;
}

/** What an update came to; the object is the same at every update. */
export interface SacFigures {
  /** Mean squared errors of the two critics, summed. */
  criticLoss: number;
  /** mean(alpha log-density - value). */
  actorLoss: number;
  /** After the update. */
  alpha: number;
  /** Of the policy, in nats: minus the mean log-density of the actions drawn. */
  entropy: number;
  /** Mean of the targets y. */
  meanTarget: number;
}

/**
 * Soft actor-critic with a squashed Gaussian policy, twin critics with targets and automatic temperature (Haarnoja et
 * al. 2018, both papers). Actions lie in (-1, 1) by dimension. Networks work in float32, reductions in double; the same
 * seed and the same calls give the same bits on one backend and instruction set.
 */
export class Sac implements Learner {
  readonly kind = "sac";
  readonly shape: Learner["shape"];
  readonly networks: Learner["networks"];
  readonly arrays: Learner["arrays"];
  readonly figures: SacFigures = { criticLoss: 0, actorLoss: 0, alpha: 0, entropy: 0, meanTarget: 0 };
  readonly stateSize: number;
  readonly actionSize: number;
  readonly goalSize: number;
  readonly #gamma: number;
  readonly #tau: number;
  readonly #actorLearningRate: number;
  readonly #criticLearningRate: number;
  readonly #policyDelay: number;
  readonly #oneStep: boolean;
  readonly #actor: Actor;
  readonly #critics: Critics;
  readonly #temperature: Temperature;
  readonly #noise: Stream;
  /** Updates done. */
  readonly #counts = new Int32Array(1);
  #capacity = 0;
  #outputs = new Float32Array(0);
  #outputGradients = new Float32Array(0);
  #sample: PolicySample = makePolicySample(0, 0);
  #lesser: Required<LesserValues> = { values: new Float64Array(0), actionGradients: new Float32Array(0) };
  #targets = new Float64Array(0);

  /** @param purpose names the learner's random streams, so that learners under one seed draw differently */
  constructor(dense: Dense, options: SacOptions, seed: number, purpose = "sac") {
    const { stateSize, actionSize, goalSize = 0, conditioning = goalSize > 0 ? "film" : "none" } = options;
    const { actorHidden = [256, 256], criticHidden = [256, 256], centredGroup = 0 } = options;
    const { criticLearningRate = 1e-3, alphaLearningRate = criticLearningRate } = options;
    const { initialAlpha = 1, targetEntropy = -actionSize, policyDelay = 1 } = options;
    if (centredGroup > 0 && actionSize % centredGroup !== 0) {
      throw argumentError(`${actionSize} actions are no whole number of groups of ${centredGroup}`);
    }
    if (!Number.isInteger(policyDelay) || policyDelay < 1) {
      throw argumentError(`the policy's delay has to be a whole number from 1, not ${policyDelay}`);
    }
    if (!(initialAlpha > 0)) throw argumentError(`alpha starts at ${initialAlpha}, expected more than 0`);
    this.stateSize = stateSize;
    this.actionSize = actionSize;
    this.goalSize = goalSize;
    this.#gamma = options.gamma ?? 0.99;
    this.#tau = options.tau ?? 0.005;
    this.#actorLearningRate = options.actorLearningRate ?? 3e-4;
    this.#criticLearningRate = criticLearningRate;
    this.#policyDelay = policyDelay;
    this.#oneStep = options.oneStep ?? false;
    const weights = new Stream(seed, `${purpose} weights`);
    const uniform = () => weights.uniform();
    this.#actor = makeActor(
      dense,
      { stateSize, actionSize, goalSize, hidden: actorHidden, conditioning },
      uniform,
    );
    this.#critics = new Critics(
      dense,
      { stateSize, actionSize, goalSize, hidden: criticHidden, centredGroup },
      uniform,
    );
    this.#temperature = new Temperature(initialAlpha, targetEntropy, alphaLearningRate);
    this.#noise = new Stream(seed, `${purpose} noise`);
    const { online, target } = this.#critics;
    this.shape = {
      states: stateSize,
      actions: actionSize,
      goals: goalSize,
      conditioning,
      "actor's hidden layers": actorHidden.join("-"),
      "critics' hidden layers": criticHidden.join("-"),
      "centred group": centredGroup,
    };
    this.networks = {
      ...Object.fromEntries(
        Object.entries(this.#actor.networks).map(([name, mlp]) => [`actor.${name}`, mlp]),
      ),
      "critic.0": online[0],
      "critic.1": online[1],
    };
    this.arrays = {
      "target.0": target[0].parameters,
      "target.1": target[1].parameters,
      temperature: this.#temperature.state,
      noise: this.#noise.state,
      counts: this.#counts,
    };
  }

  get alpha(): number {
    return this.#temperature.alpha;
  }

  /** Updates done. */
  get updates(): number {
    return this.#counts[0];
  }

  /**
   * actions [rows, actionSize] of states [rows, stateSize] under goals [rows, goalSize].
   *
   * @param how `explore` draws from the policy, `mean` takes tanh of its means
   * @param goals empty for a policy without goals
   */
  act(
    how: "explore" | "mean",
    states: Float32Array,
    goals: Float32Array,
    rows: number,
    actions: Float32Array,
  ): void {
    this.#reserve(rows);
    this.#actor.forward(states, goals, rows, this.#outputs);
    if (how === "mean") {
      meanActions(this.#outputs, rows, this.actionSize, actions);
      return;
    }
    drawActions(this.#outputs, rows, this.actionSize, this.#noise, this.#sample);
    for (let i = 0; i < rows * this.actionSize; i++) actions[i] = this.#sample.actions[i];
  }

  /**
   * The lesser of the two critics' values by row; goals as in {@link act}.
   *
   * @param out its `actionGradients` are filled where they are there: what an ascent over actions needs
   */
  values(
    states: Float32Array,
    actions: Float32Array,
    goals: Float32Array,
    rows: number,
    out: LesserValues,
  ): void {
    this.#critics.lesser("online", states, actions, goals, rows, out);
  }

  /** One update from a batch (specification section 4): critics, policy, temperature, targets. */
  update(batch: Batch): SacFigures {
    const { rows } = batch;
    this.#reserve(rows);
    const figures = this.figures;
    this.#setTargets(batch);
    figures.criticLoss = this.#critics.step(
      batch.states,
      batch.actions,
      batch.goals,
      this.#targets,
      rows,
      this.#criticLearningRate,
    );
    const updates = ++this.#counts[0];
    if (updates % this.#policyDelay === 0) {
      for (let k = 0; k < this.#policyDelay; k++) this.#updatePolicy(batch);
    }
    this.#critics.followTargets(this.#tau);
    figures.alpha = this.#temperature.alpha;
    return figures;
  }

  #setTargets({ rows, nextStates, goals, rewards, done }: Batch): void {
    const targets = this.#targets;
    let sum = 0;
    if (this.#oneStep) {
      for (let row = 0; row < rows; row++) sum += targets[row] = rewards[row];
    } else {
      const { actions, logDensities } = this.#sample;
      this.#actor.forward(nextStates, goals, rows, this.#outputs);
      drawActions(this.#outputs, rows, this.actionSize, this.#noise, this.#sample);
      const values = this.#lesser.values;
      this.#critics.lesser("target", nextStates, actions, goals, rows, { values });
      const alpha = this.#temperature.alpha;
      for (let row = 0; row < rows; row++) {
        targets[row] = softTarget(
          rewards[row],
          this.#gamma,
          done[row],
          values[row],
          alpha,
          logDensities[row],
        );
        sum += targets[row];
      }
    }
    this.figures.meanTarget = sum / rows;
  }

  #updatePolicy({ rows, states, goals }: Batch): void {
    const size = this.actionSize;
    const [outputs, sample, lesser] = [this.#outputs, this.#sample, this.#lesser];
    const alpha = this.#temperature.alpha;
    this.#actor.forward(states, goals, rows, outputs);
    drawActions(outputs, rows, size, this.#noise, sample);
    this.#critics.lesser("online", states, sample.actions, goals, rows, lesser);
    let [logDensity, value] = [0, 0];
    for (let row = 0; row < rows; row++) {
      logDensity += sample.logDensities[row] / rows;
      value += lesser.values[row] / rows;
    }
    policyGradient(sample, rows, size, alpha, lesser.actionGradients, this.#outputGradients);
    this.#actor.backward(this.#outputGradients);
    for (const name in this.#actor.networks) {
      this.#actor.networks[name].adamStep({ learningRate: this.#actorLearningRate });
    }
    this.#temperature.step(logDensity);
    this.figures.actorLoss = alpha * logDensity - value;
    this.figures.entropy = -logDensity;
  }

  #reserve(rows: number): void {
    if (rows <= this.#capacity) return;
    this.#capacity = rows;
    const size = this.actionSize;
    this.#outputs = new Float32Array(2 * rows * size);
    this.#outputGradients = new Float32Array(2 * rows * size);
    this.#sample = makePolicySample(rows, size);
    this.#lesser = { values: new Float64Array(rows), actionGradients: new Float32Array(rows * size) };
    this.#targets = new Float64Array(rows);
  }
}

/** y = r + gamma (1 - done) (value - alpha log-density), value being the lesser of the two target critics'. */
export function softTarget(
  reward: number,
  gamma: number,
  done: number,
  value: number,
  alpha: number,
  logDensity: number,
): number {
  return reward + gamma * (1 - done) * (value - alpha * logDensity);
}
