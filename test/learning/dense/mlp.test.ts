import { describe, expect, test } from "vitest";
import {
  type Dense,
  initialise,
  type Mlp,
  type MlpShape,
  parameterCount,
} from "../../../src/learning/dense/dense.ts";
import { typescriptDense } from "../../../src/learning/dense/typescript-dense.ts";
import { Stream } from "../../../src/numeric/random.ts";
import { backendsHere } from "./backends.ts";

const SHAPE: MlpShape = { sizes: [3, 10, 4, 2], activations: ["relu", "tanh", "linear"] };

function network(dense: Dense, shape = SHAPE, seed = 3): Mlp {
  const mlp = dense.mlp(shape);
  const random = new Stream(seed, "weights");
  initialise(mlp, () => random.uniform());
  return mlp;
}

function draws(count: number, purpose: string): Float32Array {
  const random = new Stream(4, purpose);
  return Float32Array.from({ length: count }, () => random.normal());
}

/** Sum of the outputs weighted by `weights`, from the formula in double. */
function loss(parameters: ArrayLike<number>, inputs: ArrayLike<number>, rows: number, weights: Float32Array) {
  const { sizes, activations } = SHAPE;
  let total = 0;
  for (let r = 0; r < rows; r++) {
    let x = Array.from({ length: sizes[0] }, (_, i) => inputs[r * sizes[0] + i]);
    let at = 0;
    activations.forEach((activation, layer) => {
      const [n, m] = [sizes[layer], sizes[layer + 1]];
      x = Array.from({ length: m }, (_, j) => {
        const sum = x.reduce(
          (s, value, i) => s + value * parameters[at + i * m + j],
          parameters[at + n * m + j],
        );
        return activation === "relu" ? Math.max(0, sum) : activation === "tanh" ? Math.tanh(sum) : sum;
      });
      at += (n + 1) * m;
    });
    x.forEach((value, j) => {
      total += value * weights[r * x.length + j];
    });
  }
  return total;
}

function differences(of: ArrayLike<number>, value: (moved: Float64Array) => number): number[] {
  return Array.from({ length: of.length }, (_, i) => {
    const moved = Float64Array.from(of);
    moved[i] += 1e-6;
    const above = value(moved);
    moved[i] -= 2e-6;
    return (above - value(moved)) / 2e-6;
  });
}

