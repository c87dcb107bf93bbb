import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type SessionParameters, SessionWorkload } from "../../src/workload/sessions.ts";
import { materialize } from "../../src/workload/trace.ts";
import { average, cedar, columnsOf, standardDeviation } from "./rows.ts";

const agents: SessionParameters = {
  seed: 3,
  sessions: 200,
  maxContextTokens: 1e9,
  arrival: { process: "poisson", ratePerSecond: 0.5 },
  tiers: cedar.tiers ?? [],
  floors: "mixed",
  taskTypes: cedar.taskTypes ?? [],
};

describe("rows", () => {
  const workload = new SessionWorkload(agents);
  const rows = columnsOf(workload);

  test("only first steps have an arrival time, and these are in order", () => {
    const starts = rows.arrivalSeconds.filter((_, i) => rows.step[i] === 0);
    expect(starts).toHaveLength(200);
    expect(starts).toEqual([...starts].sort((a, b) => a - b));
    expect(rows.arrivalSeconds.every((time, i) => Number.isNaN(time) === rows.step[i] > 0)).toBe(true);
  });

  test("a step follows the one before it", () => {
    const broken = rows.step.flatMap((step, i) => {
      if (i === 0) return [];
      const [session, next] =
        step === 0 ? [rows.session[i - 1] + 1, 0] : [rows.session[i - 1], rows.step[i - 1] + 1];
      return rows.session[i] === session && step === next ? [] : [i];
    });
    expect(broken).toEqual([]);
  });

  test("the reusable prefix is the previous step's prompt and output, and the prompt is longer", () => {
    const broken = rows.step.flatMap((step, i) => {
      const prefix = step === 0 ? 0 : rows.promptTokens[i - 1] + rows.outputTokens[i - 1];
      return rows.prefixTokens[i] === prefix && rows.promptTokens[i] > prefix ? [] : [i];
    });
    expect(broken).toEqual([]);
  });

  test("a session has one tier, one task type and one floor, unless classes are drawn for each step", () => {
    const changes = (columns: typeof rows, name: "tier" | "taskType" | "needsLarge") =>
      columns[name].filter((value, i) => columns.step[i] > 0 && value !== columns[name][i - 1]).length;
    const stepwise = columnsOf(new SessionWorkload({ ...agents, classesPer: "step" }));
    for (const name of ["tier", "taskType", "needsLarge"] as const) {
      expect(changes(rows, name)).toBe(0);
      expect(changes(stepwise, name)).toBeGreaterThan(1000);
    }
  });

  test("the number of requests is known without reading them", () => {
    expect(workload.requests).toBe(rows.step.length);
    expect(materialize(workload).requests).toBe(rows.step.length);
  });

  test("defaults are the measured ones: medians of steps, first prompts, outputs, think times", () => {
    const many = columnsOf(new SessionWorkload({ ...agents, sessions: 3000 }));
    const logs = (values: number[]) => values.map(Math.log);
    const later = many.thinkSeconds.filter((_, i) => many.step[i] > 0);
    expect(average(logs(later))).toBeCloseTo(2.84, 1);
    expect(standardDeviation(logs(later))).toBeCloseTo(1.57, 1);
    expect(average(logs(many.outputTokens))).toBeCloseTo(5.56, 1);
    const fresh = many.promptTokens
      .map((prompt, i) => prompt - many.prefixTokens[i])
      .filter((_, i) => many.step[i] > 0);
    expect(average(logs(fresh))).toBeCloseTo(6.85, 1);
    expect(standardDeviation(logs(fresh))).toBeCloseTo(1.3, 1);
    const steps = many.step
      .filter((_, i) => many.step[i + 1] === 0 || i === many.step.length - 1)
      .map((s) => s + 1);
    steps.sort((a, b) => a - b);
    // Quartiles of log-normal(3.81, 1.23): exp(3.81 + 1.23 z) for z = -0.6745, 0, 0.6745.
    [19.7, 45.2, 103.5].forEach((quartile, i) => {
      expect(Math.abs(steps[750 * (i + 1)] / quartile - 1)).toBeLessThan(0.1);
    });
  });

  test("mean lengths come from another draw of the same kind", () => {
    const many = materialize(new SessionWorkload({ ...agents, sessions: 2000 }));
    expect(Math.abs(workload.meanPromptTokens / many.meanPromptTokens - 1)).toBeLessThan(0.3);
    expect(Math.abs(workload.meanOutputTokens / many.meanOutputTokens - 1)).toBeLessThan(0.03);
    expect(workload.meanPromptTokens).not.toBe(many.meanPromptTokens);
  });
});

