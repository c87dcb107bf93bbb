import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { aggregate } from "../../src/experiment/aggregate.ts";
import { executeRun } from "../../src/experiment/execute-run.ts";
import { type ExperimentPlan, expandExperiment } from "../../src/experiment/expand.ts";
import { parseExperiment } from "../../src/experiment/load.ts";
import { defaultTable, metricTable } from "../../src/experiment/result-rows.ts";
import type { RunResult } from "../../src/experiment/run-spec.ts";
import { shareWorkloads } from "../../src/experiment/shared-workload.ts";
import { RECORD_COLUMNS, recordsToParquet } from "../../src/metrics/record-sink.ts";
import { quantileOf } from "../../src/numeric/quantile.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const folder = temporaryFolder("execute");
const LAW = "{ baseMs: 5, perPrefillTokenMs: 0.05, perDecodeSequenceMs: 0.2, perContextTokenMs: 0.0005 }";
const POWER =
  "{ idleWatts: 100, prefillWatts: 400, decode: [{ batch: 1, watts: 200 }, { batch: 64, watts: 350 }] }";

/** Two regions, a large and a small model, tiers, prices and carbon. */
const RICH = `experiment: rich
workload:
  requests: 600
  arrival: { ratePerS: 40 }
  prompt: { dist: lognormal, mu: 5.5, sigma: 1 }
  output: { dist: lognormal, mu: 3.5, sigma: 0.8 }
tiers:
  - { name: HIGH, share: 0.3, sloS: 0.1 }
  - { name: MED, share: 0.3, sloS: 0.5 }
  - { name: LOW, share: 0.4, sloS: 5, deferrable: true }
floors: paper
latency: ttft
fleet:
  - { endpoint: "big-{n}", count: 2, region: here, model: big, large: true, profile: { law: ${LAW}, power: ${POWER}, kvCapacityTokens: 100000 }, replicas: 2, price: { usdPerGpuHour: 4 }, gpusPerReplica: 2 }
  - { endpoint: small, region: there, model: small, profile: { law: { baseMs: 3, perPrefillTokenMs: 0.01, perDecodeSequenceMs: 0.05, perContextTokenMs: 0.0001 }, power: ${POWER}, kvCapacityTokens: 100000 }, replicas: 2, price: { usdPerReplicaHour: 1 } }
network: { roundTripMs: { here: 2, there: 60 } }
regions: { here: { pue: 1.2, water: { siteLPerItKwh: { phi: 0.2 }, gridLPerKwh: 1.8 } }, there: { pue: 1.1, water: { siteLPerItKwh: 1, gridLPerKwh: 2 } } }
signals: { carbon: { here: 400, there: { steps: [[0, 100], [5, 50]] } }, price: { here: 0.1, there: 0.05 } }
routers: [round-robin, { router: least-loaded, by: utilisation }, { router: cedar-heuristic, as: cedar }]
seeds: 2
`;

async function planOf(text: string, sets: string[] = []): Promise<ExperimentPlan> {
  return expandExperiment(parseExperiment(text, { directory: folder, sets }));
}

async function execute(plan: ExperimentPlan, order = [...plan.runs]): Promise<Map<string, RunResult>> {
  const results = new Map<string, RunResult>();
  for (const run of order) results.set(run.key, await executeRun(run, plan.inputs));
  return results;
}

interface Row {
  readonly [column: string]: string;
}

async function recordsOf(plan: ExperimentPlan, index = 0): Promise<{ rows: Row[]; result: RunResult }> {
  const recordsPath = join(folder, "records.csv");
  const result = await executeRun(plan.runs[index], plan.inputs, { recordsPath });
  const [header, ...lines] = readFileSync(recordsPath, "utf8").trimEnd().split("\n");
  expect(header).toBe(RECORD_COLUMNS.join(","));
  const rows = lines.map((line) => {
    const cells = line.split(",");
    expect(cells).toHaveLength(RECORD_COLUMNS.length);
    return Object.fromEntries(RECORD_COLUMNS.map((name, i) => [name, cells[i]]));
  });
  return { rows, result };
}

