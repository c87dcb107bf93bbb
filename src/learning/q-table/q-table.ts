import type { Stream } from "../../numeric/random.ts";
import type { Learner } from "../checkpoint/learner.ts";

/** Watkins's Q-learning over a table. */
export class QTable implements Learner {
  readonly kind = "q-table";
  readonly shape: { readonly states: number; readonly actions: number };
  readonly networks = {};
  readonly arrays: { readonly values: Float64Array };
  readonly #learningRate: number;
  readonly #gamma: number;

  /** All values start at 0. */
  constructor(states: number, actions: number, learningRate: number, gamma: number) {
    this.shape = { states, actions };
    this.arrays = { values: new Float64Array(states * actions) };
    this.#learningRate = learningRate;
    this.#gamma = gamma;
  }

  value(state: number, action: number): number {
    return this.arrays.values[state * this.shape.actions + action];
  }

  /** The action of the largest value; the first of several. */
  best(state: number): number {
    const { actions } = this.shape;
    const { values } = this.arrays;
    let best = 0;
    for (let a = 1; a < actions; a++) {
      if (values[state * actions + a] > values[state * actions + best]) best = a;
    }
    return best;
  }

  /** Any action with probability epsilon, else the best. */
  choose(state: number, epsilon: number, random: Stream): number {
    return random.uniform() < epsilon ? random.below(this.shape.actions) : this.best(state);
  }

  /** Q(s, a) += rate (r + gamma max Q(s', .) - Q(s, a)). */
  update(state: number, action: number, reward: number, nextState: number): void {
    const at = state * this.shape.actions + action;
    const target = reward + this.#gamma * this.value(nextState, this.best(nextState));
    this.arrays.values[at] += this.#learningRate * (target - this.arrays.values[at]);
  }
}