describe.each(backendsHere())("$name", ({ dense }) => {
  test("gradients equal central differences", () => {
    const rows = 6;
    const mlp = network(dense);
    const inputs = draws(rows * 3, "inputs");
    const weights = draws(rows * 2, "loss");
    const outputs = new Float32Array(rows * 2);
    mlp.forward(inputs, rows, outputs);
    const total = outputs.reduce((sum, value, i) => sum + value * weights[i], 0);
    expect(total).toBeCloseTo(loss(mlp.parameters, inputs, rows, weights), 5);
    const inputGradients = new Float32Array(rows * 3);
    mlp.backward(weights, { inputs: inputGradients });
    const byParameters = differences(mlp.parameters, (moved) => loss(moved, inputs, rows, weights));
    const byInputs = differences(inputs, (moved) => loss(mlp.parameters, moved, rows, weights));
    byParameters.forEach((wanted, i) => {
      expect(mlp.gradients[i]).toBeCloseTo(wanted, 5);
    });
    byInputs.forEach((wanted, i) => {
      expect(inputGradients[i]).toBeCloseTo(wanted, 5);
    });
  });

  test("a frozen network gives gradients by its inputs and keeps its own", () => {
    const mlp = network(dense);
    mlp.gradients.fill(5);
    const outputs = new Float32Array(4);
    mlp.forward(draws(6, "inputs"), 2, outputs);
    const inputs = new Float32Array(6);
    mlp.backward(draws(4, "loss"), { parameters: false, inputs });
    expect(mlp.gradients.every((value) => value === 5)).toBe(true);
    expect(inputs.some((value) => value !== 0)).toBe(true);
  });

  test("Adam's first step is the learning rate against the gradient; a silent unit's moments reach zero", () => {
    const mlp = network(dense);
    const before = mlp.parameters.slice();
    mlp.gradients.fill(-3);
    mlp.gradients[1] = 0.01;
    mlp.adamStep({ learningRate: 1e-3 });
    expect(mlp.adam.steps).toBe(1);
    mlp.parameters.forEach((value, i) => {
      expect(value - before[i]).toBeCloseTo(i === 1 ? -1e-3 : 1e-3, 6);
    });
    mlp.gradients.fill(0);
    for (let step = 0; step < 1200; step++) mlp.adamStep({ learningRate: 1e-3 });
    expect(mlp.adam.moment1.every((value) => value === 0)).toBe(true);
  });

  test("Polyak averaging", () => {
    const [target, source] = [dense.mlp(SHAPE), dense.mlp(SHAPE)];
    target.parameters.fill(0.2);
    source.parameters.fill(1);
    target.polyak(source, 0.005);
    for (const value of target.parameters) expect(value).toBeCloseTo(0.204, 6);
    expect(() => target.polyak(dense.mlp({ sizes: [2, 1], activations: ["linear"] }), 0.1)).toThrow("source");
  });

  test("learns x -> x^2 and does so again to the last bit", () => {
    const shape: MlpShape = { sizes: [1, 32, 32, 1], activations: ["relu", "tanh", "linear"] };
    const learn = () => {
      const mlp = network(dense, shape);
      const random = new Stream(5, "samples");
      const [outputs, gradients] = [new Float32Array(64), new Float32Array(64)];
      let error = 0;
      for (let step = 0; step < 400; step++) {
        const inputs = Float32Array.from({ length: 64 }, () => 2 * random.uniform() - 1);
        mlp.forward(inputs, 64, outputs);
        error = 0;
        outputs.forEach((value, i) => {
          const miss = value - inputs[i] ** 2;
          error += miss ** 2 / 64;
          gradients[i] = (2 * miss) / 64;
        });
        mlp.backward(gradients);
        mlp.adamStep({ learningRate: 3e-3 });
      }
      return { error, parameters: mlp.parameters };
    };
    const [first, second] = [learn(), learn()];
    expect(first.error).toBeLessThan(1e-3);
    expect(second.parameters).toEqual(first.parameters);
  });

  test("agrees with TypeScript to rounding over ten updates", () => {
    const shape: MlpShape = { sizes: [17, 40, 33, 5], activations: ["relu", "relu", "tanh"] };
    const rows = 21;
    const inputs = draws(rows * 17, "inputs");
    const weights = draws(rows * 5, "loss");
    const run = (backend: Dense) => {
      const mlp = network(backend, shape);
      const outputs = new Float32Array(rows * 5);
      for (let step = 0; step < 10; step++) {
        mlp.forward(inputs, rows, outputs);
        mlp.backward(weights);
        mlp.adamStep({ learningRate: 1e-2, epsilon: 1e-3 });
      }
      return outputs;
    };
    const [here, reference] = [run(dense), run(typescriptDense())];
    here.forEach((value, i) => {
      expect(value).toBeCloseTo(reference[i], 4);
    });
  });

  test("parameters may lie in shared memory and keep what is loaded into them", () => {
    const shared = new Float32Array(new SharedArrayBuffer(4 * parameterCount(SHAPE)));
    const owner = network(dense);
    const mlp = dense.mlp(SHAPE, { parameters: shared });
    mlp.parameters.set(owner.parameters);
    const inputs = draws(3, "inputs");
    const [ours, theirs] = [new Float32Array(2), new Float32Array(2)];
    mlp.forward(inputs, 1, ours);
    owner.forward(inputs, 1, theirs);
    expect(ours).toEqual(theirs);
    expect(ours.some((value) => value !== 0)).toBe(true);
  });

  test("shapes and arrays that do not fit are refused", () => {
    expect(() => dense.mlp({ sizes: [3], activations: [] })).toThrow("at least one layer");
    expect(() => dense.mlp({ sizes: [3, 0], activations: ["relu"] })).toThrow("at least");
    expect(() => dense.mlp({ sizes: [3, 1], activations: ["gelu" as "relu"] })).toThrow("relu");
    expect(() => dense.mlp(SHAPE, { parameters: new Float32Array(7) })).toThrow("expected 94");
    const mlp = network(dense);
    expect(() => mlp.forward(new Float32Array(5), 2, new Float32Array(4))).toThrow("inputs holds 5");
    expect(() => mlp.forward(new Float32Array(6), 2, new Float32Array(3))).toThrow("outputs holds 3");
    mlp.forward(new Float32Array(6), 2, new Float32Array(4));
    expect(() => mlp.backward(new Float32Array(3))).toThrow("outputGradients holds 3");
    expect(() => mlp.backward(new Float32Array(4), { inputs: new Float32Array(5) })).toThrow(
      "inputGradients holds 5",
    );
  });
});

test("initial weights are uniform within 1/sqrt(fan-in) of each layer", () => {
  const mlp = network(typescriptDense(), { sizes: [100, 50, 4], activations: ["relu", "linear"] });
  const first = mlp.parameters.subarray(0, 101 * 50);
  const second = mlp.parameters.subarray(101 * 50);
  for (const [layer, bound] of [
    [first, 0.1],
    [second, 1 / Math.sqrt(50)],
  ] as const) {
    const largest = layer.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(largest).toBeLessThanOrEqual(Math.fround(bound));
    expect(largest).toBeGreaterThan(0.9 * bound);
  }
});
