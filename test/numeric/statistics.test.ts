import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bcaInterval, percentileInterval } from "../../src/numeric/bootstrap.ts";
import { Stream } from "../../src/numeric/random.ts";
import {
  bootstrap,
  bootstrapMean,
  cliffsDelta,
  holm,
  kendallTau,
  mannWhitney,
  mean,
  pairedDifference,
  pairedRatio,
  ranks,
  sampleStd,
  sampleVariance,
  studentInterval,
  studentTest,
  sumOf,
} from "../../src/numeric/statistics.ts";

// Where a comment says so, expected values were printed by scipy 1.17.1 and NumPy 2.4.6 from these samples.
const a = [2.1, 3.4, 1.9, 5.6, 4.4, 3.8, 2.7];
const b = [3.0, 4.1, 2.2, 6.9, 4.0, 5.1, 3.3];
const c = [8.2, 6.5, 7.7, 9.1, 5.0];

describe("mean and spread", () => {
  it("match NumPy's mean, std(ddof=1) and var(ddof=1)", () => {
    expect(mean(a)).toBeCloseTo(3.414285714285714, 14);
    expect(sampleStd(a)).toBeCloseTo(1.318368399991155, 14);
    expect(sampleVariance(a)).toBeCloseTo(1.7380952380952381, 14);
  });

  it("do not lose the spread of large numbers", () => {
    expect(sampleStd([1e9 + 1, 1e9 + 2, 1e9 + 3])).toBe(1);
    expect(sumOf([1e100, 1, -1e100])).toBe(1);
  });

  it("are NaN where they do not exist", () => {
    expect(mean([])).toBeNaN();
    expect(sampleStd([4])).toBeNaN();
  });
});

describe("bootstrap intervals", () => {
  const skewed = [0.12, 0.35, 0.48, 0.61, 0.75, 0.98, 1.22, 1.57, 2.03, 2.71, 3.9, 7.4];
  const stream = () => new Stream(11, "bootstrap");

  it("have exact ends when all 4^4 resamples of (1, 2, 4, 11) are taken", () => {
    const values = [1, 2, 4, 11];
    const replicates = new Float64Array(256);
    for (let code = 0; code < 256; code++) {
      for (let place = 0; place < 4; place++) replicates[code] += values[(code >> (2 * place)) & 3] / 4;
    }
    const jackknife = Float64Array.from(values, (left) => (18 - left) / 3);
    // numpy.quantile of the 256 means, and of the same at the levels that
    // z0 = 0.08823801944992446 and a = 0.07556274881285664 give.
    const percentile = percentileInterval(4.5, replicates, 0.95);
    expect([percentile.low, percentile.high]).toEqual([1.5, 8.75]);
    const bca = bcaInterval(4.5, replicates, jackknife, 0.95);
    expect([bca.low, bca.high, bca.method]).toEqual([1.75, 9.25, "bca"]);
  });

  // scipy.stats.bootstrap with 400,000 resamples; ours with 100,000. The tolerance is about four standard errors
  // of an end.
  it.each([
    ["percentile", [0.8941666666666667, 3.0908333333333324]],
    ["bca", [1.0433333333333334, 3.5549999999999997]],
  ] as const)("of a skewed mean agree with scipy: %s", (method, [low, high]) => {
    const interval = bootstrapMean(skewed, { stream: stream(), method, resamples: 100_000 });
    expect(interval.estimate).toBe(mean(skewed));
    expect(Math.abs(interval.low - low)).toBeLessThan(0.015);
    expect(Math.abs(interval.high - high)).toBeLessThan(0.04);
  });

  it.each([
    ["percentile", [0.7660377358490567, 0.9363295880149811], [-1.0571428571428572, -0.2428571428571426]],
    ["bca", [0.7777777777777779, 0.974264705882353], [-1.014285714285714, -0.17142857142857126]],
  ] as const)("of paired ratios and differences agree with scipy: %s", (method, ratio, difference) => {
    const options = { stream: stream(), method, resamples: 100_000 };
    const r = pairedRatio(a, b, options);
    const d = pairedDifference(a, b, options);
    expect(r.estimate).toBeCloseTo(23.9 / 28.6, 14);
    expect(d.estimate).toBeCloseTo(-4.7 / 7, 14);
    expect(Math.abs(r.low - ratio[0])).toBeLessThan(0.004);
    expect(Math.abs(r.high - ratio[1])).toBeLessThan(0.004);
    expect(Math.abs(d.low - difference[0])).toBeLessThan(0.016);
    expect(Math.abs(d.high - difference[1])).toBeLessThan(0.016);
  });

  it("gain from pairing: the shared part of two noisy runs drops out", () => {
    const noise = new Stream(5, "shared noise");
    const base = Array.from({ length: 10 }, () => 100 + 30 * noise.normal());
    const better = base.map((x) => 0.8 * x);
    const ratio = pairedRatio(better, base, { stream: stream() });
    expect(ratio.low).toBeCloseTo(0.8, 12);
    expect(ratio.high).toBeCloseTo(0.8, 12);
  });

  it("are the same for the same stream and contain the estimate of a mean", () => {
    const first = bootstrapMean(a, { stream: stream() });
    expect(bootstrapMean(a, { stream: stream() })).toEqual(first);
    expect([first.resamples, first.level, first.method]).toEqual([2_000, 0.95, "percentile"]);
    expect(first.low).toBeLessThan(first.estimate);
    expect(first.high).toBeGreaterThan(first.estimate);
  });

  it("have no width for a constant sample, by either method", () => {
    for (const method of ["percentile", "bca"] as const) {
      const interval = bootstrapMean([3, 3, 3, 3], { stream: stream(), method });
      expect([interval.low, interval.high]).toEqual([3, 3]);
    }
  });

  it("do not exist for fewer than two members, nor where a resample has no statistic", () => {
    expect(bootstrapMean([3], { stream: stream() })).toMatchObject({
      estimate: 3,
      low: Number.NaN,
      high: Number.NaN,
    });
    const ratio = pairedRatio([1, 2, 3], [0, 0, 1], { stream: stream() });
    expect(ratio.estimate).toBe(6);
    expect([ratio.low, ratio.high]).toEqual([Number.NaN, Number.NaN]);
    expect(() => pairedDifference([1, 2], [1], { stream: stream() })).toThrow("2 values against 1");
  });

  it("fall back to the percentiles when every resample is on one side of the estimate", () => {
    const replicates = Float64Array.of(1, 2, 3);
    expect(bcaInterval(9, replicates, Float64Array.of(1, 2, 3), 0.95)).toEqual({
      ...percentileInterval(9, replicates, 0.95),
    });
  });

  it("take any statistic of the indices", () => {
    const interval = bootstrap(5, (indices) => Math.max(...indices), { stream: stream() });
    expect([interval.estimate, interval.high]).toEqual([4, 4]);
    expect(interval.low).toBeLessThan(4);
  });
});