describe("the smallest example", () => {
  const text = (rows: string) => {
    writeFileSync(join(folder, "requests.csv"), `arrival_s,prompt_tokens,output_tokens\n${rows}\n`);
    return `experiment: replay-example
workload: { trace: requests.csv }
fleet:
  - endpoint: r0
    region: us-east-1
    replicas: 1
    profile: { law: ${LAW} }
batching: { policy: sarathi, maxRequests: 64, tokenBudget: 512, kvBlocks: 20000, blockTokens: 16, watermarkFraction: 0.01 }
routers: [round-robin]
seeds: 1
`;
  };

  test("one request of 100 prompt and 3 output tokens ends at 0.0205015 s (batching.md, unit-test facts)", async () => {
    const { rows, result } = await recordsOf(await planOf(text("0,100,3")));
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({
      request_id: "0",
      router: "round-robin",
      endpoint: "r0",
      region: "us-east-1",
      session: "",
      arrival_s: "0",
      dispatched_s: "0",
      held_s: "0",
      started_s: "0",
      first_token_s: "0.01",
      finished_s: "0.0205015",
      prompt_tokens: "100",
      output_tokens: "3",
      tier: "default",
      status: "finished",
      preemptions: "0",
      slo_met: "true",
      energy_j: "",
      cost_usd: "",
      carbon_g: "",
      water_l: "",
    });
    expect(result.metrics["e2e_p50_s"]).toBe(0.0205015);
    expect(result.metrics["ttft_p95_s"]).toBe(0.01);
    expect(result.reasons["energy_j_per_request"]).toBe("the profile of r0 (law in place) has no power");
    expect(result.reasons["carbon_g_per_request"]).toContain("signals.carbon");
  });

  test("two requests at once: completions at 0.0403505 and 0.045701 s", async () => {
    const { rows } = await recordsOf(await planOf(text("0,300,2\n0,300,2")));
    expect(rows.map((row) => Number(row["finished_s"]))).toEqual([
      expect.closeTo(0.0403505, 12),
      expect.closeTo(0.045701, 12),
    ]);
  });
});

