import { describe, expect, test } from "vitest";
import { AccuracyCounter } from "../../src/metrics/accuracy-counter.ts";
import type { RecordColumns } from "../../src/simulator/options.ts";

interface Answer {
  readonly type?: number;
  readonly right?: boolean | null;
  readonly predicted?: number;
  readonly floor?: number;
  readonly feasible?: boolean;
}

/** The counter after requests of these kinds have ended. */
function counted(answers: readonly Answer[], taskTypes = 2): AccuracyCounter {
  const flag = (value: boolean | null | undefined) => (value == null ? 255 : Number(value));
  const columns = {
    taskType: Uint8Array.from(answers, ({ type = 0 }) => type),
    correct: Uint8Array.from(answers, ({ right = null }) => flag(right)),
    feasible: Uint8Array.from(answers, ({ feasible }) => flag(feasible)),
    predictedAccuracy: Float64Array.from(answers, ({ predicted = Number.NaN }) => predicted),
    accuracyFloor: Float64Array.from(answers, ({ floor = Number.NaN }) => floor),
  } as unknown as RecordColumns;
  const counter = new AccuracyCounter(taskTypes);
  answers.forEach((_, request) => {
    counter.count(columns, request);
  });
  return counter;
}

const times = (count: number, answer: Answer) => Array.from({ length: count }, () => answer);

describe("calibration error", () => {
  test("ten predictions at 0.8, six right: 0.2 (metrics.md section 12)", () => {
    const answers = [
      ...times(6, { predicted: 0.8, right: true }),
      ...times(4, { predicted: 0.8, right: false }),
    ];
    expect(counted(answers).calibrationError).toBeCloseTo(0.2, 12);
  });

  test("bins are weighed by their predictions", () => {
    // Bin 0: 0.05 predicted, none of 4 right: 0.05. Bin 9: 1 predicted, 3 of 4 right: 0.25.
    const answers = [
      ...times(4, { predicted: 0.05, right: false }),
      ...times(3, { predicted: 1, right: true }),
      { predicted: 1, right: false },
    ];
    expect(counted(answers).calibrationError).toBeCloseTo((0.05 + 0.25) / 2, 12);
  });

  test("without a prediction, or without an answer to it, there is none", () => {
    expect(counted([{ right: true }, { predicted: 0.5, right: null }]).calibrationError).toBeNaN();
  });
});

describe("coverage and accuracy", () => {
  test("coverage is over the requests of which the router tells", () => {
    const { told, feasible } = counted([{ feasible: true }, { feasible: true }, { feasible: false }, {}]);
    expect([feasible, told]).toEqual([2, 3]);
  });

  test("what has no answer counts as wrong", () => {
    const counter = counted([{ right: true }, { right: false }, { right: null }, { type: 1, right: true }]);
    expect([...counter.right]).toEqual([1, 1]);
    expect([...counter.asked]).toEqual([3, 1]);
  });
});

describe("floors", () => {
  const window = (right: number, floor: number, type = 0) => [
    ...times(right, { right: true, floor, type }),
    ...times(100 - right, { right: false, floor, type }),
  ];

  test("a window of 100 of one task type at its floor meets it, one below violates it", () => {
    expect(counted(window(70, 0.7))).toMatchObject({ windows: 1, violatedWindows: 0 });
    expect(counted(window(69, 0.7))).toMatchObject({ windows: 1, violatedWindows: 1 });
  });

  test("task types have windows of their own, and what is left over is no window", () => {
    const mixed = window(80, 0.7).flatMap((answer, i) => [answer, window(60, 0.7, 1)[i]]);
    expect(counted([...mixed, ...times(99, { right: false, floor: 0.9 })])).toMatchObject({
      windows: 2,
      violatedWindows: 1,
    });
  });

  test("requests without a floor are in no window", () => {
    expect(counted(times(500, { right: false }))).toMatchObject({ windows: 0 });
  });
});