describe("chunks", () => {
  test("hold whole sessions; the rows do not depend on their size", () => {
    const small = { ...agents, sessions: 30 };
    const expected = columnsOf(new SessionWorkload(small));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), (chunkRows) => {
        const workload = new SessionWorkload(small);
        const cursor = workload.open(chunkRows);
        for (let chunk = cursor.next(); chunk !== undefined; chunk = cursor.next())
          expect(chunk.step?.[0]).toBe(0);
        expect(columnsOf(workload, workload.open(chunkRows))).toEqual(expected);
      }),
      { numRuns: 12 },
    );
  });
});

describe("limits", () => {
  test("requests end the workload even within a session", () => {
    const rows = columnsOf(new SessionWorkload({ ...agents, requests: 100 }));
    const full = columnsOf(new SessionWorkload(agents));
    expect(rows.promptTokens).toEqual(full.promptTokens.slice(0, 100));
    expect(new SessionWorkload({ ...agents, requests: 100 }).requests).toBe(100);
  });

  test("a duration ends the starts of sessions", () => {
    const { sessions: _, ...open } = agents;
    const workload = new SessionWorkload({ ...open, durationSeconds: 60 });
    const starts = columnsOf(workload).arrivalSeconds.filter((time) => !Number.isNaN(time));
    const full = columnsOf(new SessionWorkload(agents)).arrivalSeconds.filter((time) => time < 60);
    expect(starts).toEqual(full);
    expect(workload.requests).toBe(columnsOf(workload).step.length);
  });

  test("CEDAR: sessions at 5/s with 10 calls are 10,000 requests in about 200 s", () => {
    const workload = new SessionWorkload({
      seed: 1,
      requests: 10_000,
      arrival: { process: "poisson", ratePerSecond: 5 },
      steps: { dist: "constant", value: 10 },
      contextGrowth: false,
      firstContext: { dist: "constant", value: 0 },
      prompt: { dist: "lognormal", mu: 6.5, sigma: 1.2 },
    });
    const rows = columnsOf(workload);
    expect(rows.session.at(-1)).toBe(999);
    expect(new Set(rows.prefixTokens)).toEqual(new Set([0]));
    const last = rows.arrivalSeconds[9990];
    expect(Math.abs(last - 200)).toBeLessThan(20);
  });
});

describe("contexts", () => {
  const fixed: SessionParameters = {
    seed: 1,
    sessions: 1,
    arrival: { process: "constant", ratePerSecond: 1 },
    steps: { dist: "constant", value: 5 },
    firstContext: { dist: "constant", value: 1000 },
    prompt: { dist: "constant", value: 200 },
    output: { dist: "constant", value: 50 },
    think: { dist: "constant", value: 0.5 },
  };
  const of = (change: Partial<SessionParameters>) => {
    const { promptTokens, prefixTokens } = columnsOf(new SessionWorkload({ ...fixed, ...change }));
    return { promptTokens, prefixTokens };
  };

  test("grow by the step's own tokens and the output before it", () => {
    expect(of({})).toEqual({
      promptTokens: [1200, 1450, 1700, 1950, 2200],
      prefixTokens: [0, 1250, 1500, 1750, 2000],
    });
  });

  test("without growth only the first context is shared", () => {
    expect(of({ contextGrowth: false })).toEqual({
      promptTokens: [1200, 1200, 1200, 1200, 1200],
      prefixTokens: [0, 1000, 1000, 1000, 1000],
    });
  });

  test("beyond the limit begin again, and only the first context is repeated", () => {
    expect(of({ maxContextTokens: 1700 })).toEqual({
      promptTokens: [1200, 1450, 1700, 1200, 1450],
      prefixTokens: [0, 1250, 1500, 1000, 1250],
    });
  });

  test("stay within 200,000 tokens by default, near the measured median of 104 k", () => {
    const { promptTokens } = columnsOf(
      new SessionWorkload({ seed: 1, sessions: 1000, arrival: fixed.arrival }),
    );
    promptTokens.sort((a, b) => a - b);
    expect(promptTokens.at(-1)).toBe(200_000);
    const median = promptTokens[promptTokens.length >> 1];
    expect(median).toBeGreaterThan(80_000);
    expect(median).toBeLessThan(140_000);
  });

  test("the length factor scales every part", () => {
    expect(of({ lengthFactor: 0.1 }).promptTokens).toEqual([120, 145, 170, 195, 220]);
  });

  test("think times stand on dependent steps", () => {
    expect(columnsOf(new SessionWorkload(fixed)).thinkSeconds).toEqual([0, 0.5, 0.5, 0.5, 0.5]);
  });
});