describe("metrics are those of the request records", async () => {
  const plan = await planOf(RICH);
  const { rows, result } = await recordsOf(plan, 2);
  const number = (name: string, of = rows) => of.map((row) => Number(row[name]));
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
  const { metrics } = result;

  test("every request has one record", () => {
    expect(rows).toHaveLength(600);
    expect(new Set(rows.map((row) => row["request_id"])).size).toBe(600);
    expect(metrics["finished"]).toBe(600);
  });

  test("percentiles and means", () => {
    expect(metrics["ttft_p95_s"]).toBeCloseTo(quantileOf(number("ttft_s"), 0.95), 12);
    expect(metrics["e2e_p99_s"]).toBeCloseTo(quantileOf(number("e2e_s"), 0.99), 12);
    expect(metrics["e2e_mean_s"]).toBeCloseTo(sum(number("e2e_s")) / 600, 12);
    expect(result.percentiles.ttft[result.percentiles.quantiles.indexOf(0.5)]).toBe(metrics["ttft_p50_s"]);
  });

  test("violations by tier", () => {
    for (const tier of ["HIGH", "MED", "LOW"]) {
      const own = rows.filter((row) => row["tier"] === tier);
      const late = own.filter((row) => row["slo_met"] === "false").length;
      expect(metrics[`slo_violation_${tier}`]).toBeCloseTo(late / own.length, 12);
    }
    expect(metrics["slo_violation"]).toBeGreaterThan(0);
  });

  test("energy, carbon and cost of the requests add up to the meters'", () => {
    expect(metrics["energy_j_per_request"]).toBeCloseTo(sum(number("energy_j")) / 600, 8);
    expect(metrics["carbon_g_per_request"]).toBeCloseTo(sum(number("carbon_g")) / 600, 10);
    expect(metrics["cost_usd_per_request"]).toBeCloseTo(sum(number("cost_usd")) / 600, 12);
    expect(metrics["water_l_per_request"]).toBeCloseTo(sum(number("water_l")) / 600, 12);
  });

  test("a tower's water is MARLIN's: 3.306 L evaporated and blown down for a kWh", () => {
    const litres = { here: (3.6 / 2.45) * 2.25 + 1.8, there: 3 };
    for (const [region, perKwh] of Object.entries(litres)) {
      const row = rows.find((one) => one["region"] === region);
      expect(Number(row?.["water_l"])).toBeCloseTo((Number(row?.["energy_j"]) * perKwh) / 3.6e6, 12);
    }
  });

  test("carbon follows the region's intensity: before 5 s 100 g/kWh there, then 50, always 400 here", () => {
    for (const row of rows) {
      const intensity = (Number(row["carbon_g"]) / Number(row["energy_j"])) * 3.6e6;
      if (row["region"] === "here") expect(intensity).toBeCloseTo(400, 6);
      else {
        expect(intensity).toBeGreaterThan(50 - 1e-6);
        expect(intensity).toBeLessThan(100 + 1e-6);
      }
    }
  });

  test("strict tiers go to the large model, shares are those of the records", () => {
    for (const row of rows) if (row["tier"] !== "LOW") expect(row["model"]).toBe("big");
    const there = rows.filter((row) => row["region"] === "there").length;
    expect(metrics["share_there/small"]).toBeCloseTo(there / 600, 12);
    const tokens = (of: Row[]) => sum(number("prompt_tokens", of)) + sum(number("output_tokens", of));
    const small = rows.filter((row) => row["model"] === "small");
    expect(metrics["tokens_share_small"]).toBeCloseTo(tokens(small) / tokens(rows), 12);
  });

  test("the round trip is part of what the user sees", () => {
    for (const row of rows) {
      const half = row["region"] === "here" ? 0.001 : 0.03;
      const seen = Number(row["first_token_s"]) - Number(row["arrival_s"]) + half;
      expect(Number(row["ttft_s"])).toBeCloseTo(seen, 12);
      expect(Number(row["started_s"])).toBeGreaterThanOrEqual(Number(row["dispatched_s"]) + half - 1e-12);
    }
  });

  test("as Parquet the records hold the same", async () => {
    await executeRun(plan.runs[2], plan.inputs, { recordsPath: join(folder, "again.csv") });
    const path = join(folder, "records.parquet");
    await recordsToParquet(join(folder, "again.csv"), path);
    const { DuckDBInstance } = await import("@duckdb/node-api");
    const connection = await (await DuckDBInstance.create(":memory:")).connect();
    const reader = await connection.runAndReadAll(
      `SELECT count(*)::INT AS n, sum(energy_j) AS j, count(*) FILTER (slo_met)::INT AS met, max(tier) AS t FROM '${path}'`,
    );
    const [row] = reader.getRowObjectsJson();
    expect(row["n"]).toBe(600);
    expect(Number(row["j"])).toBeCloseTo(sum(number("energy_j")), 6);
    expect(row["met"]).toBe(rows.filter((r) => r["slo_met"] === "true").length);
    expect(row["t"]).toBe("MED");
  });
});

describe("a result depends on the run's inputs alone", () => {
  test("shared or generated requests, any order, JSON in between: the same bytes", async () => {
    const plan = await planOf(RICH);
    const plain = await execute(plan);
    const shared = { ...plan, inputs: shareWorkloads(plan.inputs, plan.runs) };
    expect(Object.keys(shared.inputs.workloads)).toHaveLength(2);
    const turned = await execute(shared, [...plan.runs].reverse());
    const cloned = await execute({ ...shared, inputs: structuredClone(shared.inputs) });
    for (const run of plan.runs) {
      const bytes = JSON.stringify(plain.get(run.key));
      expect(JSON.stringify(turned.get(run.key))).toBe(bytes);
      expect(JSON.stringify(cloned.get(run.key))).toBe(bytes);
      expect(JSON.stringify(JSON.parse(bytes))).toBe(bytes);
    }
  });

  test("a workload above the limit is generated where it is run", async () => {
    const plan = await planOf(RICH);
    const inputs = shareWorkloads(plan.inputs, plan.runs, { mostRequests: 599 });
    expect(inputs.workloads).toEqual({});
    const some = shareWorkloads(plan.inputs, plan.runs, { mostInAll: 1000 });
    expect(Object.keys(some.workloads)).toEqual([plan.runs[0].workload]);
  });

  test("sessions: the means that routers see do not depend on sharing", async () => {
    const text = RICH.replace(
      /workload:[\s\S]*?tiers:/,
      "workload: { requests: 200, arrival: { ratePerS: 5 }, sessions: { steps: { dist: constant, value: 4 }, firstContext: { dist: constant, value: 0 }, prompt: { dist: constant, value: 50 }, output: { dist: constant, value: 20 }, thinkS: { dist: constant, value: 1 } } }\ntiers:",
    );
    const plan = await planOf(text);
    const inputs = shareWorkloads(plan.inputs, plan.runs);
    for (const run of plan.runs) {
      expect(JSON.stringify(await executeRun(run, inputs))).toBe(
        JSON.stringify(await executeRun(run, plan.inputs)),
      );
    }
  });
});

