import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { aggregate } from "../../src/experiment/aggregate.ts";
import { executeRun } from "../../src/experiment/execute-run.ts";
import { type ExperimentPlan, expandExperiment } from "../../src/experiment/expand.ts";
import { parseExperiment } from "../../src/experiment/load.ts";
import { resultTables } from "../../src/report/result-table.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const folder = temporaryFolder("accuracy");
const PROFILE =
  "{ law: { baseMs: 1, perPrefillTokenMs: 0.01, perDecodeSequenceMs: 0.1, perContextTokenMs: 0 }, kvCapacityTokens: 100000 }";
const TABLE = "{ big: { arc: 80, gsm8k: 60 }, small: { arc: 70, gsm8k: 20 } }";

const EXPERIMENT = `experiment: answers
workload:
  requests: 20000
  arrival: { ratePerS: 100 }
  prompt: { dist: constant, value: 50 }
  output: { dist: constant, value: 2 }
  taskTypes: [{ name: arc, share: 0.5 }, { name: gsm8k, share: 0.5 }]
accuracy: { table: ${TABLE}, phi: 0.4 }
fleet:
  - { endpoint: b, region: here, model: big, profile: ${PROFILE} }
  - { endpoint: s, region: here, model: small, profile: ${PROFILE} }
routers: [./to-first.mjs]
`;

/** Places everything at one endpoint, and says what it believes. */
const ROUTER = (endpoint: number) => `export default {
  id: "to-${endpoint}",
  create: () => ({
    start(world, host) { this.host = host; },
    arrival(request) {
      this.host.predict(request, 0.9, 0.65, request % 48 === 0);
      this.host.place(request, ${endpoint});
    },
  }),
};`;
writeFileSync(join(folder, "to-first.mjs"), ROUTER(0));
writeFileSync(join(folder, "to-second.mjs"), ROUTER(1));

async function planOf(text = EXPERIMENT, sets: string[] = []): Promise<ExperimentPlan> {
  return expandExperiment(parseExperiment(text, { source: "e.yaml", directory: folder, sets }));
}

async function metricsOf(text = EXPERIMENT) {
  const plan = await planOf(text);
  const results = [];
  for (const run of plan.runs) results.push(await executeRun(run, plan.inputs));
  return results.map(({ metrics }) => metrics);
}

describe("simulated correctness", () => {
  test("has the accuracies of the table, by model and data set", async () => {
    const both = EXPERIMENT.replace("[./to-first.mjs]", "[./to-first.mjs, ./to-second.mjs]");
    const [first, second] = await metricsOf(both);
    // 10,000 requests of each: a standard error of 0.5 % at most.
    expect(first["accuracy_arc"]).toBeCloseTo(0.8, 1.5);
    expect(first["accuracy_gsm8k"]).toBeCloseTo(0.6, 1.5);
    expect(second["accuracy_arc"]).toBeCloseTo(0.7, 1.5);
    expect(second["accuracy_gsm8k"]).toBeCloseTo(0.2, 1.5);
    for (const metrics of [first, second]) {
      const [arc, gsm8k] = [metrics["accuracy_arc"] as number, metrics["accuracy_gsm8k"] as number];
      expect(metrics["accuracy_macro"]).toBeCloseTo((arc + gsm8k) / 2, 12);
      // One bin, at 0.9.
      expect(metrics["ece"]).toBeCloseTo(Math.abs(0.9 - (metrics["accuracy"] as number)), 9);
    }
    expect(second["floor_violation"]).toBeGreaterThan(first["floor_violation"] as number);
  });

  test("is said with every result, and under tables that show it", async () => {
    const text = EXPERIMENT.replace(
      "routers:",
      "outputs: { tables: [{ title: T, columns: [accuracy] }] }\nrouters:",
    );
    const plan = await planOf(text);
    const [run] = plan.runs;
    const result = aggregate(plan, new Map([[run.key, await executeRun(run, plan.inputs)]]));
    expect(result.provenance.points[0].notes).toContain(
      "simulated correctness: no model has answered; right and wrong are drawn by item response fitted to the experiment's table, phi 0.4",
    );
    const [table] = resultTables(result);
    expect(table.notes.filter((note) => note.includes("simulated correctness"))).toHaveLength(2);
  });

  test("is null nowhere else: a run without the section has no such metric", async () => {
    const [metrics] = await metricsOf(EXPERIMENT.replace(/accuracy: .*\n/, ""));
    expect(Object.keys(metrics).filter((name) => name.startsWith("accuracy"))).toEqual([]);
  });

  test("reads a file, by source where it has several, under other names", async () => {
    writeFileSync(
      join(folder, "table.csv"),
      "source_id,model,dataset,accuracy\na,Big-70B,arc,0.8\na,Big-70B,gsm,0.6\na,Small-7B,arc,0.7\na,Small-7B,gsm,0.2\nb,Big-70B,arc,0.1\n",
    );
    const names = "datasets: { gsm8k: gsm }, models: { big: Big-70B, small: Small-7B }";
    const text = EXPERIMENT.replace(TABLE, `table.csv, source: a, ${names}`);
    expect(await metricsOf(text)).toEqual(await metricsOf());
    await expect(planOf(text.replace("source: a, ", ""))).rejects.toThrow(
      /line 6: Big-70B on arc has two values, expected source: one of a, b/,
    );
    await expect(planOf(text.replace("source: a", "source: c"))).rejects.toThrow(/no rows of the source "c"/);
  });

  test.each<[string, string, RegExp]>([
    [
      "a data set that the table lacks",
      EXPERIMENT.replace("name: gsm8k", "name: gsm8"),
      /no dataset "gsm8".*did you mean "gsm8k"/,
    ],
    [
      "a model that it lacks",
      EXPERIMENT.replace("model: small", "model: smal"),
      /no model "smal".*did you mean "small"/,
    ],
    ["no task types", EXPERIMENT.replace(/ {2}taskTypes.*\n/, ""), /has no task types/],
    ["a percentage above 100", EXPERIMENT.replace("arc: 80", "arc: 180"), /arc.*180/],
    [
      "names of nothing",
      EXPERIMENT.replace("phi: 0.4", "phi: 0.4, models: { bgi: x }"),
      /models: there is no model "bgi" \(did you mean "big"\?\)/,
    ],
  ])("refuses %s", async (_, text, expected) => {
    await expect(planOf(text)).rejects.toThrow(expected);
  });
});
