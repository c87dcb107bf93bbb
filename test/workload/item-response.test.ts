import { describe, expect, test } from "vitest";
import { logistic } from "../../src/numeric/logistic.ts";
import { Stream } from "../../src/numeric/random.ts";
import {
  type AccuracyTable,
  fitItemResponse,
  type ItemResponse,
  itemResponseTargets,
  responseSeed,
  responseUniform,
} from "../../src/workload/item-response.ts";

const table: AccuracyTable = {
  small: { easy: 60, hard: 20, flat: 50 },
  middle: { easy: 70, hard: 45, flat: 50 },
  big: { easy: 85, hard: 77, flat: 50 },
};
const datasets = ["easy", "hard", "flat"];
const models = ["small", "middle", "big"];
const phi = { easy: 0.45, hard: 0.3, flat: 0 };
const targets = itemResponseTargets(table, datasets, models, phi);
const fitted = fitItemResponse(targets);

/** Share of right answers over the difficulties, by Simpson's rule on a grid of its own. */
function marginal(response: ItemResponse, dataset: number, model: number): number {
  const n = 20000;
  let sum = 0;
  for (let i = 0; i <= n; i++) {
    const z = -10 + (20 * i) / n;
    const weight = i === 0 || i === n ? 1 : i % 2 === 1 ? 4 : 2;
    sum += weight * Math.exp(-0.5 * z * z) * response.probability(z, dataset, model);
  }
  return (sum * (20 / n)) / 3 / Math.sqrt(2 * Math.PI);
}

/** Answers of every model to examples of a dataset. */
function simulate(response: ItemResponse, dataset: number, examples: number): Uint8Array[] {
  const random = new Stream(7, "difficulty");
  const answers = response.models.map(() => new Uint8Array(examples));
  const seed = responseSeed(7);
  for (let i = 0; i < examples; i++) {
    const difficulty = random.normal();
    for (let m = 0; m < answers.length; m++) {
      answers[m][i] = response.correct(difficulty, dataset, m, responseUniform(seed, i, m)) ? 1 : 0;
    }
  }
  return answers;
}

function share(bits: Uint8Array): number {
  let sum = 0;
  for (const bit of bits) sum += bit;
  return sum / bits.length;
}

function phiOf(a: Uint8Array, b: Uint8Array): number {
  const both = share(a.map((bit, i) => bit & b[i]));
  const p = share(a);
  const q = share(b);
  return (both - p * q) / Math.sqrt(p * (1 - p) * q * (1 - q));
}

