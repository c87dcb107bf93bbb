import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { command, type Ended, SMALL, workFolder } from "../cli/canopy.ts";

vi.setConfig({ testTimeout: 120_000 });

/** Fails at delays above 1 unless the environment says otherwise. */
const ROUTER = `import { defineRouter, z } from "canopy-bench";
export default defineRouter({
  id: "moody", family: "user", group: "user", status: "ours", source: "a test", summary: "Fails at some delays",
  parameters: z.strictObject({ delay: z.number().default(0) }),
  create: ({ delay }) => {
    let host;
    return {
      start(_world, given) {
        if (delay > 1 && process.env.MOOD !== "good") throw new Error("not today");
        host = given;
      },
      arrival(request) { host.place(request, 0); },
    };
  },
});
`;
/** Two axes of the sweep over an experiment with an axis of its own, which gives way: 2 x 2 points x 2 routers x 3 seeds. */
const SWEEP = `sweep: rates
experiment: small.yaml
axes:
  workload.arrival.ratePerS: { from: 5, to: 20, count: 2, scale: log }
  telemetryIntervalS: [0.1, 1]
shards: 3
`;
const EXPERIMENT = `${SMALL}axes: { telemetryIntervalS: [7] }\n`;
const study = (sweep = SWEEP, files: Readonly<Record<string, string>> = {}) =>
  workFolder({ "small.yaml": EXPERIMENT, "sweep.yaml": sweep, ...files });
/** Starting threads takes longer than these runs do. */
const HERE = ["--workers", "0", "--quiet"];
/** All that a merge leaves, but for the times in the manifest. */
const bytesOf = (folder: string) =>
  Object.fromEntries(
    readdirSync(folder)
      .filter((name) => /\./.test(name) && name !== "manifest.json" && name !== "plan.json")
      .map((name) => [name, readFileSync(join(folder, name)).toString("base64")]),
  );

function ended({ code, stdout, stderr }: Ended, expected = 0): string {
  expect({ code, stderr: code === expected ? "" : stderr }).toEqual({ code: expected, stderr: "" });
  return stdout;
}

