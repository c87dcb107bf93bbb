import { describe, expect, test } from "vitest";
import { compareSteps, differenceText } from "../../src/validation/compare-steps.ts";
import type { EngineLimits, RecordedSteps, RecordedTrace } from "../../src/validation/records.ts";

/** Two blocks of four tokens, and two requests of four prompt tokens and three outputs: they do not fit together. */
const limits: EngineLimits = {
  blocks: 2,
  blockTokens: 4,
  tokenBudget: 8,
  maxRequests: 4,
  maxModelTokens: 8,
};
const trace: RecordedTrace = {
  arrivalNs: Float64Array.of(100, 100),
  promptTokens: Int32Array.of(4, 4),
  outputTokens: Int32Array.of(3, 3),
};

interface Row {
  readonly start: number;
  readonly end: number;
  readonly prefill: number;
  readonly decode: number;
  readonly context: number;
  readonly free: number;
  /** Kind, request, tokens. */
  readonly events: readonly (readonly [kind: number, request: number, tokens: number])[];
}

/** By hand: both prompts; request 1 gives way to 0, which decodes twice; then 1 again, with the output it had. */
const rows: readonly Row[] = [
  {
    start: 100,
    end: 110,
    prefill: 8,
    decode: 0,
    context: 0,
    free: 0,
    events: [
      [1, 0, 0],
      [1, 1, 0],
      [2, 0, 4],
      [2, 1, 4],
    ],
  },
  { start: 110, end: 117, prefill: 0, decode: 1, context: 5, free: 0, events: [[0, 1, 0]] },
  { start: 117, end: 125, prefill: 0, decode: 1, context: 6, free: 0, events: [[3, 0, 0]] },
  {
    start: 125,
    end: 140,
    prefill: 5,
    decode: 0,
    context: 0,
    free: 0,
    events: [
      [1, 1, 0],
      [2, 1, 5],
    ],
  },
  { start: 140, end: 150, prefill: 0, decode: 1, context: 6, free: 0, events: [[3, 1, 0]] },
];

function logOf(steps: readonly Row[]): RecordedSteps {
  const events = steps.flatMap((row, step) => row.events.map((event) => [step, ...event]));
  const column = (pick: (row: Row) => number) => Int32Array.from(steps, pick);
  return {
    ended: "drained",
    startNs: Float64Array.from(steps, ({ start }) => start),
    endNs: Float64Array.from(steps, ({ end }) => end),
    prefillTokens: column(({ prefill }) => prefill),
    decodeSequences: column(({ decode }) => decode),
    contextTokens: column(({ context }) => context),
    freeBlocks: column(({ free }) => free),
    eventStep: Int32Array.from(events, ([step]) => step),
    eventKind: Uint8Array.from(events, ([, kind]) => kind),
    eventRequest: Int32Array.from(events, ([, , request]) => request),
    eventTokens: Int32Array.from(events, ([, , , tokens]) => tokens),
  };
}

const differenceOf = (steps: readonly Row[], of = trace) => {
  const { difference } = compareSteps(limits, of, logOf(steps)).comparison;
  return difference === null ? null : differenceText(difference);
};
const changed = (step: number, change: Partial<Row>) =>
  rows.map((row, i) => (i === step ? { ...row, ...change } : row));

describe("steps of the engine against the simulator's", () => {
  test("a preemption worked out by hand is equal in all steps", () => {
    expect(compareSteps(limits, trace, logOf(rows))).toEqual({
      comparison: {
        steps: 5,
        equalSteps: 5,
        prefillSteps: 2,
        preemptions: 1,
        finished: 2,
        difference: null,
      },
      times: { firstTokenNs: Float64Array.of(110, 110), finishNs: Float64Array.of(125, 150) },
    });
  });

  test("an idle time between two requests is kept", () => {
    const [first, , , , last] = rows;
    const lone = (row: Row, at: number, request: number, events: Row["events"]): Row => ({
      ...row,
      start: at,
      end: at + 5,
      events: events.map(([kind, , tokens]) => [kind, request, tokens]),
      prefill: 4,
      decode: 0,
      context: 0,
      free: 1,
    });
    const admitted: Row["events"] = [
      [1, 0, 0],
      [2, 0, 4],
      [3, 0, 0],
    ];
    const far = {
      arrivalNs: Float64Array.of(100, 9000),
      promptTokens: Int32Array.of(4, 4),
      outputTokens: Int32Array.of(1, 1),
    };
    const apart = [lone(first, 100, 0, admitted), lone(last, 9000, 1, admitted)];
    expect(differenceOf(apart, far)).toBeNull();
    expect(differenceOf([apart[0], { ...apart[1], start: 8999 }], far)).toBe(
      "step 1 (at 0.000009 s): start: engine 8999, simulator 9000",
    );
  });

  test.each([
    ["free blocks", changed(1, { free: 1 }), "step 1 (at 0.000000 s): free blocks: engine 1, simulator 0"],
    ["no preemption", changed(1, { events: [] }), /^step 1 .*preempted requests: engine none, simulator 1$/],
    ["another chunk", changed(3, { events: [[1, 1, 0]] }), /chunks: engine none, simulator 1 \(5 tokens\)$/],
    ["more decode", changed(2, { decode: 2 }), /^step 2 .*decoding requests: engine 2, simulator 1$/],
    ["other context", changed(2, { context: 7 }), /tokens of the decoding requests: engine 7, simulator 6$/],
    ["a late end", changed(2, { events: [] }), /^step 2 .*finished requests: engine none, simulator 0$/],
    [
      "an end too soon",
      rows.slice(0, 4),
      "step 4 (after the last one): end: engine all requests have finished, simulator 1 requests are left",
    ],
    [
      "a step too many",
      [...rows, { ...rows[4], start: 150, end: 160 }],
      /engine another one, simulator none/,
    ],
    ["no time", changed(1, { end: 110 }), /duration: engine 0 ns, simulator more than 0 ns$/],
  ] as const)("%s is told as the first difference", (_, steps, text) => {
    if (typeof text === "string") expect(differenceOf(steps)).toBe(text);
    else expect(differenceOf(steps)).toMatch(text);
  });
});
