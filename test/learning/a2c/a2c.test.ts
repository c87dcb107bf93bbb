import { describe, expect, test } from "vitest";
import { A2cGraph, type A2cOptions } from "../../../src/learning/a2c/a2c-graph.ts";
import { aggregate, completeGraph, graphOf } from "../../../src/learning/a2c/graph.ts";
import { GraphNetwork } from "../../../src/learning/a2c/graph-network.ts";
import { nStepReturns } from "../../../src/learning/a2c/n-step-returns.ts";
import { saveCheckpoint } from "../../../src/learning/checkpoint/checkpoint.ts";
import { clipGradients } from "../../../src/learning/dense/clip-gradients.ts";
import type { Dense } from "../../../src/learning/dense/dense.ts";
import { typescriptDense } from "../../../src/learning/dense/typescript-dense.ts";
import { Stream } from "../../../src/numeric/random.ts";
import { backendsHere } from "../dense/backends.ts";
import { differences, reference, relativeError } from "../sac/reference.ts";

function draws(count: number, purpose: string): Float32Array {
  const random = new Stream(6, purpose);
  return Float32Array.from({ length: count }, () => random.normal());
}

describe("n-step returns", () => {
  test("rewards 1, 1 and value 2 after them, gamma 0.9: 3.52, an advantage of 0.52 over a value of 3", () => {
    const returns = new Float64Array(2);
    nStepReturns([1, 1], [0, 0], [2], 0.9, returns);
    expect(returns[1]).toBeCloseTo(2.8, 12);
    expect(returns[0]).toBeCloseTo(3.52, 12);
    expect(returns[0] - 3).toBeCloseTo(0.52, 12);
  });

  test("environments side by side do not mix; nothing follows the end of an episode", () => {
    const returns = new Float64Array(4);
    nStepReturns([1, 10, 2, 20], [1, 0, 0, 1], [100, 1000], 0.5, returns);
    expect([...returns]).toEqual([1, 20, 52, 20]);
  });
});

test("gradients are scaled to the largest norm over all of them, and only then", () => {
  const [a, b] = [Float32Array.of(3, 0), Float64Array.of(4)];
  expect(clipGradients([a, b], 5)).toBe(5);
  expect([...a, ...b]).toEqual([3, 0, 4]);
  expect(clipGradients([a, b], 0.5)).toBe(5);
  expect(a[0]).toBeCloseTo(0.3, 6);
  expect(b[0]).toBeCloseTo(0.4, 12);
});

describe("graphs", () => {
  test("beside each node's features stands the mean of its neighbours'", () => {
    const out = new Float32Array(12);
    aggregate(graphOf([[1, 2], [0], []]), Float32Array.of(1, 2, 3, 4, 5, 6), 1, 2, out);
    expect([...out]).toEqual([1, 2, 4, 5, 3, 4, 1, 2, 5, 6, 0, 0]);
  });

  test("in a complete graph all others are neighbours; a node is not its own", () => {
    expect([...completeGraph(3).neighbours]).toEqual([1, 2, 0, 2, 0, 1]);
    expect(completeGraph(1).neighbours.length).toBe(0);
    expect(() => graphOf([[0]])).toThrow("node 0 of 1 has the neighbour 0");
    expect(() => graphOf([[2], [0]])).toThrow("node 0 of 2 has the neighbour 2");
  });

  test("the numbering of the nodes does not matter", () => {
    const random = new Stream(1, "weights");
    const network = new GraphNetwork(typescriptDense(), completeGraph(3), 2, 8, 1, () => random.uniform());
    const [outputs, turned] = [new Float32Array(3), new Float32Array(3)];
    const [value, turnedValue] = [new Float32Array(1), new Float32Array(1)];
    network.forward(Float32Array.of(1, 2, 3, 4, 5, 7), 1, outputs, value);
    network.forward(Float32Array.of(5, 7, 1, 2, 3, 4), 1, turned, turnedValue);
    expect(turnedValue[0]).toBeCloseTo(value[0], 6);
    [2, 0, 1].forEach((node, i) => {
      expect(turned[i]).toBeCloseTo(outputs[node], 6);
    });
    expect(outputs[0]).not.toBeCloseTo(outputs[1], 4);
  });
});