describe("canopy sweep", () => {
  test("does every point, prints a row for each router at each, and finds the runs done the next time", async () => {
    const cwd = study();
    const first = ended(
      await command(["sweep", "sweep.yaml", "--out", "out", "--format", "json", ...HERE], { cwd }),
    );
    const result = JSON.parse(first);
    expect(result).toMatchObject({ schema: "canopy/result/1", experiment: "rates" });
    expect(result.rows).toHaveLength(8);
    expect(result.rows[0]).toMatchObject({
      router: "round-robin",
      point: { "workload.arrival.ratePerS": 5, telemetryIntervalS: 0.1 },
      runs: { done: 3, planned: 3 },
    });
    const again = await command(
      ["sweep", "sweep.yaml", "--out", "out", "--workers", "0", "--format", "json"],
      { cwd },
    );
    expect(ended(again)).toBe(first);
    expect(again.stderr).toContain("0 of 0 runs in 0.0 s, 24 were done before");
    const runs = readFileSync(join(cwd, "out/runs.csv"), "utf8").trim().split("\n");
    expect(runs).toHaveLength(25);
    expect(runs[0]).toMatch(
      /^index,point.workload.arrival.ratePerS,point.telemetryIntervalS,router,seed,start,run,rests_on,/,
    );
    expect(runs[1]).toMatch(/^0,5.0,0.1,round-robin,1,,[0-9a-f]{64},modelled,/);
  });

  test("gives what canopy run gives for the same points", async () => {
    const cwd = study();
    const swept = JSON.parse(
      ended(await command(["sweep", "sweep.yaml", "--format", "json", ...HERE], { cwd })),
    );
    const axes = "axes={workload.arrival.ratePerS: [5, 20], telemetryIntervalS: [0.1, 1]}";
    const run = JSON.parse(
      ended(await command(["run", "small.yaml", "--set", axes, "--format", "json", ...HERE], { cwd })),
    );
    expect(swept.rows).toEqual(run.rows);
  });

  test("has CEDAR's reward and regret where the experiment wants them, as canopy run", async () => {
    const known =
      "replicas: 1\n    price: { usdPerGpuHour: 2 }\n    powerCurve: { idleW: 100, peakW: 400 }\n";
    const reward = `${EXPERIMENT.replaceAll("replicas: 1\n", known)}outputs: { reward: { reference: round-robin } }\n`;
    const cwd = workFolder({
      "small.yaml": reward,
      "sweep.yaml": SWEEP.replace("{ from: 5, to: 20, count: 2, scale: log }", "[5]"),
    });
    const out = ended(
      await command(["sweep", "sweep.yaml", "--out", "out", "--format", "json", ...HERE], { cwd }),
    );
    const { rows } = JSON.parse(out);
    const axes = "axes={workload.arrival.ratePerS: [5], telemetryIntervalS: [0.1, 1]}";
    const run = await command(["run", "small.yaml", "--set", axes, "--format", "json", ...HERE], { cwd });
    expect(rows).toEqual(JSON.parse(ended(run)).rows);
    expect(rows[0].metrics.cedar_regret.mean).toBe(0);
    // At least its own cost and carbon, 0.3 each of those of the reference.
    expect(rows[0].metrics.cedar_reward.mean).toBeLessThanOrEqual(-0.6);
    expect(rows[1].metrics.cedar_regret.mean).toBeCloseTo(
      rows[0].metrics.cedar_reward.mean - rows[1].metrics.cedar_reward.mean,
    );
    for (const name of ["runs.csv", "rows.csv"]) {
      const [head] = readFileSync(join(cwd, "out", name), "utf8").split("\n");
      expect(head).toMatch(/,cedar_reward,.*cedar_regret/);
    }
  });

  test("in single steps, however divided, gives the same bytes", async () => {
    const cwd = study();
    ended(await command(["sweep", "sweep.yaml", "--out", "whole", ...HERE], { cwd }));
    ended(await command(["sweep-plan", "sweep.yaml", "--out", "parts", "--shards", "5", "--quiet"], { cwd }));
    for (const shard of ["0/5", "3/5"])
      ended(await command(["sweep-shard", "parts", shard, ...HERE], { cwd }));
    expect(ended(await command(["sweep-missing", "parts", "--array"], { cwd }))).toBe("1-2,4\n");
    const partial = await command(["sweep-merge", "parts", "--quiet"], { cwd });
    expect(ended(partial, 1)).toContain("round-robin");
    expect(partial.stderr).toMatch(
      /^error CANOPY_RUN_FAILED: 15 of 24 runs are not done; .*canopy sweep sweep.yaml/,
    );
    // Another division finds what the first one has done; a task of an array job knows its shard.
    const env = { SLURM_ARRAY_TASK_ID: "1" };
    ended(await command(["sweep-shard", "parts", "--shards", "2", ...HERE], { cwd, env }));
    ended(await command(["sweep-shard", "0/2", "parts", ...HERE], { cwd }));
    expect(ended(await command(["sweep-missing", "parts", "--array"], { cwd }))).toBe("");
    ended(await command(["sweep-merge", "parts", "--quiet"], { cwd }));
    expect(bytesOf(join(cwd, "parts"))).toEqual(bytesOf(join(cwd, "whole")));
  });

  test("--dry-run counts and estimates, and keeps nothing", async () => {
    const cwd = study();
    const { pending, estimatedSeconds, sampledRuns, ...counts } = JSON.parse(
      ended(
        await command(["sweep", "sweep.yaml", "--dry-run", "--workers", "0", "--format", "json"], { cwd }),
      ),
    );
    expect(counts).toMatchObject({ points: 4, routers: 2, runs: 24, done: 0, shards: 3 });
    expect(pending).toBe(24);
    expect(sampledRuns).toBe(6);
    expect(estimatedSeconds).toBeGreaterThan(0);
    expect(readdirSync(cwd).sort()).toEqual(["small.yaml", "sweep.yaml"]);
  });

  test("failed runs are listed with a command that repeats each, and done once they can be", async () => {
    const sweep = SWEEP.replace("telemetryIntervalS: [0.1, 1]", "routers.0.delay: [1, 2]").replace(
      "experiment: small.yaml",
      "experiment: moody.yaml",
    );
    const cwd = study(sweep, {
      "moody.yaml": SMALL.replace(/^routers: .*$/m, "routers: [{ router: ./moody.mjs }]"),
      "moody.mjs": ROUTER,
    });
    const failed = await command(["sweep", "sweep.yaml", ...HERE], { cwd });
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(
      /^error CANOPY_RUN_FAILED: 6 of 12 runs failed; the others are kept. Each again, alone:\n/,
    );
    expect(failed.stderr).toContain("routers.0.delay 2, moody, seed 1: CANOPY_RUN_FAILED: not today\n");
    const [, words] = /^ {4}canopy (sweep sweep\.yaml --only [0-9a-f]{12})$/m.exec(failed.stderr) ?? [];
    const again = await command([...words.split(" "), ...HERE], { cwd });
    expect(again.code).toBe(1);
    expect(again.stderr).toContain("error CANOPY_RUN_FAILED: 1 of 12 runs failed");
    ended(await command(["sweep", "sweep.yaml", ...HERE], { cwd, env: { MOOD: "good" } }));
  });
});

