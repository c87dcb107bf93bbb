import { describe, expect, test } from "vitest";
import { typescriptDense } from "../../../src/learning/dense/typescript-dense.ts";
import { Film } from "../../../src/learning/sac/film.ts";
import { softTarget } from "../../../src/learning/sac/sac.ts";
import { actionsOfPlan, planGradients, planOfActions } from "../../../src/learning/sac/simplex-actions.ts";
import {
  drawActions,
  logSquashSlope,
  logStdOf,
  makePolicySample,
  squashedLogDensity,
} from "../../../src/learning/sac/squashed-gaussian.ts";
import { Temperature } from "../../../src/learning/sac/temperature.ts";
import { Stream } from "../../../src/numeric/random.ts";

test("target: 0.5 + 0.95 (min(1.2, 1.0) + 0.2 x 1.5) = 1.735; a terminal next state counts for nothing", () => {
  expect(softTarget(0.5, 0.95, 0, Math.min(1.2, 1.0), 0.2, -1.5)).toBeCloseTo(1.735, 12);
  expect(softTarget(0.5, 0.95, 1, Math.min(1.2, 1.0), 0.2, -1.5)).toBe(0.5);
});

describe("squashed Gaussian", () => {
  test("log-density at u 0.3 of mean 0.1 and log std -0.5", () => {
    const action = Math.tanh(0.3);
    expect(action).toBeCloseTo(0.291313, 6);
    expect(squashedLogDensity(0.3, 0.1, -0.5) + logSquashSlope(0.3)).toBeCloseTo(-0.473304, 6);
    expect(squashedLogDensity(0.3, 0.1, -0.5)).toBeCloseTo(-0.384623, 6);
    // The form of the published code, log(1 - a^2 + 1e-6), is off by as little.
    expect(-0.473304 - Math.log(1 - action ** 2 + 1e-6)).toBeCloseTo(-0.384624, 6);
  });

  test("the slope of tanh keeps its digits where 1 - a^2 has none", () => {
    expect(logSquashSlope(30)).toBeCloseTo(Math.log(4) - 60, 12);
    expect(logSquashSlope(-30)).toBe(logSquashSlope(30));
    expect(logSquashSlope(0.7)).toBeCloseTo(Math.log(1 - Math.tanh(0.7) ** 2), 12);
  });

  test("the log standard deviation lies within -5 and 2", () => {
    expect(logStdOf(0)).toBe(-1.5);
    expect(logStdOf(1e9)).toBe(2);
    expect(logStdOf(-1e9)).toBe(-5);
  });

  test("the density of the actions integrates to one", () => {
    let total = 0;
    for (let i = 0; i < 4000; i++) {
      const action = -1 + (2 * i + 1) / 4000;
      total += Math.exp(squashedLogDensity(Math.atanh(action), 0.4, -0.3)) * (2 / 4000);
    }
    expect(total).toBeCloseTo(1, 4);
  });

  test("a draw has the density of the closed form, summed over its dimensions", () => {
    const outputs = Float32Array.of(0.2, -0.4, 0.5, -0.1);
    const sample = makePolicySample(1, 2);
    drawActions(outputs, 1, 2, new Stream(1, "noise"), sample);
    const expected = [0, 1].reduce((sum, i) => {
      const u = Math.atanh(sample.squashed[i]);
      return sum + squashedLogDensity(u, outputs[i], logStdOf(outputs[2 + i]));
    }, 0);
    expect(sample.logDensities[0]).toBeCloseTo(expected, 9);
  });
});

describe("temperature", () => {
  test("log alpha 0, log-density -1.5, target -2: gradient 3.5, Adam's first step -0.001", () => {
    const temperature = new Temperature(1, -2, 1e-3);
    expect(temperature.gradient(-1.5)).toBeCloseTo(3.5, 12);
    expect(0 - 0.1 * temperature.gradient(-1.5)).toBeCloseTo(-0.35, 12);
    temperature.step(-1.5);
    expect(temperature.state[0]).toBeCloseTo(-1e-3, 9);
  });

  test("alpha rises below the target entropy, and stays where its rate is 0", () => {
    const temperature = new Temperature(0.2, -1, 1e-2);
    temperature.step(4);
    expect(temperature.alpha).toBeGreaterThan(0.2);
    const fixed = new Temperature(0.2, -1, 0);
    fixed.step(4);
    expect(fixed.alpha).toBeCloseTo(0.2, 12);
  });
});

