import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type CapacityQuestion, findCapacity, planCapacity } from "../../src/capacity/find-capacity.ts";
import { rateOverride } from "../../src/capacity/scale-rate.ts";
import { capacityTable } from "../../src/capacity/tables.ts";
import { planExperiment } from "../../src/experiment/plan-experiment.ts";
import type { RunResult } from "../../src/experiment/run-spec.ts";
import { formatShort } from "../../src/report/format-number.ts";
import { renderMarkdown } from "../../src/report/render-markdown.ts";
import { RunStore } from "../../src/sweep/store.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const folder = temporaryFolder("capacity");
const QUESTION: CapacityQuestion = {
  levels: [0.5, 0.9],
  tier: null,
  tolerance: 0.001,
  least: 1 / 64,
  most: 64,
};

/** One request at a time, each of one iteration of 100 ms, at equal distances. */
const QUEUE = `experiment: queue
workload:
  requests: 201
  arrival: { process: constant, ratePerS: 8 }
  prompt: { dist: constant, value: 10 }
  output: { dist: constant, value: 1 }
tiers: [{ name: all, share: 1, sloS: 0.5 }]
latency: e2e
fleet:
  - endpoint: only
    region: r
    replicas: 1
    profile: { law: { baseMs: 100, perPrefillTokenMs: 0, perDecodeSequenceMs: 0, perContextTokenMs: 0 } }
batching: { policy: sarathi, maxRequests: 1, tokenBudget: 512, kvBlocks: 20000, blockTokens: 16, watermarkFraction: 0.01 }
routers: [round-robin]
seeds: 1
`;

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe("capacity of a queue that can be worked out", () => {
  test("the rate at which the backlog of the last attaining request reaches the objective", async () => {
    const capacity = await planCapacity(file("queue.yaml", QUEUE), [], QUESTION);
    const result = await findCapacity(capacity, { workers: 0, store: null });
    const { rows, searches, unit, runs } = result;
    expect(unit).toBe("requests/s");
    for (const [i, level] of QUESTION.levels.entries()) {
      // Request i waits i (S - 1/rate) and takes S = 0.1 s: of 201 requests the first ceil(201 level) have to take 0.5 s.
      const last = Math.ceil(201 * level) - 1;
      const exact = 1 / (0.1 - 0.4 / last);
      const { state, rate } = rows[0].levels[i];
      expect(state).toBe("found");
      expect(rate).toBeLessThanOrEqual(exact * (1 + 1e-9));
      expect((rate as number) * 1.001).toBeGreaterThan(exact * (1 - 1e-9));
    }
    expect(runs).toBeLessThanOrEqual(capacity.mostRuns);
    expect(searches[0].probes).toHaveLength(runs);
    expect(renderMarkdown(capacityTable(result))).toContain(
      `attains. ${runs} runs for one search of 2 levels.\n`,
    );
  });

  test("a tier that nobody can serve and one that everybody can", async () => {
    const tiers = "tiers=[{ name: now, share: 0.5, sloS: 0.05 }, { name: later, share: 0.5, sloS: 1e6 }]";
    const path = file("tiers.yaml", QUEUE);
    const ask = async (tier: string | null) => {
      const capacity = await planCapacity(path, [tiers], { ...QUESTION, tier, most: 4, least: 0.25 });
      return (await findCapacity(capacity, { workers: 0, store: null })).rows[0].levels[1];
    };
    expect(await ask("now")).toMatchObject({ state: "not attained", rate: null, atLowestProbed: 0, n: 1 });
    expect(await ask("later")).toMatchObject({ state: "at least", rate: 32 });
    await expect(ask("soon")).rejects.toMatchObject({ code: "CANOPY_CAPACITY_OBJECTIVE" });
  });

  test("seeds: the mean over them, and its interval", async () => {
    const path = file(
      "seeds.yaml",
      QUEUE.replace("seeds: 1", "seeds: 4").replace("process: constant", "process: poisson"),
    );
    const capacity = await planCapacity(path, [], { ...QUESTION, tolerance: 0.1 });
    const here = await findCapacity(capacity, { workers: 0, store: null });
    const [row] = here.rows;
    expect(renderMarkdown(capacityTable(here))).toMatch(
      / runs for 4 searches of 2 levels, \d+( to \d+)? each\.\n/,
    );
    for (const [i, { rate, ci95, n }] of row.levels.entries()) {
      const own = here.searches.map(({ findings }) => findings[i].rate as number);
      expect(n).toBe(4);
      expect(rate).toBeCloseTo(own.reduce((sum, value) => sum + value, 0) / 4, 9);
      const [low, high] = ci95 as readonly [number, number];
      expect(low).toBeGreaterThanOrEqual(Math.min(...own) - 1e-9);
      expect(high).toBeLessThanOrEqual(Math.max(...own) + 1e-9);
    }
  });
});

describe("rates at which nothing can be said", () => {
  const fixed = (name: string, seconds: number) =>
    file(
      name,
      QUEUE.replace("requests: 201", `durationS: ${seconds}`)
        .replace("sloS: 0.5", "sloS: 0.05")
        .replace("process: constant", "process: poisson"),
    );

  test("a run of a fixed time without requests ends the search downwards, and the table says where", async () => {
    const capacity = await planCapacity(fixed("dry.yaml", 1.01), [], QUESTION);
    const result = await findCapacity(capacity, { workers: 0, store: null });
    const [search] = result.searches;
    const [{ factor, rate, requests }] = search.probes;
    expect(requests).toBeGreaterThan(0);
    expect(search.unplayable).toEqual([{ rate: rate / 2, reason: "slo_violation: no request" }]);
    expect(factor).toBeGreaterThan(QUESTION.least);
    expect(result.rows[0].levels[0]).toMatchObject({ state: "not attained", lowestFactor: factor });
    const text = renderMarkdown(capacityTable(result));
    expect(text).toContain(`not attained even at ${formatShort(factor)} of the experiment's own rate`);
  });

  test("an experiment without requests ends the command", async () => {
    const capacity = await planCapacity(fixed("none.yaml", 1e-6), [], QUESTION);
    await expect(findCapacity(capacity, { workers: 0, store: null })).rejects.toMatchObject({
      code: "CANOPY_CAPACITY_OBJECTIVE",
    });
  });
});