describe("canopy sweep over planners", () => {
  const PLANNERS = `experiment: small
sites: 2
setting: { requests: synthetic, signals: synthetic, epochs: 3, history: 8, nodesPerSite: 12 }
planners: [uniform, qlearning, { planner: actorcritic, hidden: 4 }]
calls: 9
seeds: 2
outputs: { figures: [{ kind: epochs, title: The day, of: objective }] }
`;
  const GRID = `sweep: grid
experiment: small.yaml
axes: { sites: [2, 3], setting.peak: [0.5] }
shards: 3
`;
  const planners = (text = PLANNERS) => workFolder({ "small.yaml": text, "sweep.yaml": GRID });

  test("gives what canopy run gives for the same points, with hypervolumes", async () => {
    const cwd = planners();
    const swept = JSON.parse(
      ended(await command(["sweep", "sweep.yaml", "--out", "out", "--format", "json", ...HERE], { cwd })),
    );
    const axes = "axes={sites: [2, 3], setting.peak: [0.5]}";
    const run = JSON.parse(
      ended(await command(["run", "small.yaml", "--set", axes, "--format", "json", ...HERE], { cwd })),
    );
    expect(swept.rows).toHaveLength(6);
    expect(swept.rows.map(lasting)).toEqual(run.rows.map(lasting));
    expect(swept.rows[1].metrics.hypervolume.mean).toBeGreaterThan(0);
    expect(swept.provenance.kind).toBe("epochs");
    expect(swept.provenance.dense).toEqual(run.provenance.dense);
    expect(readFileSync(join(cwd, "out/table.txt"), "utf8")).toMatch(/^sites +peak +planner/m);
    expect(readFileSync(join(cwd, "out/runs.csv"), "utf8")).toMatch(/^index,point.sites,.*,hypervolume,/);
  });

  /** But for the times of planning. */
  function lasting(row: Readonly<Record<"metrics" | "differences" | "samples", object>>): object {
    const { samples: _, metrics, differences, ...rest } = row;
    const times = { planning_s_per_epoch: null };
    return { ...rest, metrics: { ...metrics, ...times }, differences: { ...differences, ...times } };
  }

  test("in single steps, and a planner that gives no plan leaves with 2", async () => {
    const cwd = planners();
    ended(await command(["sweep-plan", "sweep.yaml", "--out", "parts", "--quiet"], { cwd }));
    for (const shard of ["0/3", "2/3"])
      ended(await command(["sweep-shard", "parts", shard, ...HERE], { cwd }));
    expect(ended(await command(["sweep-missing", "parts", "--array"], { cwd }))).toBe("1\n");
    ended(await command(["sweep-shard", "parts", "1/3", ...HERE], { cwd }));
    const { rows } = JSON.parse(
      ended(await command(["sweep-merge", "parts", "--format", "json", "--quiet"], { cwd })),
    );
    expect(rows.map(({ runs }: { runs: object }) => runs)).toEqual(
      Array.from({ length: 6 }, () => ({ done: 2, planned: 2 })),
    );

    const wrong = planners(PLANNERS.replace(/^planners: .*$/m, "planners: [uniform, ./half.mjs]"));
    writeFileSync(
      join(wrong, "half.mjs"),
      `export default { id: "half", create: () => ({ name: "half", plan: (s, b, plan) => plan.fill(0.25) }) };`,
    );
    const { code, stderr } = await command(["sweep", "sweep.yaml", ...HERE], { cwd: wrong });
    expect(stderr).toBe(
      "error CANOPY_PLAN_ROW: planner half, epoch 0: row llama-7b sums to 0.5; expected 1 (within 0.000001) (4 of 8 runs end so; the others are kept)\n",
    );
    expect(code).toBe(2);
  });
});