describe("traces", () => {
  const base = RICH.replace(/workload:[\s\S]*?tiers:/, "workload: WORKLOAD\ntiers:");
  const lines = Array.from({ length: 40 }, (_, i) => `${i * 0.25},${50 + i},${3 + (i % 5)}`).join("\n");
  writeFileSync(join(folder, "plain.csv"), `arrival_s,prompt_tokens,output_tokens\n${lines}\n`);
  const tiered = Array.from({ length: 40 }, (_, i) => `${i * 0.25},50,4,${["LOW", "HIGH"][i % 2]}`).join(
    "\n",
  );
  writeFileSync(join(folder, "tiered.csv"), `arrival_s,prompt_tokens,output_tokens,tier\n${tiered}\n`);
  const trace = async (workload: string, sets: string[] = []) => {
    const plan = await planOf(base.replace("WORKLOAD", workload), sets);
    return { plan, ...(await recordsOf(plan)) };
  };

  test("tiers are drawn by their shares where the file has none, anew for every seed", async () => {
    const { plan, rows } = await trace("{ trace: plain.csv }");
    expect(new Set(rows.map((row) => row["tier"]))).toEqual(new Set(["HIGH", "MED", "LOW"]));
    expect(new Set(plan.runs.map(({ workload }) => workload)).size).toBe(2);
  });

  test("tiers of the file stay, floors are drawn by them", async () => {
    const { plan, rows } = await trace("{ trace: tiered.csv }");
    expect(rows.filter((row) => row["tier"] === "HIGH")).toHaveLength(20);
    for (const row of rows) if (row["tier"] === "HIGH") expect(row["model"]).toBe("big");
    expect(rows.some((row) => row["model"] === "small")).toBe(true);
    expect(new Set(plan.runs.map(({ workload }) => workload)).size).toBe(1);
  });

  test("a window, a factor on the rate, copies, a repetition and a number of requests", async () => {
    const requests = async (workload: string) => (await trace(workload)).rows.length;
    expect(await requests("{ trace: plain.csv, fromS: 2, durationS: 4 }")).toBe(16);
    expect(await requests("{ trace: plain.csv, requests: 7 }")).toBe(7);
    expect(await requests("{ trace: plain.csv, copies: 3 }")).toBe(120);
    expect(await requests("{ trace: plain.csv, repeat: 3 }")).toBe(120);
    const { rows } = await trace("{ trace: plain.csv, rateFactor: 5 }");
    const last = Math.max(...rows.map((row) => Number(row["arrival_s"])));
    expect(last).toBeCloseTo(39 * 0.05, 12);
  });

  test("a tier that the experiment does not name is refused with its line", async () => {
    writeFileSync(join(folder, "wrong.csv"), "arrival_s,prompt_tokens,output_tokens,tier\n0,1,1,HIHG\n");
    await expect(trace("{ trace: wrong.csv }")).rejects.toThrow(
      /wrong\.csv, line 2, column "tier": "HIHG".*HIGH/,
    );
  });
});

