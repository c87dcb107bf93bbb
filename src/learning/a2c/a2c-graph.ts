import { Stream } from "../../numeric/random.ts";
import type { Learner } from "../checkpoint/learner.ts";
import { adamScalarStep, scalarState } from "../dense/adam-scalar.ts";
import { argumentError } from "../dense/arguments.ts";
import { clipGradients } from "../dense/clip-gradients.ts";
import type { Dense } from "../dense/dense.ts";
import type { Graph } from "./graph.ts";
import { GraphNetwork } from "./graph-network.ts";
import { nStepReturns } from "./n-step-returns.ts";

export interface A2cOptions {
  /** Features of a node. */
  readonly features: number;
  /** Shares that each node gets: rows of a plan, e.g. one for each model. Default 1. */
  readonly heads?: number;
  /** Units of both layers. Default 64. */
  readonly hidden?: number;
  /** Environments side by side. Default 8. */
  readonly environments?: number;
  /** Steps between updates. Default 5. */
  readonly steps?: number;
  /** Default 0.95. */
  readonly gamma?: number;
  /** Default 7e-4. */
  readonly learningRate?: number;
  /** Weight of the entropy in the loss. Default 0.01. */
  readonly entropyCoefficient?: number;
  /** Weight of the squared error of the value in the loss. Default 0.5. */
  readonly valueCoefficient?: number;
  /** Largest norm of the gradient of all parameters together. Default 0.5. */
  readonly clipNorm?: number;
  /** log of the policy's standard deviation to start from. Default -0.5. */
  readonly initialLogStd?: number;
}

/** What an update came to; the object is the same at every update. */
export interface A2cFigures {
  policyLoss: number;
  /** Mean squared error of the values. */
  valueLoss: number;
  /** Nats, of the logits' distribution, the mean over the piece. */
  entropy: number;
  /** Before it was clipped. */
  gradientNorm: number;
}

const HALF_LOG_TWO_PI_E = 0.5 * Math.log(2 * Math.PI * Math.E);

/**
 * Synchronous advantage actor-critic (Mnih et al. 2016) over graphs, for plans: shares of several rows among a graph's
 * nodes. The policy is a softmax of Gaussian logits: a mean for each node and row, one learned standard deviation. Nodes
 * that are not allowed get no share, and their logits count neither in density nor entropy.
 *
 * Order of calls: `act` and `reward`, `steps` times, then `update`.
 */
export class A2cGraph implements Learner {
  readonly kind = "a2c-graph";
  readonly shape: Learner["shape"];
  readonly networks: Learner["networks"];
  readonly arrays: Learner["arrays"];
  readonly figures: A2cFigures = { policyLoss: 0, valueLoss: 0, entropy: 0, gradientNorm: 0 };
  readonly #options: Required<A2cOptions>;
  readonly #nodes: number;
  readonly #network: GraphNetwork;
  readonly #logStd: Float64Array;
  readonly #logStdGradient = new Float64Array(1);
  readonly #noise: Stream;
  #step = 0;
  readonly #features: Float32Array;
  readonly #logits: Float64Array;
  readonly #allowed: Uint8Array;
  readonly #bestAllowed: Uint8Array;
  readonly #rewards: Float64Array;
  readonly #done: Float64Array;
  readonly #returns: Float64Array;
  readonly #outputs: Float32Array;
  readonly #values: Float32Array;
  readonly #nextValues: Float32Array;
  readonly #outputGradients: Float32Array;
  readonly #valueGradients: Float32Array;
  readonly #gradients: (Float32Array | Float64Array)[];

