import { type Dense, initialise, type Mlp } from "../dense/dense.ts";

export interface CriticOptions {
  readonly stateSize: number;
  readonly actionSize: number;
  readonly goalSize: number;
  readonly hidden: readonly number[];
  /** Actions per group whose mean is taken off before a critic sees them; 0: they are seen as they are. */
  readonly centredGroup: number;
}

/** Values that rows have under the lesser of two critics. */
export interface LesserValues {
  readonly values: Float64Array;
  /** Filled where wanted: gradients of the values by the actions [rows, actionSize]. */
  readonly actionGradients?: Float32Array;
}

/**
 * Two networks that value (state, action, goal), and the targets that follow them.
 *
 * Softmax ignores a shift of all its logits, so that many actions stand for the same plan. With `centredGroup` the
 * critics see each group less its mean, hence one action per plan, and give gradients of sum zero.
 */
export class Critics {
  readonly online: readonly [Mlp, Mlp];
  readonly target: readonly [Mlp, Mlp];
  readonly #options: CriticOptions;
  readonly #inputSize: number;
  #capacity = 0;
  #inputs = new Float32Array(0);
  #inputGradients = new Float32Array(0);
  #outputs: [Float32Array, Float32Array] = [new Float32Array(0), new Float32Array(0)];
  #outputGradients = new Float32Array(0);

  /** @param uniform draws from [0, 1) for the initial weights; the targets start equal to the networks */
  constructor(dense: Dense, options: CriticOptions, uniform: () => number) {
    const { stateSize, actionSize, goalSize, hidden } = options;
    this.#options = options;
    this.#inputSize = stateSize + actionSize + goalSize;
    const make = () =>
      dense.mlp({
        sizes: [this.#inputSize, ...hidden, 1],
        activations: [...hidden.map(() => "relu" as const), "linear"],
      });
    this.online = [make(), make()];
    this.target = [make(), make()];
    for (const k of [0, 1]) {
      initialise(this.online[k], uniform);
      this.target[k].parameters.set(this.online[k].parameters);
    }
  }

  /** The lesser of the two values by row, of the networks or of their targets. */
  lesser(
    which: "online" | "target",
    states: Float32Array,
    actions: Float32Array,
    goals: Float32Array,
    rows: number,
    out: LesserValues,
  ): void {
    this.#load(states, actions, goals, rows);
    const networks = this[which];
    const [first, second] = this.#outputs;
    networks[0].forward(this.#inputs, rows, first);
    networks[1].forward(this.#inputs, rows, second);
    for (let row = 0; row < rows; row++) out.values[row] = Math.min(first[row], second[row]);
    if (out.actionGradients === undefined) return;
    out.actionGradients.fill(0, 0, rows * this.#options.actionSize);
    for (const k of [0, 1]) {
      for (let row = 0; row < rows; row++) {
        this.#outputGradients[row] = first[row] <= second[row] === (k === 0) ? 1 : 0;
      }
      networks[k].backward(this.#outputGradients, { parameters: false, inputs: this.#inputGradients });
      this.#addActionGradients(rows, out.actionGradients);
    }
    this.#centre(out.actionGradients, 0, this.#options.actionSize, rows);
  }

  /**
   * One Adam step of both networks down mean (Q1 - y)^2 + mean (Q2 - y)^2.
   *
   * @returns that loss, before the step
   */
  step(
    states: Float32Array,
    actions: Float32Array,
    goals: Float32Array,
    targets: Float64Array,
    rows: number,
    learningRate: number,
  ): number {
    this.#load(states, actions, goals, rows);
    let loss = 0;
    for (const k of [0, 1]) {
      const [network, outputs] = [this.online[k], this.#outputs[k]];
      network.forward(this.#inputs, rows, outputs);
      for (let row = 0; row < rows; row++) {
        const miss = outputs[row] - targets[row];
        loss += (miss * miss) / rows;
        this.#outputGradients[row] = (2 * miss) / rows;
      }
      network.backward(this.#outputGradients);
      network.adamStep({ learningRate });
    }
    return loss;
  }

  followTargets(tau: number): void {
    this.target[0].polyak(this.online[0], tau);
    this.target[1].polyak(this.online[1], tau);
  }

  #load(states: Float32Array, actions: Float32Array, goals: Float32Array, rows: number): void {
    const { stateSize, actionSize, goalSize } = this.#options;
    if (rows > this.#capacity) {
      this.#capacity = rows;
      this.#inputs = new Float32Array(rows * this.#inputSize);
      this.#inputGradients = new Float32Array(rows * this.#inputSize);
      this.#outputs = [new Float32Array(rows), new Float32Array(rows)];
      this.#outputGradients = new Float32Array(rows);
    }
    const inputs = this.#inputs;
    for (let row = 0, at = 0; row < rows; row++) {
      for (let i = 0; i < stateSize; i++) inputs[at++] = states[row * stateSize + i];
      for (let i = 0; i < actionSize; i++) inputs[at++] = actions[row * actionSize + i];
      for (let i = 0; i < goalSize; i++) inputs[at++] = goals[row * goalSize + i];
    }
    this.#centre(inputs, stateSize, this.#inputSize, rows);
  }

  #addActionGradients(rows: number, out: Float32Array): void {
    const { stateSize, actionSize } = this.#options;
    for (let row = 0, to = 0; row < rows; row++) {
      const from = row * this.#inputSize + stateSize;
      for (let i = 0; i < actionSize; i++) out[to++] += this.#inputGradients[from + i];
    }
  }

  /** Takes each group's mean off the actions that stand at `offset` of rows of `stride`. */
  #centre(values: Float32Array, offset: number, stride: number, rows: number): void {
    const { actionSize, centredGroup: group } = this.#options;
    if (group === 0) return;
    for (let row = 0; row < rows; row++) {
      const begin = row * stride + offset;
      for (let at = begin; at < begin + actionSize; at += group) {
        let sum = 0;
        for (let i = at; i < at + group; i++) sum += values[i];
        const mean = sum / group;
        for (let i = at; i < at + group; i++) values[i] -= mean;
      }
    }
  }
}
