import { describe, expect, test } from "vitest";
import { quantileOf } from "../../src/numeric/quantile.ts";
import { normalCdf } from "../../src/numeric/special.ts";
import { FeatureScores } from "../../src/workload/output-features.ts";
import { type SyntheticParameters, SyntheticWorkload } from "../../src/workload/synthetic.ts";
import { average, columnsOf, standardDeviation } from "./rows.ts";

/** CAPS's requests: caps.md sections 3, 5 and 9. */
const caps: SyntheticParameters = {
  seed: 1,
  requests: 200_000,
  arrival: { process: "poisson", ratePerSecond: 10 },
  prompt: {
    dist: "mixture",
    parts: [
      { share: 0.5, of: { dist: "uniform", min: 1, max: 255 } },
      { share: 0.35, of: { dist: "uniform", min: 256, max: 2047 } },
      { share: 0.15, of: { dist: "uniform", min: 2048, max: 8192 } },
    ],
  },
  output: { dist: "lognormal", mu: 4.8, sigma: 1.1 },
  taskTypes: [
    { name: "classification", share: 0.2, outputEffect: -2 },
    { name: "generation", share: 0.5, outputEffect: 1 },
    { name: "code", share: 0.2, outputEffect: 0.5 },
    { name: "other", share: 0.1 },
  ],
  tenants: { count: 60, zipf: 1.1 },
  turns: { mean: 3 },
  outputFeatures: { rho: 0.98 },
};

function correlation(x: readonly number[], y: readonly number[]): number {
  const [mx, my] = [average(x), average(y)];
  const product = average(x.map((value, i) => (value - mx) * (y[i] - my)));
  return product / (standardDeviation(x) * standardDeviation(y));
}

/** z of every row. */
function scores(parameters: SyntheticParameters, rows: ReturnType<typeof columnsOf>): number[] {
  const { outputFeatures } = parameters;
  if (outputFeatures === undefined) throw new Error("no features");
  const features = new FeatureScores({ ...parameters, outputFeatures });
  return rows.promptTokens.map((tokens, i) =>
    features.z(tokens, rows.turns?.[i] ?? 1, rows.taskType?.[i] ?? 0, rows.tenant?.[i] ?? 0),
  );
}

describe("CAPS's outputs", () => {
  const rows = columnsOf(new SyntheticWorkload(caps));
  const z = scores(caps, rows);
  const logs = rows.outputTokens.map(Math.log);

  test("z is standard normal over the requests", () => {
    expect(average(z)).toBeCloseTo(0, 1.5);
    expect(standardDeviation(z)).toBeCloseTo(1, 2);
    // Kolmogorov's distance: 1.95 / sqrt(n) is passed once in a thousand; features shared by many make it coarser.
    const sorted = [...z].sort((a, b) => a - b);
    const distance = Math.max(...sampled(sorted).map(([value, rank]) => Math.abs(normalCdf(value) - rank)));
    expect(distance).toBeLessThan(0.006);
  });

  test("keep log-normal(4.8, 1.1): mean 222.5, median 121.5, 95 % at 742", () => {
    // The mean's standard error is 0.7 (deviation 340 over 200,000).
    expect(Math.abs(average(rows.outputTokens) - 222.516)).toBeLessThan(3.5);
    const sorted = [...rows.outputTokens].sort((a, b) => a - b);
    expect(Math.abs(quantileOf(sorted, 0.5) - 121.51)).toBeLessThan(1.5);
    expect(Math.abs(quantileOf(sorted, 0.95) - 741.99)).toBeLessThan(12);
    expect(new SyntheticWorkload(caps).meanOutputTokens).toBeCloseTo(222.5, 0);
  });

  test("correlate with the features by rho, the best guess errs by 18 %", () => {
    expect(correlation(z, logs)).toBeCloseTo(0.98, 2);
    // caps.md section 5: a log error of deviation 0.225 gives a MAPE of about 18 % and an MAE of about 40 tokens.
    const guesses = z.map((score) => Math.exp(4.8 + 1.1 * 0.98 * score));
    const errors = guesses.map((guess, i) => Math.abs(guess - rows.outputTokens[i]));
    const relative = average(errors.map((error, i) => error / rows.outputTokens[i]));
    expect(relative).toBeGreaterThan(0.165);
    expect(relative).toBeLessThan(0.195);
    expect(average(errors)).toBeGreaterThan(35);
    expect(average(errors)).toBeLessThan(45);
  });

  test("grow with each feature", () => {
    expect(correlation(rows.promptTokens.map(Math.log), logs)).toBeGreaterThan(0.3);
    expect(correlation(rows.turns.map(Math.log), logs)).toBeGreaterThan(0.15);
    const effects = rows.taskType.map((type) => [-2, 1, 0.5, 0][type]);
    expect(correlation(effects, logs)).toBeGreaterThan(0.3);
  });

  test("shift no other column", () => {
    const { outputFeatures: _, ...plain } = caps;
    const { outputTokens: __, ...others } = columnsOf(new SyntheticWorkload(plain));
    expect(rows).toMatchObject(others);
  });
});