  /** @param purpose names the learner's random streams, so that learners under one seed draw differently */
  constructor(dense: Dense, graph: Graph, options: A2cOptions, seed: number, purpose = "a2c") {
    const all: Required<A2cOptions> = {
      heads: 1,
      hidden: 64,
      environments: 8,
      steps: 5,
      gamma: 0.95,
      learningRate: 7e-4,
      entropyCoefficient: 0.01,
      valueCoefficient: 0.5,
      clipNorm: 0.5,
      initialLogStd: -0.5,
      ...options,
    };
    const { features, heads, hidden, environments, steps } = all;
    const { nodes } = graph;
    this.#options = all;
    this.#nodes = nodes;
    const weights = new Stream(seed, `${purpose} weights`);
    this.#network = new GraphNetwork(dense, graph, features, hidden, heads, () => weights.uniform());
    this.#logStd = scalarState(all.initialLogStd);
    this.#noise = new Stream(seed, `${purpose} noise`);
    const rows = environments * steps;
    this.#features = new Float32Array(rows * nodes * features);
    this.#logits = new Float64Array(rows * nodes * heads);
    this.#allowed = new Uint8Array(rows * nodes);
    this.#bestAllowed = new Uint8Array(nodes);
    this.#rewards = new Float64Array(rows);
    this.#done = new Float64Array(rows);
    this.#returns = new Float64Array(rows);
    this.#outputs = new Float32Array(rows * nodes * heads);
    this.#values = new Float32Array(rows);
    this.#nextValues = new Float32Array(environments);
    this.#outputGradients = new Float32Array(rows * nodes * heads);
    this.#valueGradients = new Float32Array(rows);
    this.shape = { "features of a node": features, heads, hidden };
    this.networks = this.#network.networks;
    this.arrays = { "log std": this.#logStd, noise: this.#noise.state };
    this.#gradients = [
      ...Object.values(this.networks).map(({ gradients }) => gradients),
      this.#logStdGradient,
    ];
  }