describe.each(backendsHere())("$name", ({ dense }) => {
  test("the network's gradients equal central differences in double", () => {
    const graph = graphOf([[1, 2], [0], [0, 1], []]);
    const [graphs, nodes, width, heads] = [3, 4, 3, 2];
    const random = new Stream(1, "weights");
    const network = new GraphNetwork(dense, graph, width, 5, heads, () => random.uniform());
    const features = draws(graphs * nodes * width, "features");
    const byOutput = draws(graphs * nodes * heads, "outputs");
    const byValue = draws(graphs, "values");
    const [outputs, values] = [new Float32Array(graphs * nodes * heads), new Float32Array(graphs)];
    network.forward(features, graphs, outputs, values);
    network.backward(byOutput, byValue);
    const { networks } = network;
    const layer = (name: keyof typeof networks, parameters: ArrayLike<number>, of: number[][]) =>
      of.map((row) => reference(networks[name].shape, parameters, row));
    const aggregated = (of: number[][]) =>
      of.map((row, i) => {
        const around = [...graph.neighbours.subarray(graph.starts[i], graph.starts[i + 1])].map((j) => of[j]);
        return [
          ...row,
          ...row.map((_, f) => around.reduce((sum, other) => sum + other[f] / around.length, 0)),
        ];
      });
    const loss = (parameters: Record<keyof typeof networks, ArrayLike<number>>) => {
      let total = 0;
      for (let g = 0; g < graphs; g++) {
        const rows = Array.from({ length: nodes }, (_, i) => {
          const at = (g * nodes + i) * width;
          return [...features.subarray(at, at + width)];
        });
        const first = layer("first", parameters.first, aggregated(rows));
        const second = layer("second", parameters.second, aggregated(first));
        layer("policy", parameters.policy, second)
          .flat()
          .forEach((output, k) => {
            total += output * byOutput[g * nodes * heads + k];
          });
        const pooled = second[0].map((_, f) => second.reduce((sum, row) => sum + row[f] / nodes, 0));
        total += byValue[g] * layer("value", parameters.value, [pooled])[0][0];
      }
      return total;
    };
    const here = {
      first: networks.first.parameters,
      second: networks.second.parameters,
      policy: networks.policy.parameters,
      value: networks.value.parameters,
    };
    for (const name of ["first", "second", "policy", "value"] as const) {
      const expected = differences(networks[name].parameters, (moved) => loss({ ...here, [name]: moved }));
      expect(relativeError(networks[name].gradients, expected), name).toBeLessThan(1e-4);
    }
  });

  test("the same seed gives the same bytes", () => {
    const bytes = (seed: number) => saveCheckpoint(balanced(dense, seed, 5));
    expect(bytes(1)).toEqual(bytes(1));
    expect(bytes(2)).not.toEqual(bytes(1));
  });
});

const OPTIONS: A2cOptions = { features: 2, hidden: 16, learningRate: 5e-3, gamma: 0.5 };
const NODES = 4;

/** Costs of the nodes in one environment at one time, the second feature being of no use. */
function featuresOf(random: Stream, environments: number): Float32Array {
  return Float32Array.from({ length: environments * NODES * 2 }, () => random.uniform());
}

/** Trains on plans that cost what the shares of the nodes cost. */
function balanced(dense: Dense, seed: number, updates: number): A2cGraph {
  const learner = new A2cGraph(dense, completeGraph(NODES), OPTIONS, seed);
  const random = new Stream(seed, "costs");
  const plans = new Float64Array(8 * NODES);
  const all = new Uint8Array(8 * NODES).fill(1);
  const done = new Float64Array(8);
  let features = featuresOf(random, 8);
  for (let k = 0; k < updates; k++) {
    for (let t = 0; t < 5; t++) {
      learner.act(features, all, plans);
      const rewards = Array.from({ length: 8 }, (_, e) => -costOf(plans, features, e));
      learner.reward(rewards, done);
      features = featuresOf(random, 8);
    }
    learner.update(features);
  }
  return learner;
}

function costOf(plans: Float64Array, features: Float32Array, e: number): number {
  let cost = 0;
  for (let i = 0; i < NODES; i++) cost += plans[e * NODES + i] * features[2 * (e * NODES + i)];
  return cost;
}