describe("runs of a search", () => {
  test("are those of canopy run at that rate", async () => {
    const path = file("same.yaml", QUEUE);
    const capacity = await planCapacity(path, [], QUESTION);
    const { searches } = await findCapacity(capacity, { workers: 0, store: null });
    const [point] = capacity.plan.points;
    for (const { factor, run } of [searches[0].probes[0], searches[0].probes[3]]) {
      const set = rateOverride(point, capacity.loaded.points[0], factor);
      expect((await planExperiment(path, { sets: [set] })).runs.map(({ key }) => key)).toEqual([run]);
    }
  });

  test("an interrupted search loses nothing that was finished", async () => {
    const path = file("again.yaml", QUEUE.replace("seeds: 1", "seeds: 2"));
    const capacity = await planCapacity(path, [], QUESTION);
    const whole = await findCapacity(capacity, { workers: 0, store: null });
    const stop = new AbortController();
    let done = 0;
    const first = new RunStore<RunResult>(join(folder, "store"));
    const interrupted = findCapacity(capacity, {
      workers: 0,
      store: first,
      signal: stop.signal,
      runEnded: () => {
        if (++done === 5) stop.abort();
      },
    });
    await expect(interrupted).rejects.toMatchObject({ name: "AbortError" });
    expect(first.size).toBe(5);
    await first.close();
    const second = new RunStore<RunResult>(join(folder, "store"));
    let more = 0;
    const result = await findCapacity(capacity, { workers: 0, store: second, runEnded: () => more++ });
    await second.close();
    expect(result).toEqual(whole);
    expect(more).toBe(whole.runs - 5);
  });

  test("a trace is compressed in time, its own rate is that of its arrivals", async () => {
    const rows = Array.from({ length: 101 }, (_, i) => `${i / 8},10,1`);
    file("trace.csv", `arrival_s,prompt_tokens,output_tokens\n${rows.join("\n")}\n`);
    const path = file(
      "trace.yaml",
      QUEUE.replace(/workload:[\s\S]*?tiers/, "workload: { trace: trace.csv }\ntiers"),
    );
    const capacity = await planCapacity(path, [], QUESTION);
    const { searches, rows: found } = await findCapacity(capacity, { workers: 0, store: null });
    expect(searches[0].ownRate).toBeCloseTo(101 / 12.5, 9);
    const exact = (1 / (0.1 - 0.4 / (Math.ceil(101 * 0.5) - 1))) * (101 / 100);
    expect((found[0].levels[0].rate as number) / exact).toBeGreaterThan(0.999 - 1e-9);
    expect((found[0].levels[0].rate as number) / exact).toBeLessThanOrEqual(1 + 1e-9);
  });

  test("routers that learn learn at the experiment's own rate, once", async () => {
    const path = file(
      "learns.yaml",
      QUEUE.replace(
        "routers: [round-robin]",
        "training: { requests: 50, seed: 99 }\nrouters: [./learner.ts]",
      ),
    );
    file(
      "learner.ts",
      `import { defineRouter, z } from "canopy-bench";
       const place = (host, r) => host.place(r, 0);
       const base = () => { let host; return { start(_, h) { host = h; }, arrival(r) { place(host, r); } }; };
       export default defineRouter({ id: "learner", summary: "one", family: "user", group: "user", status: "ours", source: "here",
         parameters: z.strictObject({}), create: () => { const own = base(); return { ...own, start(world, host) { if (!world.artefacts.has("note")) throw new Error("not trained"); own.start(world, host); } }; },
         training: { artefacts: ["note"], create: () => ({ ...base(), learned: () => new Map([["note", new Uint8Array(1)]]) }) } });`,
    );
    const capacity = await planCapacity(path, [], { ...QUESTION, tolerance: 0.5 });
    const { searches } = await findCapacity(capacity, { workers: 0, store: null });
    expect(capacity.plan.trainings).toHaveLength(1);
    expect(searches[0].failure).toBeNull();
    expect(searches[0].findings.map(({ state }) => state)).toEqual(["found", "found"]);
  });

  test("a router that fails at some rate: the others go on, and the run that failed is named", async () => {
    const path = file("fails.yaml", QUEUE.replace("[round-robin]", "[round-robin, ./fails.ts]"));
    file(
      "fails.ts",
      `import { defineRouter, z } from "canopy-bench";
       export default defineRouter({ id: "fails", summary: "one", family: "user", group: "user", status: "ours", source: "here",
         parameters: z.strictObject({}), create: () => { let host, last = 0; return { start(_, h) { host = h; },
           arrival(r) { if (host.now > 0 && host.now - last < 0.1) throw new Error("too quick"); last = host.now; host.place(r, 0); } }; } });`,
    );
    const capacity = await planCapacity(path, [], QUESTION);
    const { rows, searches } = await findCapacity(capacity, { workers: 0, store: null });
    expect(rows.map(({ levels }) => levels[0].state)).toEqual(["found", "failed"]);
    expect(searches[1].failure).toMatchObject({
      code: "CANOPY_RUN_FAILED",
      message: "too quick",
      override: "workload.arrival.ratePerS=16",
      run: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });
});
