import { describe, expect, test } from "vitest";
import { Law } from "../../src/profile/law.ts";
import type { RecordedStretch } from "../../src/validation/records.ts";
import { stepTimesOf } from "../../src/validation/step-times.ts";
import { slownessOf } from "../../src/validation/stretch.ts";

/** 2 ms, 1 ms for each sequence, 0.1 ms for each prompt token; the 2 ms count once. */
const law = new Law(
  {
    decode: { baseSeconds: 2e-3, perSequenceSeconds: 1e-3, perContextTokenSeconds: 0 },
    prefill: { baseSeconds: 2e-3, perTokenSeconds: 1e-4 },
    overheadSeconds: 2e-3,
    mixedRule: "add",
    power: null,
  },
  4,
);

/** The law says 3, 3, 4 and 5 ms. */
const steps: RecordedStretch = {
  startNs: Float64Array.of(0, 3e6, 9e6, 20e6),
  endNs: Float64Array.of(3e6, 9e6, 11e6, 25e6),
  prefillTokens: Int32Array.of(0, 0, 20, 20),
  decodeSequences: Int32Array.of(1, 1, 0, 1),
  contextTokens: Int32Array.of(50, 51, 0, 52),
};

describe("what steps took against a law", () => {
  test("by kind and in all, worked out by hand", () => {
    const rounded = stepTimesOf(law, steps).map(({ kind, steps: count, ...figures }) => [
      kind,
      count,
      ...Object.values(figures).map((value) => Number(value.toFixed(9))),
    ]);
    // Recorded 3, 6, 2 and 5 ms: errors of 0, 1/2, 1 and 0.
    expect(rounded).toEqual([
      ["decode", 2, 0.009, 0.006, Number((-1 / 3).toFixed(9)), 0.25, 0.475],
      ["prompts", 1, 0.002, 0.004, 1, 1, 1],
      ["both", 1, 0.005, 0.005, 0, 0, 0],
      ["all", 4, 0.016, 0.015, -0.0625, 0.25, 0.925],
    ]);
  });

  test("a host's slowness is the ratio of the sums; gaps between steps are no part of it", () => {
    expect(slownessOf(law, steps)).toBeCloseTo(16 / 15, 12);
  });
});