describe("FiLM in residual form", () => {
  test("gamma 0.5, beta 0.1: 0.2 -> 0.4; gamma -0.5, beta -0.1: 0.4 -> 0.1", () => {
    const film = new Film(typescriptDense(), 1, 1);
    const values = Float32Array.of(0.2, 0.4);
    film.network.parameters.set([0.5, 0.1, 0, 0]);
    film.forward(Float32Array.of(1, -1), 2, values);
    expect(values[0]).toBeCloseTo(0.4, 6);
    expect(values[1]).toBeCloseTo(0.1, 6);
  });

  test("starts as the identity, and leaves what lies beyond its width alone", () => {
    const film = new Film(typescriptDense(), 2, 2, 3);
    const values = Float32Array.of(1, 2, 3, 4, 5, 6);
    film.forward(Float32Array.of(7, 8, 9, 10), 2, values);
    expect([...values]).toEqual([1, 2, 3, 4, 5, 6]);
    film.network.parameters.fill(1);
    film.forward(Float32Array.of(0, 0, 0, 0), 2, values);
    expect([...values]).toEqual([3, 5, 3, 9, 11, 6]);
  });
});

describe("plans as actions", () => {
  test("softmax(3 a) by row", () => {
    const plan = new Float64Array(4);
    planOfActions([1, -1, 0.5, 0.5], 2, 2, plan);
    expect(plan[0]).toBeCloseTo(1 / (1 + Math.exp(-6)), 12);
    expect(plan[0] + plan[1]).toBeCloseTo(1, 12);
    expect([plan[2], plan[3]]).toEqual([0.5, 0.5]);
  });

  test("the way back has mean zero and gives the same plan", () => {
    const [plan, again, actions] = [new Float64Array(6), new Float64Array(6), new Float32Array(6)];
    planOfActions([0.9, -0.9, 0.2, -1, 1, 0], 2, 3, plan);
    actionsOfPlan(plan, 2, 3, actions);
    planOfActions(actions, 2, 3, again);
    for (const row of [0, 1]) {
      expect(actions[3 * row] + actions[3 * row + 1] + actions[3 * row + 2]).toBeCloseTo(0, 6);
    }
    again.forEach((share, i) => {
      expect(share).toBeCloseTo(plan[i], 6);
    });
  });

  test("the extreme plan of encoding T reaches 2 (D - 1) / D; a plan with zeros is held within 2", () => {
    const [plan, actions] = [new Float64Array(4), new Float32Array(4)];
    planOfActions([1, -1, -1, -1], 1, 4, plan);
    actionsOfPlan(plan, 1, 4, actions);
    expect(actions[0]).toBeCloseTo(1.5, 6);
    actionsOfPlan([1, 0, 0, 0], 1, 4, actions);
    expect(actions[0]).toBe(2);
    expect(actions[1]).toBeCloseTo(-Math.log(1e6) / 12, 5);
  });

  test("gradients by shares equal central differences through the actions", () => {
    const plan = [0.2, 0.5, 0.3, 0.05, 0.85, 0.1];
    const weights = [0.3, -1, 2, 0.7, 0.1, -0.4];
    const actions = new Float32Array(6);
    const value = (moved: ArrayLike<number>) => {
      const mean = (row: number) => [0, 1, 2].reduce((sum, i) => sum + logit(moved[3 * row + i]) / 3, 0);
      return weights.reduce(
        (sum, weight, i) => sum + weight * (logit(moved[i]) - mean(Math.floor(i / 3))),
        0,
      );
    };
    const logit = (share: number) => Math.log(Math.max(share, 1e-6)) / 3;
    actionsOfPlan(plan, 2, 3, actions);
    expect(weights.reduce((sum, weight, i) => sum + weight * actions[i], 0)).toBeCloseTo(value(plan), 5);
    const gradients = new Float64Array(6);
    planGradients(plan, weights, 2, 3, gradients);
    plan.forEach((_, i) => {
      const at = (by: number) => value(plan.map((other, k) => (k === i ? other + by : other)));
      expect(gradients[i]).toBeCloseTo((at(1e-6) - at(-1e-6)) / 2e-6, 5);
    });
    planGradients([0, 0.4, 0.6], [1, 2, 3], 1, 3, gradients);
    expect(gradients[0]).toBe(0);
    expect(gradients[2]).toBeCloseTo(1 / 1.8, 12);
  });
});