describe("item response", () => {
  test.each(datasets.map((d, j) => [d, j] as const))("%s: every accuracy is the table's to 1e-6", (_, j) => {
    for (let m = 0; m < models.length; m++) {
      expect(Math.abs(marginal(fitted, j, m) - targets.accuracy[j * 3 + m])).toBeLessThan(1e-6);
    }
  });

  test.each(datasets.map((d, j) => [d, j] as const))(
    "%s: 1e5 examples have its accuracies and phi",
    (_, j) => {
      const answers = simulate(fitted, j, 100_000);
      for (let m = 0; m < 3; m++)
        expect(Math.abs(share(answers[m]) - targets.accuracy[j * 3 + m])).toBeLessThan(0.006);
      const mean =
        (phiOf(answers[0], answers[1]) + phiOf(answers[0], answers[2]) + phiOf(answers[1], answers[2])) / 3;
      expect(Math.abs(mean - targets.phi[j])).toBeLessThan(0.01);
    },
  );

  test("without dependence the skill is the logit of the accuracy, and difficulty is nothing", () => {
    expect(fitted.spread[2]).toBe(0);
    expect(fitted.probability(3, 2, 0)).toBeCloseTo(0.5, 12);
    const one = fitItemResponse({
      datasets: ["d"],
      models: ["m", "n"],
      accuracy: Float64Array.of(0.2, 0.9),
      phi: Float64Array.of(0),
    });
    expect(logistic(one.skill[0])).toBeCloseTo(0.2, 10);
    expect(logistic(one.skill[1])).toBeCloseTo(0.9, 10);
  });

  test("harder examples are answered less often, by every model in the order of its skill", () => {
    for (let z = -3; z < 3; z += 0.5) {
      expect(fitted.probability(z + 0.5, 0, 0)).toBeLessThan(fitted.probability(z, 0, 0));
      expect(fitted.probability(z, 0, 0)).toBeLessThan(fitted.probability(z, 0, 2));
    }
  });

  test("always and never right are exact, and need no phi", () => {
    const sure = fitItemResponse({
      datasets: ["d"],
      models: ["no", "yes"],
      accuracy: Float64Array.of(0, 1),
      phi: Float64Array.of(0.5),
    });
    expect(sure.correct(-5, 0, 0, 0)).toBe(false);
    expect(sure.correct(5, 0, 1, 1 - 2 ** -32)).toBe(true);
  });

  test("a lone model has the phi of two models like it", () => {
    const lone = fitItemResponse({
      datasets: ["d"],
      models: ["m"],
      accuracy: Float64Array.of(0.6),
      phi: Float64Array.of(0.5),
    });
    const twins = fitItemResponse({
      datasets: ["d"],
      models: ["m", "n"],
      accuracy: Float64Array.of(0.6, 0.6),
      phi: Float64Array.of(0.5),
    });
    expect(lone.spread[0]).toBeCloseTo(twins.spread[0], 4);
  });

  test("an answer depends on seed, request and model alone", () => {
    const seed = responseSeed(3);
    expect(responseUniform(seed, 12, 1)).toBe(responseUniform(seed, 12, 1));
    const seen = new Set<number>();
    for (let row = 0; row < 100; row++) for (let m = 0; m < 5; m++) seen.add(responseUniform(seed, row, m));
    expect(seen.size).toBe(500);
    expect(responseUniform(seed, 5, 0)).not.toBe(responseUniform(seed, 5 + 2 ** 32, 0));
    expect(responseUniform(responseSeed(4), 12, 1)).not.toBe(responseUniform(seed, 12, 1));
  });

  test("the uniforms are uniform, and those of two models or neighbouring rows independent", () => {
    const n = 200_000;
    const seed = responseSeed("a run");
    const counts = new Float64Array(64);
    for (let row = 0; row < n; row++) {
      const a = Math.floor(8 * responseUniform(seed, row, 0));
      counts[8 * a + Math.floor(8 * responseUniform(seed, row, 1))]++;
    }
    const expected = n / 64;
    const chiSquare = counts.reduce((sum, c) => sum + (c - expected) ** 2 / expected, 0);
    // 63 degrees of freedom: 0.9999 quantile 113.
    expect(chiSquare).toBeLessThan(113);
    let product = 0;
    for (let row = 0; row < n; row++) {
      product += (responseUniform(seed, row, 0) - 0.5) * (responseUniform(seed, row + 1, 0) - 0.5);
    }
    expect(Math.abs((12 * product) / n)).toBeLessThan(4 / Math.sqrt(n));
  });
});

describe("what a table can get wrong", () => {
  const targetsOf = (
    d: string[],
    m: string[],
    p: number | Record<string, number> = 0.1,
    t: AccuracyTable = table,
  ) => itemResponseTargets(t, d, m, p);

  test("a dataset or a model that it does not have is named, with the nearest", () => {
    expect(() => targetsOf(["easi"], models)).toThrow(
      'the table has no dataset "easi" for small, which the workload names (did you mean "easy"?)',
    );
    expect(() => targetsOf(["easy"], ["smal"])).toThrow(
      'the table has no model "smal", which the fleet serves (did you mean "small"?)',
    );
    expect(() => targetsOf(["easy"], ["constructor"])).toThrow(/no model "constructor"/);
  });

  test("an accuracy above 100 percent", () => {
    expect(() => targetsOf(["easy"], ["m"], 0, { m: { easy: 101 } })).toThrow(
      "m on easy is 101 percent, expected 0 to 100",
    );
  });

  test("a phi that the accuracies cannot have: the largest is sqrt(p (1 - q) / (q (1 - p)))", () => {
    // Small models right on 20 %, big on 77 %: nested answers give sqrt(.2 * .23 / (.77 * .8)) = 0.2733.
    expect(() => fitItemResponse(targetsOf(["hard"], ["small", "big"], 0.5))).toThrow(
      /^phi of hard is 0.5, expected 0 to 0.27\d?, the most that the accuracies of the models allow$/,
    );
    expect(() => targetsOf(["easy"], models, { eazy: 0.2 })).toThrow(
      /phi is not given for the dataset "easy"/,
    );
  });
});
