import { describe, expect, test } from "vitest";
import { identitiesOf } from "../../../src/experiment/run-samples.ts";
import { compareFigures, type Figure } from "../../../src/report/comparison/compare-figures.ts";

const setting = { seeds: [1, 2, 3], starts: [] };

function figureOf(
  values: readonly number[] | undefined,
  mean: number,
  ci95: readonly [number, number] | null,
) {
  return {
    summary: { mean, ci95, unit: "s", n: 3 },
    values: values === undefined ? undefined : Float64Array.from(values),
    runs: identitiesOf(setting),
  } satisfies Figure;
}

describe("a metric of two rows", () => {
  test("runs of the same seeds are paired: Cohen's d_z, an interval of the differences", () => {
    const a = figureOf([1, 2, 3], 2, [1, 3]);
    const b = figureOf([2, 3, 5], 10 / 3, [2, 5]);
    const compared = compareFigures("ttft_p95_s", a, b);
    // Differences 1, 1, 2: mean 4/3, standard deviation sqrt(1/3).
    expect(compared.paired).toBe(true);
    expect(compared.difference).toBeCloseTo(4 / 3, 12);
    expect(compared.effect).toBeCloseTo(4 / 3 / Math.sqrt(1 / 3), 12);
    expect(compared.change).toBeCloseTo(2 / 3, 12);
    // Every resample has a mean between the least and the greatest difference.
    expect(compared.differenceCi95?.[0]).toBeGreaterThan(1 - 1e-12);
    expect(compared.differenceCi95?.[1]).toBeLessThan(2 + 1e-12);
    expect(compared.word).toBe("worse");
    expect(compareFigures("goodput_tok_s", a, b).word).toBe("better");
    expect(compareFigures("utilisation", a, b).word).toBe("differs");
  });

  test("other seeds are not paired: the interval of two independent means, Cohen's d", () => {
    const a = figureOf([8, 10, 12], 10, [8, 13]);
    const b = {
      ...figureOf([19, 20, 21], 20, [19, 24]),
      runs: identitiesOf({ seeds: [4, 5, 6], starts: [] }),
    };
    const { paired, differenceCi95, effect, word } = compareFigures("ttft_p95_s", a, b);
    expect(paired).toBe(false);
    expect(differenceCi95?.[0]).toBeCloseTo(10 - Math.hypot(1, 3), 12);
    expect(differenceCi95?.[1]).toBeCloseTo(10 + Math.hypot(4, 2), 12);
    // Variances 4 and 1, pooled 2.5.
    expect(effect).toBeCloseTo(10 / Math.sqrt(2.5), 12);
    expect(word).toBe("worse");
  });

  test("without the runs there is no effect size; an interval with 0 is noise", () => {
    const [a, b] = [figureOf(undefined, 10, [8, 12]), figureOf(undefined, 11, [9, 13])];
    const compared = compareFigures("ttft_p95_s", a, b);
    expect(compared).toMatchObject({ effect: null, paired: false, word: "same within noise" });
    expect(compared.differenceCi95?.[0]).toBeCloseTo(1 - Math.hypot(2, 2), 12);
  });

  test("an interval that the result holds of the pair is taken as it is", () => {
    const [a, b] = [figureOf(undefined, 10, [8, 12]), figureOf(undefined, 11, [9, 13])];
    const known = compareFigures("ttft_p95_s", a, b, { differenceCi95: [0.5, 1.5] });
    expect(known).toMatchObject({ differenceCi95: [0.5, 1.5], paired: true, word: "worse" });
  });

  test("one run has no interval; equal runs are identical; what is not known is unknown", () => {
    const one = figureOf(undefined, 10, null);
    expect(compareFigures("ttft_p95_s", one, figureOf(undefined, 11, null)).word).toBe("no interval");
    const a = figureOf([1, 2, 3], 2, [1, 3]);
    expect(compareFigures("ttft_p95_s", a, figureOf([1, 2, 3], 2, [1, 3]))).toMatchObject({
      word: "identical",
      effect: null,
    });
    expect(compareFigures("ttft_p95_s", a, { ...a, summary: undefined }).word).toBe("unknown");
  });
});
