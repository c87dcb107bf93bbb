import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sharedColumns } from "../../src/workload/columns.ts";
import { readTrace } from "../../src/workload/read/read-trace.ts";
import { repeat } from "../../src/workload/repeat.ts";
import { summarise } from "../../src/workload/statistics.ts";
import { superpose } from "../../src/workload/superpose.ts";
import { SyntheticWorkload } from "../../src/workload/synthetic.ts";
import { materialize, Trace } from "../../src/workload/trace.ts";
import {
  assignTiers,
  compressTime,
  cut,
  periodSeconds,
  scaleLengths,
  shift,
  truncate,
} from "../../src/workload/transform.ts";
import { dataRoot, testWithData } from "../data-root.ts";
import { average, cedar, columnsOf } from "./rows.ts";

interface Row {
  readonly at: number;
  readonly prompt: number;
  readonly session?: number;
  readonly prefix?: number;
}

/** A trace of a few rows, all with 5 output tokens; dependent steps have the time NaN. */
function traceOf(rows: readonly Row[]): Trace {
  const columns = sharedColumns(["session", "step", "thinkSeconds", "prefixTokens"], rows.length);
  rows.forEach(({ at, prompt, session = -1, prefix = 0 }, i) => {
    columns.arrivalSeconds[i] = at;
    columns.promptTokens[i] = prompt;
    columns.outputTokens[i] = 5;
    (columns.session as Float64Array)[i] = session;
    (columns.prefixTokens as Int32Array)[i] = prefix;
    (columns.thinkSeconds as Float64Array)[i] = Number.isNaN(at) ? 1 : 0;
  });
  const tiers = [{ name: "default", sloSeconds: 1, deferrable: false }];
  return new Trace(
    { name: "t", tiers, taskTypes: [], endpointNames: [], notes: { rowsRead: rows.length } },
    columns,
  );
}

const { NaN: next } = Number;
const trace = traceOf([
  { at: 0, prompt: 10 },
  { at: 2, prompt: 20, session: 7 },
  { at: next, prompt: 30, session: 7, prefix: 25 },
  { at: next, prompt: 40, session: 7, prefix: 35 },
  { at: 4, prompt: 50 },
  { at: 9, prompt: 60, session: 3 },
]);
const rows = (of: Trace) => {
  const { arrivalSeconds, promptTokens } = columnsOf(of);
  return { arrivalSeconds, promptTokens };
};

describe("cut", () => {
  test.each([
    [
      "a window moves to 0 and takes sessions whole",
      { fromSeconds: 1, toSeconds: 5 },
      [1, next, next, 3],
      [20, 30, 40, 50],
    ],
    ["ends are exclusive, starts inclusive", { fromSeconds: 2, toSeconds: 4 }, [0, next, next], [20, 30, 40]],
    ["the first requests", { requests: 3 }, [0, 2, next], [10, 20, 30]],
    ["requests of a window", { fromSeconds: 3, requests: 1 }, [1], [50]],
    ["an empty window", { fromSeconds: 5, toSeconds: 6 }, [], []],
  ])("%s", (_, window, arrivalSeconds, promptTokens) => {
    const part = cut(trace, window);
    expect(part.requests).toBe(arrivalSeconds.length);
    if (arrivalSeconds.length > 0) expect(rows(part)).toEqual({ arrivalSeconds, promptTokens });
    expect(part.notes).toEqual({ rowsRead: 6, cutAway: 6 - arrivalSeconds.length });
  });

  test("everything is nothing cut", () => {
    expect(cut(trace, {}).sha256).toBe(trace.sha256);
    expect(cut(trace, {}).notes).toEqual(trace.notes);
  });

  test("an impossible window", () => {
    expect(() => cut(trace, { fromSeconds: 4, toSeconds: 4 })).toThrow(
      "workload: toSeconds is 4, expected more than",
    );
  });
});

describe("times", () => {
  test("shift adds, and other columns are the same memory", () => {
    const later = shift(trace, 1.5);
    expect(rows(later).arrivalSeconds).toEqual([1.5, 3.5, next, next, 5.5, 10.5]);
    expect(later.columns.promptTokens.buffer).toBe(trace.columns.promptTokens.buffer);
    expect(rows(trace).arrivalSeconds[0]).toBe(0);
  });

  test("shift back is allowed as far as the first arrival", () => {
    expect(shift(shift(trace, 2), -2).sha256).toBe(trace.sha256);
    expect(() => shift(trace, -1)).toThrow("workload: shift is -1, expected at least 0 s");
  });

  test("compressing time multiplies the rate and keeps think times", () => {
    const fast = compressTime(trace, 2);
    expect(rows(fast).arrivalSeconds).toEqual([0, 1, next, next, 2, 4.5]);
    expect(columnsOf(fast).thinkSeconds).toEqual([0, 0, 1, 1, 0, 0]);
  });
});