test("with rho 1 equal features have equal outputs, with rho 0 the features tell nothing", () => {
  const sure = { ...caps, requests: 20_000, outputFeatures: { rho: 1 } };
  const rows = columnsOf(new SyntheticWorkload(sure));
  const seen = new Map<string, number>();
  rows.promptTokens.forEach((tokens, i) => {
    const key = [tokens, rows.turns[i], rows.taskType[i], rows.tenant[i]].join();
    expect(seen.get(key) ?? rows.outputTokens[i]).toBe(rows.outputTokens[i]);
    seen.set(key, rows.outputTokens[i]);
  });
  expect(seen.size).toBeLessThan(rows.promptTokens.length);
  const none = { ...caps, outputFeatures: { rho: 0 } };
  const free = columnsOf(new SyntheticWorkload(none));
  expect(Math.abs(correlation(scores(none, free), free.outputTokens.map(Math.log)))).toBeLessThan(0.01);
});

test("one feature alone gives the quantile of that feature", () => {
  const p: SyntheticParameters = {
    seed: 1,
    requests: 10,
    arrival: { process: "constant", ratePerSecond: 1 },
    prompt: { dist: "uniform", min: 1, max: 1000 },
    output: { dist: "lognormal", mu: 4.8, sigma: 1.1 },
    outputFeatures: { rho: 1 },
  };
  const features = new FeatureScores({ ...p, outputFeatures: { rho: 1 } });
  // A quarter of the prompts has at most 250 tokens.
  for (const share of [0.1, 0.25, 0.5, 0.9]) {
    expect(normalCdf(features.z(1000 * share, 1, 0, 0))).toBeCloseTo(share, 2);
  }
});

describe("refused", () => {
  const message = (change: Partial<SyntheticParameters>) => {
    try {
      new SyntheticWorkload({ ...caps, ...change } as SyntheticParameters);
    } catch (error) {
      return (error as Error).message;
    }
    return "";
  };
  test.each<[Partial<SyntheticParameters>, string]>([
    [{ outputFeatures: { rho: 1.5 } }, "workload: outputFeatures.rho is 1.5, expected a number from 0 to 1"],
    [
      { output: { dist: "constant", value: 5 } },
      'workload: output is "constant", expected dist lognormal, which outputFeatures shapes',
    ],
    [
      { outputFeatures: { rho: 0.9, weights: { prompt: 0, turns: 0, taskType: 0, tenant: 0 } } },
      'workload: outputFeatures.weights is "0 for every feature that varies", expected a weight above 0 for a feature that varies',
    ],
    [
      { taskTypes: [{ name: "a", share: 1, output: { dist: "constant", value: 1 } }] },
      'workload: taskTypes.a.output is "constant", expected none, as outputFeatures gives every output its length',
    ],
  ])("%j", (change, expected) => {
    expect(message(change)).toBe(expected);
  });
});

/** A thousand values of a sorted list with the share of the list below each. */
function sampled(sorted: readonly number[]): [number, number][] {
  return Array.from({ length: 1000 }, (_, i) => {
    const at = Math.floor(((i + 0.5) * sorted.length) / 1000);
    return [sorted[at], at / sorted.length];
  });
}