describe("a router from the user's file", () => {
  const source = (figure: string) => `
export default {
  id: "mine",
  create: () => ({
    start(world, host) {
      this.host = host;
      this.seen = 0;
      this.greeting = new TextDecoder().decode(world.artefacts.get("greeting"));
    },
    arrival(request) {
      this.seen++;
      this.host.place(request, 0);
    },
    figures() {
      return { ${figure}: this.seen, greeting_bytes: this.greeting.length, nothing: NaN };
    },
  }),
};
`;
  writeFileSync(join(folder, "greeting.txt"), "hello");

  test("is run with its artefacts, its figures stand beside the metrics, its text is part of the key", async () => {
    const text = RICH.replace(
      /routers: .*/,
      "routers: [{ router: ./mine.mjs, artefacts: { greeting: greeting.txt } }]",
    );
    writeFileSync(join(folder, "mine.mjs"), source("arrivals"));
    const plan = await planOf(text, ["seeds=1"]);
    const [result] = [...(await execute(plan)).values()];
    expect(plan.runs[0].router).toMatchObject({ label: "mine", id: "mine" });
    expect(result.metrics).toMatchObject({ arrivals: 600, greeting_bytes: 5, nothing: null });
    expect(result.reasons["nothing"]).toBe("the router reports NaN");
    const [row] = aggregate(plan, new Map([[plan.runs[0].key, result]])).rows;
    expect(row.metrics["arrivals"]).toEqual({ mean: 600, ci95: null, unit: "", n: 1 });
    writeFileSync(join(folder, "mine.mjs"), `${source("arrivals")}// changed\n`);
    expect((await planOf(text, ["seeds=1"])).runs[0].key).not.toBe(plan.runs[0].key);
  });

  test("may not name a figure like a metric", async () => {
    writeFileSync(join(folder, "other.mjs"), source("slo_violation"));
    const text = RICH.replace(
      /routers: .*/,
      "routers: [{ router: ./other.mjs, artefacts: { greeting: greeting.txt } }]",
    );
    await expect(planOf(text, ["seeds=1"]).then(execute)).rejects.toThrow(
      'router mine: its figure "slo_violation" has the name of a metric of every run',
    );
  });
});