describe("lengths", () => {
  test("scaling rounds, keeps at least one token, and prefixes within prompts", () => {
    const scaled = columnsOf(scaleLengths(trace, 0.05));
    expect(scaled.promptTokens).toEqual([1, 1, 2, 2, 3, 3]);
    expect(scaled.outputTokens).toEqual([1, 1, 1, 1, 1, 1]);
    expect(scaled.prefixTokens).toEqual([0, 0, 1, 2, 0, 0]);
  });

  test("truncation is counted", () => {
    const short = truncate(trace, { promptTokens: 30, outputTokens: 5 });
    expect(columnsOf(short)).toMatchObject({
      promptTokens: [10, 20, 30, 30, 30, 30],
      prefixTokens: [0, 0, 25, 30, 0, 0],
      outputTokens: [5, 5, 5, 5, 5, 5],
    });
    expect(short.notes).toEqual({ rowsRead: 6, truncatedPrompts: 3 });
    expect(truncate(short, { promptTokens: 20 }).notes).toEqual({ rowsRead: 6, truncatedPrompts: 7 });
  });
});

describe("assignTiers", () => {
  const tiers = cedar.tiers ?? [];

  test("is by session, with floors drawn for it, and replaces the tiers", () => {
    const drawn = assignTiers(trace, { tiers, floors: "paper", seed: 5 });
    const { tier, needsLarge } = columnsOf(drawn);
    expect(new Set([tier[1], tier[2], tier[3]]).size).toBe(1);
    expect(needsLarge).toEqual(tier.map((t) => (t === 2 ? 0 : 1)));
    expect(drawn.tiers.map((t) => t.name)).toEqual(["HIGH", "MED", "LOW"]);
    expect(drawn.tiers[0]).not.toHaveProperty("share");
  });

  test("by request gives a trace the tiers that a generator with the same seed would draw", () => {
    const generated = new SyntheticWorkload(cedar);
    const { tiers: _, floors: __, ...without } = cedar;
    const plain = materialize(new SyntheticWorkload(without));
    const drawn = assignTiers(plain, { tiers, floors: "mixed", seed: cedar.seed });
    expect(columnsOf(drawn)).toEqual(columnsOf(generated));
  });

  test("requests of a session that arrive by recorded times share a tier too", () => {
    const recorded = traceOf(Array.from({ length: 300 }, (_, i) => ({ at: i, prompt: 1, session: i % 10 })));
    const { tier } = columnsOf(assignTiers(recorded, { tiers, seed: 1 }));
    expect(tier).toEqual(tier.map((_, i) => tier[i % 10]));
    const single = columnsOf(assignTiers(recorded, { tiers, seed: 1, per: "request" })).tier;
    expect(single).not.toEqual(single.map((_, i) => single[i % 10]));
  });
});

describe("repeat", () => {
  test("rounds follow each other by the period, with sessions of their own", () => {
    const twice = repeat(trace, 2);
    // Four arrivals over 9 s: the period is 9 + 9/3.
    expect(periodSeconds(trace)).toBe(12);
    expect(twice.requests).toBe(12);
    const { arrivalSeconds, promptTokens, session } = columnsOf(twice);
    expect(arrivalSeconds).toEqual([0, 2, next, next, 4, 9, 12, 14, next, next, 16, 21]);
    expect(promptTokens.slice(6)).toEqual(promptTokens.slice(0, 6));
    expect(session).toEqual([-1, 0, 0, 0, -1, 1, -1, 2, 2, 2, -1, 3]);
    expect(materialize(twice).requests).toBe(12);
  });

  test("the rows do not depend on the chunk size", () => {
    const expected = columnsOf(repeat(trace, 3, 20));
    for (const chunkRows of [1, 2, 3, 4, 5, 7]) {
      const workload = repeat(trace, 3, 20) as unknown as Trace;
      expect(columnsOf(workload, workload.open(chunkRows))).toEqual(expected);
    }
  });

  test("a period shorter than the trace", () => {
    expect(() => repeat(trace, 2, 8)).toThrow(
      "workload: periodSeconds is 8, expected at least the trace's 9 s",
    );
  });
});

