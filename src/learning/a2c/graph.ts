import { argumentError } from "../dense/arguments.ts";

/** Who is whose neighbour: those of node i are `neighbours[starts[i]]` to `neighbours[starts[i + 1] - 1]`. */
export interface Graph {
  readonly nodes: number;
  readonly starts: Int32Array;
  readonly neighbours: Int32Array;
}

/** Every node is every other's neighbour. */
export function completeGraph(nodes: number): Graph {
  const all = Array.from({ length: nodes }, (_, i) => i);
  return graphOf(all.map((i) => all.filter((j) => j !== i)));
}

/** @param neighbours of each node, itself not among them */
export function graphOf(neighbours: readonly (readonly number[])[]): Graph {
  const nodes = neighbours.length;
  const starts = new Int32Array(nodes + 1);
  neighbours.forEach((list, i) => {
    starts[i + 1] = starts[i] + list.length;
    for (const j of list) {
      if (!Number.isInteger(j) || j < 0 || j >= nodes || j === i) {
        throw argumentError(`node ${i} of ${nodes} has the neighbour ${j}`);
      }
    }
  });
  return { nodes, starts, neighbours: Int32Array.from(neighbours.flat()) };
}

/**
 * Beside each node's features the mean of its neighbours' (zeros where it has none).
 *
 * @param features [graphs, nodes, width]
 * @param out [graphs, nodes, 2 width]
 */
export function aggregate(
  { nodes, starts, neighbours }: Graph,
  features: Float32Array,
  graphs: number,
  width: number,
  out: Float32Array,
): void {
  for (let g = 0; g < graphs; g++) {
    for (let i = 0; i < nodes; i++) {
      const self = (g * nodes + i) * width;
      const to = 2 * self;
      const degree = starts[i + 1] - starts[i];
      for (let f = 0; f < width; f++) {
        let sum = 0;
        for (let e = starts[i]; e < starts[i + 1]; e++)
          sum += features[(g * nodes + neighbours[e]) * width + f];
        out[to + f] = features[self + f];
        out[to + width + f] = degree === 0 ? 0 : sum / degree;
      }
    }
  }
}

/**
 * Gradients by the features of {@link aggregate} from those by what it gave.
 *
 * @param outGradients [graphs, nodes, 2 width]
 * @param gradients [graphs, nodes, width], filled
 */
export function aggregateBackward(
  { nodes, starts, neighbours }: Graph,
  outGradients: Float32Array,
  graphs: number,
  width: number,
  gradients: Float32Array,
): void {
  for (let at = 0; at < graphs * nodes; at++) {
    for (let f = 0; f < width; f++) gradients[at * width + f] = outGradients[2 * at * width + f];
  }
  for (let g = 0; g < graphs; g++) {
    for (let i = 0; i < nodes; i++) {
      const from = (2 * (g * nodes + i) + 1) * width;
      const share = 1 / (starts[i + 1] - starts[i]);
      for (let e = starts[i]; e < starts[i + 1]; e++) {
        const to = (g * nodes + neighbours[e]) * width;
        for (let f = 0; f < width; f++) gradients[to + f] += share * outGradients[from + f];
      }
    }
  }
}
