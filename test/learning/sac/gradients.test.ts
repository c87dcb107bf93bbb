import { describe, expect, test } from "vitest";
import { initialise } from "../../../src/learning/dense/dense.ts";
import { type Conditioning, makeActor } from "../../../src/learning/sac/actor.ts";
import { Critics } from "../../../src/learning/sac/critics.ts";
import {
  drawActions,
  logStdOf,
  makePolicySample,
  policyGradient,
  squashedLogDensity,
} from "../../../src/learning/sac/squashed-gaussian.ts";
import { Stream } from "../../../src/numeric/random.ts";
import { backendsHere } from "../dense/backends.ts";
import { differences, reference, relativeError } from "./reference.ts";

const ROWS = 5;
/** States, goals and actions, and the hidden layers: the 3-4-2 of the specification, and one more layer for FiLM. */
const SIZES = { stateSize: 3, goalSize: 2, actionSize: 2 };

function draws(count: number, purpose: string): Float32Array {
  const random = new Stream(9, purpose);
  return Float32Array.from({ length: count }, () => random.normal());
}

function row(matrix: ArrayLike<number>, index: number, width: number): number[] {
  return Array.from({ length: width }, (_, i) => matrix[index * width + i]);
}

describe.each(backendsHere())("$name", ({ dense }) => {
  test.each<Conditioning>(["film", "film-on-action", "concat", "none"])(
    "the policy's gradient, conditioning %s, equals central differences in double",
    (conditioning) => {
      const random = new Stream(2, "weights");
      const uniform = () => random.uniform();
      const actor = makeActor(dense, { ...SIZES, hidden: [4, 4], conditioning }, uniform);
      const { film } = actor.networks;
      if (film !== undefined) initialise(film, uniform);
      const [states, goals] = [draws(ROWS * 3, "states"), draws(ROWS * 2, "goals")];
      const [alpha, valueGradients] = [0.3, draws(ROWS * 2, "values")];
      const outputs = new Float32Array(ROWS * 4);
      const gradients = new Float32Array(ROWS * 4);
      const sample = makePolicySample(ROWS, 2);
      actor.forward(states, goals, ROWS, outputs);
      drawActions(outputs, ROWS, 2, new Stream(3, "noise"), sample);
      const noise = sample.spreads.map((spread, i) => {
        const output = outputs[4 * Math.floor(i / 2) + 2 + (i % 2)];
        return spread / Math.exp(logStdOf(output));
      });
      policyGradient(sample, ROWS, 2, alpha, valueGradients, gradients);
      actor.backward(gradients);

      const outputsOf = (parameters: Record<string, ArrayLike<number>>, r: number): number[] => {
        const [state, goal] = [row(states, r, 3), row(goals, r, 2)];
        const run = (name: string, inputs: number[]) =>
          reference(actor.networks[name].shape, parameters[name], inputs);
        const modulated = (h: number[]) => {
          const modulation = run("film", goal);
          const width = modulation.length / 2;
          return h.map((x, i) => (i < width ? (1 + modulation[i]) * x + modulation[width + i] : x));
        };
        if (conditioning === "film") return run("rest", modulated(run("first", state)));
        if (conditioning === "film-on-action") return modulated(run("network", state));
        return run("network", conditioning === "concat" ? [...state, ...goal] : state);
      };
      /** Mean of alpha log-density less the value, the value being linear in the action. */
      const loss = (parameters: Record<string, ArrayLike<number>>) => {
        let total = 0;
        for (let r = 0; r < ROWS; r++) {
          const out = outputsOf(parameters, r);
          for (const i of [0, 1]) {
            const logStd = logStdOf(out[2 + i]);
            const u = out[i] + Math.exp(logStd) * noise[2 * r + i];
            total += alpha * squashedLogDensity(u, out[i], logStd) - valueGradients[2 * r + i] * Math.tanh(u);
          }
        }
        return total / ROWS;
      };
      const here = Object.fromEntries(
        Object.entries(actor.networks).map(([name, { parameters }]) => [name, parameters]),
      );
      for (const [name, network] of Object.entries(actor.networks)) {
        const expected = differences(network.parameters, (moved) => loss({ ...here, [name]: moved }));
        expect(relativeError(network.gradients, expected), name).toBeLessThan(1e-4);
      }
    },
  );

  test.each([0, 2])("the critics' gradients, actions in centred groups of %i", (centredGroup) => {
    const random = new Stream(8, "weights");
    const critics = new Critics(dense, { ...SIZES, hidden: [4], centredGroup }, () => random.uniform());
    const [states, goals, actions] = [
      draws(ROWS * 3, "states"),
      draws(ROWS * 2, "goals"),
      draws(ROWS * 2, "a"),
    ];
    const targets = Float64Array.from(draws(ROWS, "targets"));
    const seen = (moved: ArrayLike<number>, r: number) => {
      const action = row(moved, r, 2);
      const mean = centredGroup === 0 ? 0 : (action[0] + action[1]) / 2;
      return [...row(states, r, 3), ...action.map((a) => a - mean), ...row(goals, r, 2)];
    };
    const value = (parameters: ArrayLike<number>, moved: ArrayLike<number>, r: number) =>
      reference(critics.online[0].shape, parameters, seen(moved, r))[0];

    const out = { values: new Float64Array(ROWS), actionGradients: new Float32Array(ROWS * 2) };
    critics.lesser("online", states, actions, goals, ROWS, out);
    const lesser = (moved: ArrayLike<number>, r: number) =>
      Math.min(...critics.online.map(({ parameters }) => value(parameters, moved, r)));
    const byActions = differences(actions, (moved) => {
      let sum = 0;
      for (let r = 0; r < ROWS; r++) sum += lesser(moved, r);
      return sum;
    });
    expect(out.values[1]).toBeCloseTo(lesser(actions, 1), 6);
    expect(relativeError(out.actionGradients, byActions)).toBeLessThan(1e-4);
    // Both critics are the lesser somewhere, else half of this is not tested.
    const first = Array.from(
      { length: ROWS },
      (_, r) => out.values[r] - value(critics.online[0].parameters, actions, r),
    );
    expect(new Set(first.map((difference) => Math.abs(difference) < 1e-5)).size).toBe(2);

    const expected = critics.online.map(({ parameters }) =>
      differences(parameters, (moved) => {
        let sum = 0;
        for (let r = 0; r < ROWS; r++) sum += (value(moved, actions, r) - targets[r]) ** 2 / ROWS;
        return sum;
      }),
    );
    const loss = critics.step(states, actions, goals, targets, ROWS, 1e-3);
    expect(loss).toBeGreaterThan(0);
    critics.online.forEach(({ gradients }, k) => {
      expect(relativeError(gradients, expected[k])).toBeLessThan(1e-4);
    });
  });
});