describe("advantage actor-critic", () => {
  const dense = typescriptDense();

  test("gradients of the whole loss equal central differences in double", () => {
    const options: A2cOptions = {
      features: 1,
      heads: 2,
      hidden: 4,
      environments: 2,
      steps: 2,
      clipNorm: 1e9,
    };
    const learner = new A2cGraph(dense, completeGraph(3), options, 3);
    const allowed = Uint8Array.of(1, 1, 0, 1, 1, 1);
    const pieces = [draws(6, "first"), draws(6, "second")];
    const plans = new Float64Array(12);
    for (const features of pieces) {
      learner.act(features, allowed, plans);
      learner.reward([0.5, -1], [0, 1]);
      for (const h of [0, 1]) {
        expect(plans[3 * h] + plans[3 * h + 1]).toBeCloseTo(1, 12);
        expect(plans[3 * h + 2]).toBe(0);
      }
    }
    // The logits drawn, as far as the plans tell them: up to a shift, which the density does see. Hence again by seed.
    const noise = new Stream(3, "a2c noise");
    const before = Object.fromEntries(
      Object.entries(learner.networks).map(([name, { parameters }]) => [name, parameters.slice()]),
    );
    const logStd = learner.arrays["log std"][0];
    const run = (parameters: Record<string, ArrayLike<number>>, features: ArrayLike<number>) => {
      const layer = (name: string, rows: number[][]) =>
        rows.map((row) => reference(learner.networks[name].shape, parameters[name], row));
      const aggregated = (rows: number[][]) =>
        rows.map((row, i) => [
          ...row,
          ...row.map((_, f) => rows.reduce((sum, other, j) => (i === j ? sum : sum + other[f] / 2), 0)),
        ]);
      const second = layer(
        "second",
        aggregated(layer("first", aggregated([0, 1, 2].map((i) => [features[i]])))),
      );
      const pooled = second[0].map((_, f) => second.reduce((sum, row) => sum + row[f] / 3, 0));
      return { means: layer("policy", second).flat(), value: layer("value", [pooled])[0][0] };
    };
    const graphs = pieces.flatMap((features) => [features.subarray(0, 3), features.subarray(3, 6)]);
    const logits = graphs.map((features) =>
      run(before, features).means.map((mean) => mean + Math.exp(logStd) * noise.normal()),
    );
    const next = draws(6, "next");
    const after = [next.subarray(0, 3), next.subarray(3, 6)].map((features) => run(before, features).value);
    const returns = new Float64Array(4);
    nStepReturns([0.5, -1, 0.5, -1], [0, 1, 0, 1], after, 0.95, returns);
    const advantages = graphs.map((features, row) => returns[row] - run(before, features).value);
    const loss = (parameters: Record<string, ArrayLike<number>>, log: number) => {
      let total = 0;
      graphs.forEach((features, row) => {
        const { means, value } = run(parameters, features);
        let [density, entropy] = [0, 0];
        means.forEach((mean, k) => {
          if (row % 2 === 0 && k >= 4) return;
          const z = (logits[row][k] - mean) / Math.exp(log);
          density += -0.5 * z * z - log - 0.5 * Math.log(2 * Math.PI);
          entropy += log + 0.5 * Math.log(2 * Math.PI * Math.E);
        });
        total += (-density * advantages[row] + 0.5 * (returns[row] - value) ** 2 - 0.01 * entropy) / 4;
      });
      return total;
    };
    const figures = learner.update(next);
    expect(figures.policyLoss + 0.5 * figures.valueLoss - 0.01 * figures.entropy).toBeCloseTo(
      loss(before, logStd),
      5,
    );
    const squares = Object.entries(learner.networks).map(([name, { gradients }]) => {
      const expected = differences(before[name], (moved) => loss({ ...before, [name]: moved }, logStd));
      expect(relativeError(gradients, expected), name).toBeLessThan(1e-4);
      return expected.reduce((sum, g) => sum + g * g, 0);
    });
    const [byLogStd] = differences([logStd], (moved) => loss(before, moved[0]));
    const norm = Math.sqrt(squares.reduce((sum, square) => sum + square, byLogStd ** 2));
    expect(figures.gradientNorm / norm).toBeCloseTo(1, 4);
    expect(Math.sign(learner.arrays["log std"][0] - logStd)).toBe(-Math.sign(byLogStd));
  });

  test("learns to send the work where it costs least", () => {
    const learner = balanced(dense, 1, 400);
    const random = new Stream(99, "costs");
    const [plan, features] = [new Float64Array(NODES), new Float32Array(2 * NODES)];
    const all = new Uint8Array(NODES).fill(1);
    let [learnt, uniform, best] = [0, 0, 0];
    for (let k = 0; k < 300; k++) {
      features.set(featuresOf(random, 1));
      learner.best(features, all, plan);
      learnt += costOf(plan, features, 0) / 300;
      const costs = [0, 1, 2, 3].map((i) => features[2 * i]);
      uniform += costs.reduce((sum, cost) => sum + cost / NODES, 0) / 300;
      best += Math.min(...costs) / 300;
    }
    // Uniform costs are 0.5 in the mean, the least of four 0.2.
    expect((uniform - learnt) / (uniform - best)).toBeGreaterThan(0.7);
  });

  test("nodes that are not allowed get nothing; where none is, all are", () => {
    const learner = new A2cGraph(dense, completeGraph(NODES), OPTIONS, 1);
    const plan = new Float64Array(NODES);
    learner.best(draws(8, "f"), [0, 1, 1, 0], plan);
    expect([plan[0], plan[3]]).toEqual([0, 0]);
    expect(plan[1] + plan[2]).toBeCloseTo(1, 12);
    learner.best(draws(8, "f"), [0, 0, 0, 0], plan);
    expect(plan.every((share) => share > 0)).toBe(true);
  });

  test("calls out of order are refused", () => {
    const learner = new A2cGraph(dense, completeGraph(NODES), { ...OPTIONS, steps: 1, environments: 1 }, 1);
    const plan = new Float64Array(NODES);
    expect(() => learner.update(draws(8, "f"))).toThrow("an update after 0 of 1 steps");
    learner.act(draws(8, "f"), [1, 1, 1, 1], plan);
    learner.reward([1], [0]);
    expect(() => learner.act(draws(8, "f"), [1, 1, 1, 1], plan)).toThrow("after 1 steps comes an update");
  });
});