describe("studentTest", () => {
  // scipy.stats.ttest_rel, ttest_ind(equal_var=True) and ttest_ind(equal_var=False), with confidence_interval().
  it.each([
    ["paired", b, [-2.978503977465045, 6, 0.024684354709913366, -1.2230231105180178, -0.11983403233912504]],
    ["pooled", c, [-4.627135298588653, 10, 0.0009402795036488608, -5.756831166683573, -2.0145974047449986]],
    [
      "welch",
      c,
      [-4.471068434359528, 7.65353976501186, 0.002322162225050201, -5.905717076766877, -1.865711494661694],
    ],
  ] as const)("matches scipy: %s", (design, other, expected) => {
    const test = studentTest(a, other, design);
    [test.t, test.degreesOfFreedom, test.p, test.low, test.high].forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 11);
    });
  });

  it("is exact without spread", () => {
    expect(studentTest([2, 2, 2], [2, 2, 2], "paired")).toMatchObject({ t: 0, p: 1, low: 0, high: 0 });
    expect(studentTest([3, 4, 5], [2, 3, 4], "paired")).toMatchObject({
      t: Number.POSITIVE_INFINITY,
      p: 0,
      low: 1,
      high: 1,
    });
  });

  it("knows nothing from one value a side, and refuses unequal pairs", () => {
    const test = studentTest([2], [3]);
    expect([test.t, test.p, test.low]).toEqual([Number.NaN, Number.NaN, Number.NaN]);
    expect(() => studentTest([1, 2], [1], "paired")).toThrow(RangeError);
  });

  it("gives the interval of a mean that scipy's ttest_1samp gives", () => {
    const { low, high } = studentInterval(a);
    expect(low).toBeCloseTo(2.194998304837031, 11);
    expect(high).toBeCloseTo(4.633573123734397, 11);
    expect(studentInterval([1]).low).toBeNaN();
  });
});

