import { Stream } from "../../numeric/random.ts";
import type { Learner } from "../checkpoint/learner.ts";
import { argumentError } from "../dense/arguments.ts";
import { type Dense, initialise, type Mlp } from "../dense/dense.ts";
import type { Batch } from "../replay/batch.ts";

export interface DdqnOptions {
  readonly stateSize: number;
  /** Choices; a network has an output for each. */
  readonly actions: number;
  /** Default 128-128. */
  readonly hidden?: readonly number[];
  /** Default 0.95. */
  readonly gamma?: number;
  /** Default 1e-3. */
  readonly learningRate?: number;
  /** Updates between copies to the target network. Default 200. */
  readonly targetEvery?: number;
}

/**
 * Double deep Q-learning (van Hasselt et al. 2016): the network chooses the next action, its target values it. The loss
 * is the squared error. Transitions have one action element, the index of what was chosen.
 */
export class Ddqn implements Learner {
  readonly kind = "ddqn";
  readonly shape: Learner["shape"];
  readonly networks: { readonly online: Mlp };
  readonly arrays: Learner["arrays"];
  readonly #actions: number;
  readonly #gamma: number;
  readonly #learningRate: number;
  readonly #targetEvery: number;
  readonly #target: Mlp;
  readonly #noise: Stream;
  /** Updates done. */
  readonly #counts = new Int32Array(1);
  #capacity = 0;
  #values = new Float32Array(0);
  #nextValues = new Float32Array(0);
  #targetValues = new Float32Array(0);
  #gradients = new Float32Array(0);

  /** @param purpose names the learner's random streams, so that learners under one seed draw differently */
  constructor(dense: Dense, options: DdqnOptions, seed: number, purpose = "ddqn") {
    const { stateSize, actions, hidden = [128, 128], targetEvery = 200 } = options;
    if (!Number.isInteger(targetEvery) || targetEvery < 1) {
      throw argumentError(
        `the target is copied every ${targetEvery} updates, expected a whole number from 1`,
      );
    }
    this.#actions = actions;
    this.#gamma = options.gamma ?? 0.95;
    this.#learningRate = options.learningRate ?? 1e-3;
    this.#targetEvery = targetEvery;
    const shape = {
      sizes: [stateSize, ...hidden, actions],
      activations: [...hidden.map(() => "relu" as const), "linear" as const],
    };
    const online = dense.mlp(shape);
    this.#target = dense.mlp(shape);
    const weights = new Stream(seed, `${purpose} weights`);
    initialise(online, () => weights.uniform());
    this.#target.parameters.set(online.parameters);
    this.#noise = new Stream(seed, `${purpose} noise`);
    this.shape = { layers: shape.sizes.join("-") };
    this.networks = { online };
    this.arrays = { target: this.#target.parameters, noise: this.#noise.state, counts: this.#counts };
  }

  /** Updates done. */
  get updates(): number {
    return this.#counts[0];
  }

  /**
   * An action for one state: with probability epsilon any, else that of the largest value.
   *
   * @param allowed 1 for the actions that may be taken, at least one; default: all
   */
  choose(state: Float32Array, epsilon: number, allowed?: ArrayLike<number>): number {
    this.#reserve(1);
    if (this.#noise.uniform() < epsilon) {
      for (;;) {
        const action = this.#noise.below(this.#actions);
        if (allowed === undefined || allowed[action] === 1) return action;
      }
    }
    this.networks.online.forward(state, 1, this.#values);
    return bestAction(this.#values, 0, this.#actions, allowed);
  }

  /** values [rows, actions] of states [rows, stateSize]. */
  valuesOf(states: Float32Array, rows: number, values: Float32Array): void {
    this.networks.online.forward(states, rows, values);
  }

  /**
   * One Adam step down mean (Q(s, a) - y)^2.
   *
   * @returns that loss, before the step
   */
  update({ rows, states, actions, rewards, nextStates, done }: Batch): number {
    this.#reserve(rows);
    const { online } = this.networks;
    const count = this.#actions;
    online.forward(nextStates, rows, this.#nextValues);
    this.#target.forward(nextStates, rows, this.#targetValues);
    online.forward(states, rows, this.#values);
    this.#gradients.fill(0, 0, rows * count);
    let loss = 0;
    for (let row = 0; row < rows; row++) {
      const at = row * count + actions[row];
      const target =
        rewards[row] +
        this.#gamma *
          (1 - done[row]) *
          doubleQValue(this.#nextValues, this.#targetValues, row * count, count);
      const miss = this.#values[at] - target;
      loss += (miss * miss) / rows;
      this.#gradients[at] = (2 * miss) / rows;
    }
    online.backward(this.#gradients);
    online.adamStep({ learningRate: this.#learningRate });
    if (++this.#counts[0] % this.#targetEvery === 0) this.syncTarget();
    return loss;
  }

  /** Copies the network to its target, as after parameters were written from outside. */
  syncTarget(): void {
    this.#target.parameters.set(this.networks.online.parameters);
  }

  #reserve(rows: number): void {
    if (rows <= this.#capacity) return;
    this.#capacity = rows;
    const size = rows * this.#actions;
    this.#values = new Float32Array(size);
    this.#nextValues = new Float32Array(size);
    this.#targetValues = new Float32Array(size);
    this.#gradients = new Float32Array(size);
  }
}

/** The target's value of the action that the network values most; both hold a row of `count` from `at`. */
export function doubleQValue(
  online: ArrayLike<number>,
  target: ArrayLike<number>,
  at: number,
  count: number,
): number {
  return target[at + bestAction(online, at, count)];
}

function bestAction(
  values: ArrayLike<number>,
  at: number,
  count: number,
  allowed?: ArrayLike<number>,
): number {
  let best = -1;
  for (let a = 0; a < count; a++) {
    if (allowed !== undefined && allowed[a] !== 1) continue;
    if (best < 0 || values[at + a] > values[at + best]) best = a;
  }
  return best;
}
