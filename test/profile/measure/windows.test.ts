import { describe, expect, test } from "vitest";
import {
  contaminatedStretches,
  foreignLoad,
  processorTimes,
} from "../../../src/profile/measure/host-load.ts";
import {
  isSettled,
  relativeStandardError,
  samplesOf,
  stopReasonOf,
  type Window,
  windowsOf,
} from "../../../src/profile/measure/windows.ts";
import { columnsOf } from "./scripted-bench.ts";

/** Steps that touch, of the given seconds. */
function stepsOf(
  seconds: readonly number[],
  of: { prefill?: number; sequences?: number; steady?: boolean } = {},
) {
  let at = 10;
  return columnsOf(
    seconds.map((duration) => {
      const start = at;
      at += duration;
      const { prefill = 0, sequences = 4, steady = true } = of;
      return { start, end: at, prefill, sequences, context: 100 * sequences, steady };
    }),
  );
}

function windowOf(seconds: number): Window {
  const sample = { from: 0, to: seconds, seconds, prefillTokens: 0, decodeSequences: 1, contextTokens: 1 };
  return { from: 0, to: seconds, samples: [sample], seconds };
}

describe("samples", () => {
  test("decode takes the steady steps, mixed those with both, prefill whole prompts", () => {
    expect(samplesOf("decode", 0, stepsOf([0.1, 0.2]))).toHaveLength(2);
    expect(samplesOf("decode", 0, stepsOf([0.1], { steady: false }))).toHaveLength(0);
    expect(samplesOf("decode", 0, stepsOf([0.1]))[0].contextTokens).toBe(100);
    expect(samplesOf("mixed", 8, stepsOf([0.1], { prefill: 8, steady: false }))).toHaveLength(1);
    expect(samplesOf("mixed", 8, stepsOf([0.1]))).toHaveLength(0);
    // 300 tokens in chunks of 100: two prompts and a third cut off.
    const prompts = samplesOf("prefill", 300, stepsOf(Array(7).fill(0.5), { prefill: 100, sequences: 0 }));
    expect(prompts.map(({ seconds }) => seconds)).toEqual([1.5, 1.5]);
  });
});

describe("windows", () => {
  test("hold whole steps, at least their length; the rest is dropped", () => {
    const windows = windowsOf(samplesOf("decode", 0, stepsOf(Array(10).fill(0.3))), 1);
    expect(windows.map(({ samples }) => samples.length)).toEqual([4, 4]);
    expect(windows[0].from).toBe(10);
    expect(windows[0].to).toBeCloseTo(11.2, 12);
    expect(windows[0].seconds).toBeCloseTo(0.3, 12);
    expect(windowsOf(samplesOf("decode", 0, stepsOf([3, 3])), 1)).toHaveLength(2);
  });

  test("standard error of their means", () => {
    expect(relativeStandardError([windowOf(1)])).toBeNull();
    // Deviation 1, three values, mean 2.
    expect(relativeStandardError([1, 2, 3].map(windowOf))).toBeCloseTo(1 / Math.sqrt(3) / 2, 12);
  });

  test("three within 2 % have settled", () => {
    expect(isSettled([1, 1].map(windowOf))).toBe(false);
    expect(isSettled([5, 1, 1.01, 1.02].map(windowOf))).toBe(true);
    expect(isSettled([1, 1.01, 1.03].map(windowOf))).toBe(false);
  });

  test("stop at the error, with enough windows and steps, or at the limit", () => {
    const rule = { leastWindows: 3, leastSteps: 3, targetError: 0.01, mostSeconds: 20 };
    expect(stopReasonOf([1, 1].map(windowOf), 2, rule)).toBeNull();
    expect(stopReasonOf([1, 1, 1.001].map(windowOf), 3, rule)).toBe("error");
    expect(stopReasonOf([1, 1, 1.001].map(windowOf), 3, { ...rule, leastSteps: 4 })).toBeNull();
    expect(stopReasonOf([1, 2, 1].map(windowOf), 3, rule)).toBeNull();
    expect(stopReasonOf([1, 2, 1].map(windowOf), 20, rule)).toBe("time");
    expect(stopReasonOf([], 20, rule)).toBe("time");
  });
});

describe("others' work", () => {
  const reading = (seconds: number, busySeconds: number | null, ownSeconds: number, stolenSeconds = 0) => ({
    seconds,
    busySeconds,
    ownSeconds,
    stolenSeconds,
    otherGpuProcesses: null,
  });

  test("is what the host did less what this process did", () => {
    const load = foreignLoad(reading(0, 100, 10), reading(2, 105, 14, 0.5));
    expect(load).toEqual({ busy: 0.5, stolen: 0.25 });
    expect(foreignLoad(reading(0, null, 0), reading(1, null, 1)).busy).toBeNull();
  });

  test("marks the stretches with 5 % of the threads' time, a thief, or a stranger on the GPU", () => {
    const quiet = [reading(0, 0, 0), reading(1, 2.09, 2), reading(2, 4.2, 4)];
    expect(contaminatedStretches(quiet, 2)).toEqual([{ from: 1, to: 2 }]);
    expect(contaminatedStretches([reading(0, 0, 0), reading(1, 2, 2, 0.05)], 2)).toHaveLength(1);
    const stranger = { ...reading(1, 2, 2), otherGpuProcesses: 1 };
    expect(contaminatedStretches([reading(0, 0, 0), stranger], 2)).toHaveLength(1);
    expect(contaminatedStretches([reading(0, null, 0), reading(1, null, 2)], 2)).toEqual([]);
  });

  test("is read from /proc/stat", () => {
    const stat = "cpu  100 20 30 1000 50 6 4 40 90 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n";
    expect(processorTimes(stat)).toEqual({ busySeconds: 1.6, stolenSeconds: 0.4 });
    expect(processorTimes("intr 1")).toBeUndefined();
    expect(processorTimes(undefined)).toBeUndefined();
  });
});