describe("mannWhitney", () => {
  // scipy.stats.mannwhitneyu, two-sided, method exact or asymptotic.
  const rising = Array.from({ length: 20 }, (_, i) => 1.5 * i + 0.25);
  const other = Array.from({ length: 25 }, (_, i) => 1.1 * i + 3.17);
  it.each([
    ["exact", a, c, 1, 0.005050505050505051],
    ["normal", a, c, 1, 0.009366111633066719],
    ["exact", a, b, 18, 0.45571095571095577],
    ["normal", a, b, 18, 0.4432885221164401],
    ["exact", rising, other, 219, 0.4897947065780864],
    ["normal", rising, other, 219, 0.48600990478622197],
  ] as const)("matches scipy: %s, case %#", (method, x, y, u, p) => {
    const test = mannWhitney(x, y, method);
    expect(test.u).toBe(u);
    expect(test.p).toBeCloseTo(p, 12);
  });

  it("corrects for ties, and then does not use the exact distribution by itself", () => {
    const test = mannWhitney([1, 2, 2, 3, 3, 3, 4, 5, 9], [2, 3, 3, 4, 4, 5, 6, 7]);
    expect(test.u).toBe(24.5);
    expect(test.p).toBeCloseTo(0.2811226414221001, 12);
    expect(test.method).toBe("normal");
    expect(mannWhitney(a, c).method).toBe("exact");
  });

  it("finds nothing in equal samples and nothing without values", () => {
    expect(mannWhitney([1, 1], [1, 1, 1])).toEqual({ u: 3, p: 1, method: "normal" });
    expect(mannWhitney([], [1]).p).toBeNaN();
  });
});

describe("holm", () => {
  it("multiplies by what is left and never falls", () => {
    // By hand: .005*4, .01*3, .03*2, then .04*1 raised to .06.
    holm([0.01, 0.04, 0.03, 0.005]).forEach((p, i) => {
      expect(p).toBeCloseTo([0.03, 0.06, 0.06, 0.02][i], 15);
    });
  });

  it("stops at 1 and passes NaN by", () => {
    expect([...holm([0.6, Number.NaN, 0.7])]).toEqual([1, Number.NaN, 1]);
    expect([...holm([Number.NaN, 0.02])]).toEqual([Number.NaN, 0.02]);
  });

  it("rejects exactly what Holm's step-down procedure rejects", () => {
    const p = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.array(p, { maxLength: 12 }), (pValues) => {
        const alpha = 0.05;
        const sorted = [...pValues].sort((x, y) => x - y);
        let rejected = 0;
        while (rejected < sorted.length && (sorted.length - rejected) * sorted[rejected] <= alpha) rejected++;
        expect([...holm(pValues)].filter((x) => x <= alpha)).toHaveLength(rejected);
      }),
    );
  });
});

describe("rank statistics", () => {
  it("rank ties by their mean, as scipy.stats.rankdata", () => {
    expect([...ranks([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5])]).toEqual([
      4.5, 1.5, 6, 1.5, 8, 11, 3, 10, 8, 4.5, 8,
    ]);
  });

  // scipy.stats.kendalltau (tau-b).
  it.each([
    [[1, 2, 3, 4, 5], [3, 4, 1, 2, 5], 0.2],
    [[1, 2, 2, 3, 4, 4, 5], [2, 1, 3, 3, 5, 4, 4], 0.6842105263157894],
    [[12, 2, 1, 12, 2], [1, 4, 7, 1, 0], -0.4714045207910316],
    [[1, 2, 3], [10, 20, 30], 1],
    [[1, 2, 3], [3, 2, 1], -1],
  ])("kendallTau of %j and %j is %f", (x, y, tau) => {
    expect(kendallTau(x, y)).toBeCloseTo(tau, 14);
  });

  it("has no tau where one side does not order anything", () => {
    expect(kendallTau([1, 1, 1], [1, 2, 3])).toBeNaN();
    expect(kendallTau([1], [2])).toBeNaN();
    expect(() => kendallTau([1, 2], [1])).toThrow(RangeError);
  });

  it("has Cliff's delta as the mean sign of all differences", () => {
    // NumPy: mean(sign(subtract.outer(a, c))), and the same of two tied samples.
    expect(cliffsDelta(a, c)).toBeCloseTo(-0.9428571428571428, 14);
    expect(cliffsDelta([1, 2, 2, 3, 3, 3, 4, 5, 9], [2, 3, 3, 4, 4, 5, 6, 7])).toBeCloseTo(
      -0.3194444444444444,
      14,
    );
    expect(cliffsDelta([5, 6], [1, 2])).toBe(1);
    expect(cliffsDelta([], [1])).toBeNaN();
  });
});