describe("independent", () => {
  const independent = new SessionWorkload({ ...agents, independent: true });
  const rows = columnsOf(independent);
  const dependent = columnsOf(new SessionWorkload(agents));

  test("has the same lengths and classes, an arrival for every row, and no sessions", () => {
    for (const name of ["promptTokens", "outputTokens", "tier", "needsLarge", "taskType"] as const)
      expect(rows[name]).toEqual(dependent[name]);
    expect(rows.arrivalSeconds.some(Number.isNaN)).toBe(false);
    expect(Object.keys(rows)).not.toContain("session");
    expect(independent.requests).toBe(dependent.step.length);
  });

  test("arrives at the sessions' rate times the mean number of steps", () => {
    const p: SessionParameters = {
      ...agents,
      steps: { dist: "constant", value: 10 },
      sessions: 3000,
      independent: true,
    };
    const last = columnsOf(new SessionWorkload(p)).arrivalSeconds.at(-1) as number;
    expect(Math.abs(30_000 / last / 5 - 1)).toBeLessThan(0.02);
  });

  test("ends by time as well", () => {
    const { sessions: _, ...open } = agents;
    const workload = new SessionWorkload({ ...open, durationSeconds: 100, independent: true });
    const times = columnsOf(workload).arrivalSeconds;
    expect(workload.requests).toBe(times.length);
    expect(times.at(-1)).toBeLessThan(100);
    expect(times).toEqual(rows.arrivalSeconds.slice(0, times.length));
  });
});

describe("streams", () => {
  const base = columnsOf(new SessionWorkload(agents));
  test.each<[string, Partial<SessionParameters>, string[]]>([
    ["think", { think: { dist: "constant", value: 1 } }, ["thinkSeconds"]],
    ["output", { output: { dist: "constant", value: 7 }, contextGrowth: false }, ["outputTokens"]],
    ["rate", { arrival: { process: "constant", ratePerSecond: 9 } }, ["arrivalSeconds"]],
    ["floors", { floors: "all-large" }, ["needsLarge"]],
  ])("changing the %s shifts nothing else", (_, change, changed) => {
    const reference =
      "contextGrowth" in change ? columnsOf(new SessionWorkload({ ...agents, contextGrowth: false })) : base;
    const other = columnsOf(new SessionWorkload({ ...agents, ...change }));
    for (const name of Object.keys(base) as (keyof typeof base)[]) {
      if (changed.includes(name)) expect(other[name]).not.toEqual(reference[name]);
      else expect(other[name]).toEqual(reference[name]);
    }
  });
});

test.each<[Partial<SessionParameters>, string]>([
  [{ sessions: 0 }, "workload: sessions is 0, expected a whole number of at least 1"],
  [{ classesPer: "steps" as "step" }, 'workload: classesPer is "steps", expected session or step'],
  [
    { steps: { dist: "lognormal", mu: Number.NaN, sigma: 1 } },
    "workload: steps.mu is NaN, expected a finite number",
  ],
])("%j is refused", (change, message) => {
  expect(() => new SessionWorkload({ ...agents, ...change })).toThrow(message);
});