  /** Standard deviation of the logits. */
  get std(): number {
    return Math.exp(this.#logStd[0]);
  }

  /**
   * Draws a plan for each environment and keeps it for the update.
   *
   * @param features [environments, nodes, features]
   * @param allowed [environments, nodes], 1 where a node may get a share; where none may, all do
   * @param plans [environments, heads, nodes], filled; each row sums to 1
   */
  act(features: Float32Array, allowed: ArrayLike<number>, plans: Float64Array): void {
    const { environments, steps, heads, features: width } = this.#options;
    if (this.#step === steps) throw argumentError(`after ${steps} steps comes an update`);
    const nodes = this.#nodes;
    const first = this.#step * environments;
    this.#features.set(features.subarray(0, environments * nodes * width), first * nodes * width);
    this.#network.forward(features, environments, this.#outputs, this.#values);
    const std = this.std;
    for (let e = 0; e < environments; e++) {
      const row = first + e;
      markAllowed(allowed, e * nodes, nodes, this.#allowed, row * nodes);
      for (let i = 0; i < nodes * heads; i++) {
        const mean = this.#outputs[e * nodes * heads + i];
        this.#logits[row * nodes * heads + i] = mean + std * this.#noise.normal();
      }
      const from = row * nodes * heads;
      maskedSoftmax(this.#logits, from, this.#allowed, row * nodes, nodes, heads, plans, e * nodes * heads);
    }
  }

  /**
   * What the plans of the last `act` brought.
   *
   * @param done 1 where the next state is terminal
   */
  reward(rewards: ArrayLike<number>, done: ArrayLike<number>): void {
    const { environments } = this.#options;
    const first = this.#step++ * environments;
    for (let e = 0; e < environments; e++) {
      this.#rewards[first + e] = rewards[e];
      this.#done[first + e] = done[e];
    }
  }

  /**
   * The plan of the mean logits for one graph.
   *
   * @param features [nodes, features]
   * @param allowed and `plan` as in {@link act}
   */
  best(features: Float32Array, allowed: ArrayLike<number>, plan: Float64Array): void {
    this.#network.forward(features, 1, this.#outputs, this.#values);
    markAllowed(allowed, 0, this.#nodes, this.#bestAllowed, 0);
    maskedSoftmax(this.#outputs, 0, this.#bestAllowed, 0, this.#nodes, this.#options.heads, plan, 0);
  }

  /**
   * One Adam step down the mean over the piece of -log pi A + c_v (R - V)^2 - c_H H, with A = R - V held fixed in the
   * first term. Begins the next piece.
   *
   * @param nextFeatures [environments, nodes, features] after the last step
   */
  update(nextFeatures: Float32Array): A2cFigures {
    const { environments, steps, gamma, learningRate } = this.#options;
    const { valueCoefficient, entropyCoefficient, clipNorm } = this.#options;
    const { figures } = this;
    if (this.#step !== steps) throw argumentError(`an update after ${this.#step} of ${steps} steps`);
    this.#step = 0;
    const rows = environments * steps;
    this.#network.forward(nextFeatures, environments, this.#outputs, this.#nextValues);
    nStepReturns(this.#rewards, this.#done, this.#nextValues, gamma, this.#returns);
    this.#network.forward(this.#features, rows, this.#outputs, this.#values);
    this.#logStdGradient[0] = 0;
    figures.policyLoss = 0;
    figures.valueLoss = 0;
    figures.entropy = 0;
    for (let row = 0; row < rows; row++) {
      const advantage = this.#returns[row] - this.#values[row];
      figures.valueLoss += (advantage * advantage) / rows;
      this.#valueGradients[row] = (-2 * valueCoefficient * advantage) / rows;
      this.#addPolicyTerms(row, advantage, 1 / rows, entropyCoefficient);
    }
    this.#network.backward(this.#outputGradients, this.#valueGradients);
    figures.gradientNorm = clipGradients(this.#gradients, clipNorm);
    for (const name in this.networks) this.networks[name].adamStep({ learningRate });
    adamScalarStep(this.#logStd, this.#logStdGradient[0], learningRate);
    return figures;
  }

  #addPolicyTerms(row: number, advantage: number, share: number, entropyCoefficient: number): void {
    const { heads } = this.#options;
    const nodes = this.#nodes;
    const { figures } = this;
    const logStd = this.#logStd[0];
    const precision = Math.exp(-2 * logStd);
    for (let i = 0; i < nodes; i++) {
      const allowed = this.#allowed[row * nodes + i] === 1;
      for (let h = 0; h < heads; h++) {
        const at = (row * nodes + i) * heads + h;
        const miss = this.#logits[at] - this.#outputs[at];
        this.#outputGradients[at] = allowed ? -share * advantage * miss * precision : 0;
        if (!allowed) continue;
        const squared = miss * miss * precision;
        const entropy = logStd + HALF_LOG_TWO_PI_E;
        figures.policyLoss += share * advantage * (0.5 * squared + entropy - 0.5);
        figures.entropy += share * entropy;
        this.#logStdGradient[0] += share * (advantage * (1 - squared) - entropyCoefficient);
      }
    }
  }
}

/** Plan [heads, nodes] of logits [nodes, heads], with shares for the allowed nodes only. */
function maskedSoftmax(
  logits: ArrayLike<number>,
  from: number,
  allowed: Uint8Array,
  allowedFrom: number,
  nodes: number,
  heads: number,
  plan: Float64Array,
  to: number,
): void {
  for (let h = 0; h < heads; h++) {
    let largest = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < nodes; i++) {
      const logit = logits[from + i * heads + h];
      if (allowed[allowedFrom + i] === 1 && logit > largest) largest = logit;
    }
    let sum = 0;
    for (let i = 0; i < nodes; i++) {
      const share = allowed[allowedFrom + i] === 1 ? Math.exp(logits[from + i * heads + h] - largest) : 0;
      plan[to + h * nodes + i] = share;
      sum += share;
    }
    for (let i = 0; i < nodes; i++) plan[to + h * nodes + i] /= sum;
  }
}

/** Copies who is allowed; all are where none is: the shares have to go somewhere. */
function markAllowed(
  allowed: ArrayLike<number>,
  from: number,
  nodes: number,
  out: Uint8Array,
  to: number,
): void {
  let any = false;
  for (let i = 0; i < nodes; i++) any ||= allowed[from + i] === 1;
  for (let i = 0; i < nodes; i++) out[to + i] = !any || allowed[from + i] === 1 ? 1 : 0;
}