describe("what is wrong is said in one line", () => {
  const error = async (args: readonly string[], cwd: string) => {
    const { code, stderr } = await command(args, { cwd });
    expect(code).toBe(2);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    return stderr;
  };

  test.each([
    [
      "telemetryInterval: [1]",
      /^error CANOPY_EXPERIMENT_KEY: sweep.yaml:5:23 telemetryInterval: unknown key \(did you mean "telemetryIntervalS"\?\)/,
    ],
    [
      "fleets.*.replicas: [1]",
      /^error CANOPY_EXPERIMENT_SET: sweep.yaml:5:23 fleets.\*.replicas: nothing stands where the \* is/,
    ],
    ["baseline: [a, b]", /^error CANOPY_/],
  ])("an axis %s", async (axis, expected) => {
    const cwd = study(SWEEP.replace("telemetryIntervalS: [0.1, 1]", axis));
    expect(await error(["sweep", "sweep.yaml"], cwd)).toMatch(expected);
  });

  test("a plan whose files have changed since", async () => {
    const cwd = study();
    ended(await command(["sweep-plan", "sweep.yaml", "--out", "out", "--quiet"], { cwd }));
    writeFileSync(join(cwd, "small.yaml"), EXPERIMENT.replace("requests: 60", "requests: 61"));
    expect(await error(["sweep-shard", "out", "0/3", "--workers", "0"], cwd)).toMatch(
      /^error CANOPY_SWEEP_CHANGED: point 0 of out\/\.\.\/sweep.yaml|^error CANOPY_SWEEP_CHANGED: point 0 of sweep.yaml/,
    );
    rmSync(join(cwd, "out/plan.json"));
    expect(await error(["sweep-merge", "out"], cwd)).toMatch(/^error CANOPY_FILE_MISSING: /);
  });

  test("a shard that is none", async () => {
    const cwd = study();
    ended(await command(["sweep-plan", "sweep.yaml", "--out", "out", "--quiet"], { cwd }));
    expect(await error(["sweep-shard", "out", "3/3"], cwd)).toMatch(
      /CANOPY_OPTION_VALUE: 3\/3: expected a shard from 0 to 2/,
    );
    expect(await error(["sweep-shard", "out"], cwd)).toMatch(
      /CANOPY_OPTION_VALUE: no shard: expected k\/n, e.g. 3\/3/,
    );
    expect(await error(["sweep", "sweep.yaml", "--engine", "slrum"], cwd)).toMatch(/expected local or slurm/);
  });
});
