import { type Dense, initialise, type Mlp } from "../dense/dense.ts";
import { aggregate, aggregateBackward, type Graph } from "./graph.ts";

/**
 * A network over graphs: two layers with mean aggregation and ReLU, for each node outputs of the policy, for each graph
 * a value from the mean over its nodes. What it gives does not depend on how the nodes are numbered.
 */
export class GraphNetwork {
  readonly networks: Readonly<Record<"first" | "second" | "policy" | "value", Mlp>>;
  readonly #graph: Graph;
  readonly #features: number;
  readonly #hidden: number;
  #graphs = 0;
  #capacity = 0;
  #seen: [Float32Array, Float32Array] = [new Float32Array(0), new Float32Array(0)];
  #seenGradients = new Float32Array(0);
  #layers: [Float32Array, Float32Array] = [new Float32Array(0), new Float32Array(0)];
  #layerGradients: [Float32Array, Float32Array] = [new Float32Array(0), new Float32Array(0)];
  #pooled = new Float32Array(0);
  #pooledGradients = new Float32Array(0);

  /**
   * @param heads outputs of each node
   * @param uniform draws from [0, 1) for the initial weights
   */
  constructor(
    dense: Dense,
    graph: Graph,
    features: number,
    hidden: number,
    heads: number,
    uniform: () => number,
  ) {
    this.#graph = graph;
    this.#features = features;
    this.#hidden = hidden;
    this.networks = {
      first: dense.mlp({ sizes: [2 * features, hidden], activations: ["relu"] }),
      second: dense.mlp({ sizes: [2 * hidden, hidden], activations: ["relu"] }),
      policy: dense.mlp({ sizes: [hidden, heads], activations: ["linear"] }),
      value: dense.mlp({ sizes: [hidden, 1], activations: ["linear"] }),
    };
    for (const network of Object.values(this.networks)) initialise(network, uniform);
  }

  /**
   * @param features [graphs, nodes, features]
   * @param outputs [graphs, nodes, heads], filled
   * @param values [graphs], filled
   */
  forward(features: Float32Array, graphs: number, outputs: Float32Array, values: Float32Array): void {
    this.#reserve(graphs);
    this.#graphs = graphs;
    const { first, second, policy, value } = this.networks;
    const { nodes } = this.#graph;
    const rows = graphs * nodes;
    const hidden = this.#hidden;
    aggregate(this.#graph, features, graphs, this.#features, this.#seen[0]);
    first.forward(this.#seen[0], rows, this.#layers[0]);
    aggregate(this.#graph, this.#layers[0], graphs, hidden, this.#seen[1]);
    second.forward(this.#seen[1], rows, this.#layers[1]);
    policy.forward(this.#layers[1], rows, outputs);
    for (let g = 0; g < graphs; g++) {
      for (let f = 0; f < hidden; f++) {
        let sum = 0;
        for (let i = 0; i < nodes; i++) sum += this.#layers[1][(g * nodes + i) * hidden + f];
        this.#pooled[g * hidden + f] = sum / nodes;
      }
    }
    value.forward(this.#pooled, graphs, values);
  }

  /** Fills the networks' gradients for the last `forward`. */
  backward(outputGradients: Float32Array, valueGradients: Float32Array): void {
    const { first, second, policy, value } = this.networks;
    const { nodes } = this.#graph;
    const graphs = this.#graphs;
    const hidden = this.#hidden;
    const [lower, upper] = this.#layerGradients;
    policy.backward(outputGradients, { inputs: upper });
    value.backward(valueGradients, { inputs: this.#pooledGradients });
    for (let g = 0; g < graphs; g++) {
      for (let i = 0; i < nodes; i++) {
        for (let f = 0; f < hidden; f++) {
          upper[(g * nodes + i) * hidden + f] += this.#pooledGradients[g * hidden + f] / nodes;
        }
      }
    }
    second.backward(upper, { inputs: this.#seenGradients });
    aggregateBackward(this.#graph, this.#seenGradients, graphs, hidden, lower);
    first.backward(lower);
  }

  #reserve(graphs: number): void {
    if (graphs <= this.#capacity) return;
    this.#capacity = graphs;
    const rows = graphs * this.#graph.nodes;
    const hidden = this.#hidden;
    const pair = (first: number, second: number): [Float32Array, Float32Array] => [
      new Float32Array(first),
      new Float32Array(second),
    ];
    this.#seen = pair(2 * rows * this.#features, 2 * rows * hidden);
    this.#seenGradients = new Float32Array(2 * rows * hidden);
    this.#layers = pair(rows * hidden, rows * hidden);
    this.#layerGradients = pair(rows * hidden, rows * hidden);
    this.#pooled = new Float32Array(graphs * hidden);
    this.#pooledGradients = new Float32Array(graphs * hidden);
  }
}