describe("superpose", () => {
  test("one copy is the trace, but for the numbers of its sessions", () => {
    const one = superpose(trace, 1, 1);
    expect(rows(one)).toEqual(rows(trace));
    expect(columnsOf(one).session).toEqual([-1, 0, 0, 0, -1, 1]);
  });

  test("k copies: k times the requests in the same time, in order, sessions whole and apart", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.integer(), (copies, seed) => {
        const many = columnsOf(superpose(trace, copies, seed));
        expect(many.promptTokens).toHaveLength(6 * copies);
        const times = many.arrivalSeconds.filter((time) => !Number.isNaN(time));
        expect(times).toEqual([...times].sort((a, b) => a - b));
        expect(Math.max(...times)).toBeLessThan(12);
        many.promptTokens.forEach((prompt, i) => {
          if (prompt !== 20) return;
          expect(many.promptTokens.slice(i, i + 3)).toEqual([20, 30, 40]);
          expect(new Set(many.session.slice(i, i + 3)).size).toBe(1);
        });
        expect(new Set(many.session).size).toBe(1 + 2 * copies);
      }),
    );
  });

  test("each copy is the trace turned in a circle", () => {
    const many = superpose(trace, 2, 11);
    const first = rows(trace).arrivalSeconds.filter((time) => !Number.isNaN(time));
    const all = rows(many).arrivalSeconds.filter((time) => !Number.isNaN(time));
    const rest = all.filter((time) => !first.includes(time));
    // Differences around the circle of 12 s are those of 0, 2, 4, 9.
    const gaps = rest.map((time, i) => (rest[(i + 1) % 4] - time + 12) % 12);
    expect(gaps.map((gap) => Math.round(gap * 1e9) / 1e9).sort((a, b) => a - b)).toEqual([2, 2, 3, 5]);
  });

  test("recorded sessions move whole, so their steps keep their order and distances", () => {
    const recorded = traceOf(
      Array.from({ length: 60 }, (_, i) => ({ at: i * 0.7, prompt: 100 + i, session: i % 4 })),
    );
    const { arrivalSeconds, promptTokens, session } = columnsOf(superpose(recorded, 5, 3));
    for (const own of new Set(session)) {
      const steps = promptTokens
        .map((prompt, i) => ({ prompt, at: arrivalSeconds[i] }))
        .filter((_, i) => session[i] === own);
      expect(steps).toHaveLength(15);
      for (let i = 1; i < 15; i++) {
        expect(steps[i].prompt - steps[i - 1].prompt).toBe(4);
        expect(steps[i].at - steps[i - 1].at).toBeCloseTo(2.8, 9);
      }
    }
  });

  test("a fraction keeps sessions with that probability", () => {
    const { tiers: _, floors: __, ...plain } = cedar;
    const base = materialize(new SyntheticWorkload(plain));
    expect(Math.abs(superpose(base, 2.25, 1).requests / 22_500 - 1)).toBeLessThan(0.01);
    expect(Math.abs(superpose(base, 0.5, 1).requests / 5_000 - 1)).toBeLessThan(0.05);
    const half = columnsOf(
      superpose(
        traceOf(Array.from({ length: 400 }, (_, i) => ({ at: i, prompt: 1, session: i % 40 }))),
        0.5,
        1,
      ),
    );
    expect(
      average([...new Set(half.session)].map((own) => half.session.filter((s) => s === own).length)),
    ).toBe(10);
  });

  test("the seed decides the shifts", () => {
    expect(superpose(trace, 3, 1).sha256).toBe(superpose(trace, 3, 1).sha256);
    expect(superpose(trace, 3, 1).sha256).not.toBe(superpose(trace, 3, 2).sha256);
  });

  testWithData("nine copies of Azure's conversations are about CEDAR's 50/s, smoother than one", async () => {
    const one = await readTrace(
      join(dataRoot as string, "workload-azure-2023/AzureLLMInferenceTrace_conv.csv"),
    );
    const nine = summarise(superpose(one, 9, 1));
    expect(nine.requests).toBe(9 * 19_366);
    expect(Math.abs(nine.ratePerSecond - 49.8)).toBeLessThan(0.2);
    expect(nine.peakToMeanMinute).toBeLessThan(1.3);
    expect(summarise(compressTime(one, 9)).peakToMeanMinute).toBeGreaterThan(1.1);
    expect(nine.promptTokens.mean).toBeCloseTo(one.meanPromptTokens, 6);
  });
});