describe("aggregation", async () => {
  const published = `baseline: round-robin
published:
  - { router: round-robin, metric: ttft_p95_s, value: 2, unit: s }
  - { router: cedar, metric: ttft_p95_s, value: 1000, unit: ms }
  - { router: cedar, metric: carbon_g_per_request, value: 5, unit: g }
comparable: { carbon_g_per_request: "5 g are 5,000 times what the GPUs can use" }
`;
  const plan = await planOf(RICH + published);
  const results = await execute(plan);
  const result = aggregate(plan, results);
  const runsOf = (router: string) =>
    plan.runs.filter((run) => run.router.label === router).map((run) => results.get(run.key));

  test("a row for each router with means over the seeds", () => {
    expect(result.rows.map(({ router }) => router)).toEqual(["round-robin", "least-loaded", "cedar"]);
    for (const row of result.rows) {
      const values = runsOf(row.router).map((run) => run?.metrics["ttft_p95_s"] ?? Number.NaN);
      const summary = row.metrics["ttft_p95_s"];
      expect(summary.mean).toBeCloseTo((values[0] + values[1]) / 2, 12);
      expect(summary.n).toBe(2);
      expect(summary.unit).toBe("s");
      expect(summary.ci95?.[0]).toBeCloseTo(Math.min(...values), 12);
      expect(summary.ci95?.[1]).toBeCloseTo(Math.max(...values), 12);
      expect(row.runs).toEqual({ done: 2, planned: 2 });
      expect(row.provenance).toBe("modelled");
    }
  });

  test("a figure of the best of several routers is that of the one which is it in the run", async () => {
    const several = `baseline: cedar
published: [{ router: [least-loaded, round-robin], metric: ttft_p95_s, value: 0.5, ratioTo: cedar }]
`;
    const { rows } = aggregate(await planOf(RICH + several), results);
    const means = rows.map(({ metrics }) => metrics["ttft_p95_s"].mean ?? Number.NaN);
    const best = means[0] < means[1] ? 0 : 1;
    expect(rows.map(({ comparison }) => comparison.length)).toEqual(best === 0 ? [1, 0, 0] : [0, 1, 0]);
    const [{ ratioToBaselineRun, note }] = rows[best].comparison;
    expect(ratioToBaselineRun).toBeCloseTo(means[best] / means[2], 12);
    expect(note).toContain("the best of least-loaded, round-robin");
  });

  test("differences are paired by seed", () => {
    const [base, , cedar] = result.rows;
    const pairs = runsOf("cedar").map((run, i) => [
      run?.metrics["ttft_p95_s"] ?? 0,
      runsOf("round-robin")[i]?.metrics["ttft_p95_s"] ?? 0,
    ]);
    const differences = pairs.map(([a, b]) => a - b);
    const difference = cedar.differences["ttft_p95_s"];
    expect(difference.difference).toBeCloseTo((differences[0] + differences[1]) / 2, 12);
    expect(difference.differenceCi95?.[0]).toBeCloseTo(Math.min(...differences), 12);
    expect(difference.ratio).toBeCloseTo((pairs[0][0] + pairs[1][0]) / (pairs[0][1] + pairs[1][1]), 12);
    expect(base.differences).toEqual({});
  });

  test("the paper's figures stand beside, in the run's units, with verdicts", () => {
    const cedar = result.rows[2];
    expect(cedar.published).toEqual({ ttft_p95_s: 1, carbon_g_per_request: 5 });
    const [p95, carbon] = cedar.comparison;
    expect(p95.ratioToBaselinePaper).toBe(0.5);
    expect(p95.ratioToBaselineRun).toBeCloseTo(cedar.differences["ttft_p95_s"].ratio ?? 0, 12);
    expect(carbon.verdict).toBe("not comparable");
    expect(carbon.note).toContain("5,000 times");
    expect(cedar.verdict["carbon_g_per_request"]).toBe("not comparable");
    expect(result.ranks[0].ranks.map(({ metric }) => metric)).toContain("ttft_p95_s");
  });

  test("missing runs are counted, and what no run knows is null with its reason", () => {
    const some = new Map([...results].slice(1));
    const rows = aggregate(plan, some).rows;
    expect(rows.reduce((sum, row) => sum + row.runs.done, 0)).toBe(5);
    expect(rows.map(({ provenance }) => provenance)).not.toContain("unknown");
    expect(aggregate(plan, new Map()).rows.map(({ provenance }) => provenance)).toEqual(
      rows.map(() => "unknown"),
    );
    const none = result.rows[0].metrics["token_cost_usd_per_request"];
    expect(none).toEqual({
      mean: null,
      ci95: null,
      unit: "USD",
      n: 0,
      reason: "the endpoint big-0 has no usdPerMillionTokens",
    });
  });

  test("survives JSON, and says what it rests on", () => {
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
    const [point] = result.provenance.points;
    expect(point.seeds).toEqual([1, 2]);
    expect(point.profiles).toEqual([{ id: "law in place", provenance: "modelled" }]);
    expect(point.carbon["there"]).toEqual({ source: "2 steps in the experiment", provenance: "synthetic" });
    expect(point.notes).toEqual([
      "hostWattsPerReplica is 0: the server and facility boundaries hold GPUs alone",
    ]);
  });

  test("an ablation that places like its parent is indistinguishable here", async () => {
    const ablations = RICH.replace(
      /routers: .*/,
      "routers: [{ router: cedar-heuristic, as: cedar }, cedar-no-carbon, cedar-no-queue]",
    );
    const notesOf = async (text: string) => {
      const plan = await planOf(text, ["seeds=1"]);
      return aggregate(plan, await execute(plan)).rows.map(({ notes }) => notes);
    };
    const oneEndpoint = ablations.replace("count: 2", "count: 1").replace(/ {2}- { endpoint: small.*\n/, "");
    const same = "indistinguishable here: places 100.0 % of the requests like cedar";
    expect(await notesOf(oneEndpoint)).toEqual([[], [same], [same]]);
    expect((await notesOf(ablations))[2]).toEqual([]);
  });

  test("tables are rows of cells in the wished unit and order", () => {
    const table = metricTable(result, {
      title: "T",
      columns: ["ttft_p95_s", { metric: "slo_violation", header: "late", factor: 100, unit: "%" }],
      rows: ["cedar", "round-robin"],
    });
    expect(table.rows.map(({ row }) => row.router)).toEqual(["cedar", "round-robin"]);
    const [cedar] = table.rows;
    expect(cedar.cells["slo_violation"].value).toBeCloseTo(
      100 * (result.rows[2].metrics["slo_violation"].mean ?? 0),
      10,
    );
    expect(table.columns[1]).toMatchObject({ header: "late", unit: "%" });
    expect(cedar.cells["ttft_p95_s"].paper).toBe(1);
    const ratios = metricTable(result, { title: "R", columns: ["ttft_p95_s"], ratioTo: "round-robin" });
    expect(ratios.rows[0].cells["ttft_p95_s"].value).toBe(1);
    expect(ratios.rows[2].cells["ttft_p95_s"].paper).toBe(0.5);
    expect(defaultTable(result).columns).toContain("tokens_share_big");
  });
});
