import type { Stream } from "../../numeric/random.ts";
import { argumentError } from "../dense/arguments.ts";
import { type Batch, makeBatch } from "../replay/batch.ts";
import type { ReplayBuffer } from "../replay/replay-buffer.ts";

/** The part of a reward that depends on the goal: -(goal . metrics), metrics being costs. */
export function goalReward(metrics: ArrayLike<number>, goal: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < goal.length; i++) sum += goal[i] * metrics[i];
  return -sum;
}

/**
 * Hindsight experience replay (Andrychowicz et al. 2017) where goals are weight vectors: the metrics of a transition are
 * known whatever it was meant for, so its reward under another goal is exact and needs no simulation. Only the part
 * {@link goalReward} of the reward depends on the goal; the rest is kept.
 *
 * Goals equal to a transition's own are passed over, and no goal is given twice to the same transition.
 */
export class GoalRelabeller {
  readonly #goals: readonly Float32Array[];
  readonly #copies: number;
  readonly #random: Stream;
  readonly #order: Int32Array;
  #original: Batch | null = null;

  /**
   * @param goals to draw from, e.g. the unit vectors and the equal weights
   * @param copies of each transition, each under another goal; fewer where there are not so many goals. 4 in the paper.
   */
  constructor(goals: readonly ArrayLike<number>[], copies: number, random: Stream) {
    this.#goals = goals.map((goal) => Float32Array.from(goal));
    this.#copies = copies;
    this.#random = random;
    this.#order = Int32Array.from(goals, (_, i) => i);
  }

  /**
   * Adds relabelled copies of the newest transitions of a buffer.
   *
   * @param count of the newest transitions
   * @returns copies added
   * @throws Error with code ERR_CANOPY_ARGUMENT where the copies would push out what is still to be copied
   */
  relabel(buffer: ReplayBuffer, count: number): number {
    const originals = Math.min(count, buffer.length);
    if (originals * (1 + this.#copies) > buffer.capacity) {
      throw argumentError(
        `${originals} transitions with ${this.#copies} copies each do not fit a buffer of ${buffer.capacity}`,
      );
    }
    const one = (this.#original ??= makeBatch(buffer.shape, 1));
    let added = 0;
    for (let k = 0; k < originals; k++) {
      // Counted from the newest, the originals move back by one with every copy that is added.
      const fromNewest = originals - k + added;
      buffer.copyOut(buffer.length - fromNewest, one, 0);
      const rest = one.rewards[0] - goalReward(one.metrics, one.goals);
      this.#shuffle();
      let copies = 0;
      for (let i = 0; i < this.#order.length && copies < this.#copies; i++) {
        const goal = this.#goals[this.#order[i]];
        if (equal(goal, one.goals)) continue;
        buffer.pushFrom(buffer, buffer.length - fromNewest - copies);
        buffer.relabelNewest(goal, rest + goalReward(one.metrics, goal));
        copies++;
      }
      added += copies;
    }
    return added;
  }

  #shuffle(): void {
    const order = this.#order;
    for (let i = order.length - 1; i > 0; i--) {
      const j = this.#random.below(i + 1);
      const other = order[j];
      order[j] = order[i];
      order[i] = other;
    }
  }
}

function equal(a: Float32Array, b: Float32Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
