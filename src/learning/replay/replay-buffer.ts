import type { Stream } from "../../numeric/random.ts";
import { argumentError } from "../dense/arguments.ts";
import type { Batch, Transition, TransitionShape } from "./batch.ts";

/** The last transitions, in float32; the oldest give way. Nothing is allocated after the constructor. */
export class ReplayBuffer {
  readonly shape: TransitionShape;
  readonly capacity: number;
  /**
   * Transitions side by side, each [state, next state, action, goal, metrics, reward, done]: a random draw then
   * touches few lines of the cache.
   */
  readonly #data: Float32Array;
  readonly #stride: number;
  /** Transitions ever pushed since the last `clear`. */
  #pushed = 0;

  constructor(shape: TransitionShape, capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw argumentError(`a replay buffer needs room for at least 1 transition, not ${capacity}`);
    }
    this.shape = shape;
    this.capacity = capacity;
    this.#stride = 2 * shape.state + shape.action + shape.goal + shape.metrics + 2;
    this.#data = new Float32Array(capacity * this.#stride);
  }

  /** Transitions held. */
  get length(): number {
    return Math.min(this.#pushed, this.capacity);
  }

  clear(): void {
    this.#pushed = 0;
  }

  push(transition: Transition): void {
    const { state, action, goal, metrics } = this.shape;
    const data = this.#data;
    let at = (this.#pushed++ % this.capacity) * this.#stride;
    for (let i = 0; i < state; i++) data[at++] = transition.state[i];
    for (let i = 0; i < state; i++) data[at++] = transition.nextState[i];
    for (let i = 0; i < action; i++) data[at++] = transition.action[i];
    for (let i = 0; i < goal; i++) data[at++] = transition.goal?.[i] ?? 0;
    for (let i = 0; i < metrics; i++) data[at++] = transition.metrics?.[i] ?? 0;
    data[at++] = transition.reward;
    data[at] = transition.done ? 1 : 0;
  }

  /**
   * Appends a copy of a transition of a buffer of the same shape, this one included.
   *
   * @param index as in {@link copyOut}
   */
  pushFrom(source: ReplayBuffer, index: number): void {
    const stride = this.#stride;
    if (source.#stride !== stride) throw argumentError("the buffers are of different shapes");
    const from = source.#rowOf(index) * stride;
    const to = (this.#pushed++ % this.capacity) * stride;
    const [data, theirs] = [this.#data, source.#data];
    for (let i = 0; i < stride; i++) data[to + i] = theirs[from + i];
  }

  /** Gives the newest transition another goal and reward. */
  relabelNewest(goal: ArrayLike<number>, reward: number): void {
    const { goal: goals, metrics } = this.shape;
    const end = (this.#rowOf(this.length - 1) + 1) * this.#stride;
    const data = this.#data;
    for (let i = 0; i < goals; i++) data[end - 2 - metrics - goals + i] = goal[i];
    data[end - 2] = reward;
  }

  /**
   * Writes one transition into a row of a batch.
   *
   * @param index 0 is the oldest that is held, length - 1 the newest
   */
  copyOut(index: number, batch: Batch, row: number): void {
    const { state, action, goal, metrics } = this.shape;
    const data = this.#data;
    let at = this.#rowOf(index) * this.#stride;
    for (let i = 0, to = row * state; i < state; i++) batch.states[to++] = data[at++];
    for (let i = 0, to = row * state; i < state; i++) batch.nextStates[to++] = data[at++];
    for (let i = 0, to = row * action; i < action; i++) batch.actions[to++] = data[at++];
    for (let i = 0, to = row * goal; i < goal; i++) batch.goals[to++] = data[at++];
    for (let i = 0, to = row * metrics; i < metrics; i++) batch.metrics[to++] = data[at++];
    batch.rewards[row] = data[at++];
    batch.done[row] = data[at];
  }

  /**
   * Fills rows of a batch with uniform draws, with replacement.
   *
   * @param from first row to fill
   * @throws Error with code ERR_CANOPY_ARGUMENT from an empty buffer
   */
  sample(random: Stream, rows: number, batch: Batch, from = 0): void {
    const length = this.length;
    if (length === 0 && rows > 0)
      throw argumentError("a replay buffer without transitions cannot be sampled");
    for (let row = from; row < from + rows; row++) this.copyOut(random.below(length), batch, row);
    batch.rows = from + rows;
  }

  #rowOf(index: number): number {
    const length = this.length;
    if (!(index >= 0 && index < length)) {
      throw argumentError(`transition ${index} of a buffer that holds ${length}`);
    }
    return (this.#pushed - length + index) % this.capacity;
  }
}
