import { describe, expect, test } from "vitest";
import { Law } from "../../src/profile/law.ts";
import { errorsOf } from "../../src/validation/errors.ts";
import { capacityOf, makeTrace } from "../../src/validation/make-trace.ts";
import { predict } from "../../src/validation/predict.ts";

const limits = { blocks: 10, blockTokens: 16, tokenBudget: 64, maxRequests: 4, maxModelTokens: 160 };

/** Every step takes 10 ms; 100 W idle, 200 W with prompts, 300 W while decoding. */
const law = new Law(
  {
    decode: { baseSeconds: 0.01, perSequenceSeconds: 0, perContextTokenSeconds: 0 },
    prefill: { baseSeconds: 0.01, perTokenSeconds: 0 },
    overheadSeconds: 0.01,
    mixedRule: "add",
    power: {
      idleWatts: 100,
      idleUnloadedWatts: 50,
      prefillWatts: 200,
      decode: { batch: [1, 4], watts: [300, 300] },
    },
  },
  4,
);

describe("what the simulator says of a recorded trace", () => {
  test("two requests apart, worked out by hand", () => {
    const { firstTokenSeconds, finishSeconds, joules } = predict(law, limits, {
      arrivalNs: Float64Array.of(1e9, 2e9),
      promptTokens: Int32Array.of(10, 10),
      outputTokens: Int32Array.of(3, 1),
    });
    const round = (values: Float64Array) => [...values].map((value) => Number(value.toFixed(9)));
    expect(round(firstTokenSeconds)).toEqual([1.01, 2.01]);
    expect(round(finishSeconds)).toEqual([1.03, 2.01]);
    // From the first arrival on: 10 ms of prefill and 20 ms of decoding, 970 ms idle, 10 ms of prefill.
    expect(joules).toBeCloseTo(0.01 * 200 + 0.02 * 300 + 0.97 * 100 + 0.01 * 200, 9);
  });

  test("errors are relative, request by request; bias is that of the sums", () => {
    const { medianError, p95Error, bias, measured, requests } = errorsOf(
      Float64Array.of(1, 2, 4),
      Float64Array.of(1.5, 2, 3),
    );
    expect([requests, measured.median, medianError, bias]).toEqual([3, 2, 0.25, 6.5 / 7 - 1]);
    expect(p95Error).toBeCloseTo(0.475, 12);
  });
});

describe("traces", () => {
  test("Poisson arrivals at the rate asked for, lengths inside their bounds, the same for the same seed", () => {
    const trace = makeTrace("1", "test", 4000, 50);
    expect(trace.arrivalNs[3999] / 1e9).toBeGreaterThan(0.93 * 80);
    expect(trace.arrivalNs[3999] / 1e9).toBeLessThan(1.07 * 80);
    expect([Math.min(...trace.promptTokens), Math.max(...trace.promptTokens)]).toEqual([16, 128]);
    expect([Math.min(...trace.outputTokens), Math.max(...trace.outputTokens)]).toEqual([4, 48]);
    expect(makeTrace("1", "test", 4000, 50)).toEqual(trace);
    expect(makeTrace("2", "test", 4000, 50)).not.toEqual(trace);
  });

  test("a burst has no gaps, and gives the capacity of its middle half", () => {
    expect(new Set(makeTrace("1", "burst", 10, Number.POSITIVE_INFINITY).arrivalNs)).toEqual(new Set([0]));
    // Eight ends, four of them between 2 s and 4 s: two per second. The slow first and last ones do not count.
    expect(capacityOf(Float64Array.of(1e9, 0, 2e9, 2.5e9, 3e9, 3.5e9, 4e9, 90e9))).toBe(2);
  });
});
