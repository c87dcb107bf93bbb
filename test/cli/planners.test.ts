/** What is wrong with an experiment of planners, from the command line. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { makeSetting } from "../../src/datacenter/setting.ts";
import type { ExperimentResult } from "../../src/experiment/result.ts";
import { saveCheckpoint } from "../../src/learning/checkpoint/checkpoint.ts";
import { marlinPlanner } from "../../src/routers/marlin/planner.ts";
import { command, workFolder } from "./canopy.ts";

/** Even shares, but in epoch 1 what its parameter says. */
const WRONG = `import { definePlanner, z } from "canopy-bench";
export default definePlanner({
  id: "wrong", family: "user", group: "user", status: "ours", source: "a test", summary: "Gives no plan",
  parameters: z.strictObject({ how: z.string() }),
  create: ({ how }, { world }) => ({
    name: "wrong",
    plan(state, budget, plan) {
      const share = 1 / world.sites.length;
      if (state.epoch === 0 || how === "nothing wrong") return void plan.fill(share);
      if (how === "shorter") return plan.subarray(1).fill(share), undefined;
      if (how === "returned") return new Float64Array(3).fill(share);
      plan.fill(share);
      plan[0] += how === "sum" ? 0.25 : how === "negative" ? -1 : NaN;
    },
  }),
});
`;
const SMALL = `experiment: small
sites: 2
setting: { requests: synthetic, signals: synthetic, epochs: 3, history: 8, nodesPerSite: 12 }
planners: [uniform, { planner: ./wrong.mjs, how: nothing wrong }]
seeds: 2
`;

const folder = workFolder({ "small.yaml": SMALL, "wrong.mjs": WRONG });
const run = (...sets: string[]) =>
  command(["run", "small.yaml", "--workers", "0", "--quiet", ...sets.flatMap((set) => ["--set", set])], {
    cwd: folder,
  });

describe("a planner that gives no plan ends with one line and 2; what was finished is kept", () => {
  test.each([
    ["sum", "CANOPY_PLAN_ROW", "row llama-7b sums to 1.25; expected 1 (within 0.000001)"],
    ["negative", "CANOPY_PLAN_ROW", "row llama-7b has -0.5 for site ashburn; expected a share of at least 0"],
    ["NaN", "CANOPY_PLAN_ROW", "row llama-7b has NaN for site ashburn; expected a share of at least 0"],
    // What is not written is not what it was in the epoch before.
    ["shorter", "CANOPY_PLAN_ROW", "row llama-7b has NaN for site ashburn; expected a share of at least 0"],
    [
      "returned",
      "CANOPY_PLAN_SHAPE",
      "it returned 3 numbers; expected 4 shares, 2 rows of 2 sites, written into the plan that it is given",
    ],
  ])("%s", async (how, code, what) => {
    const { code: left, stdout, stderr } = await run(`planners.1.how=${how}`);
    expect(stderr).toBe(
      `error ${code}: planner wrong, epoch 1: ${what} (2 of 4 runs end so; the others are kept)\n`,
    );
    expect(left).toBe(2);
    expect(stdout).toMatch(/uniform .*\d/);
  });

  test("a planner that does gives 0", async () => {
    const { code, stderr } = await run();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });
});

describe("what is wrong with sites and files is found before any run", () => {
  test.each([
    [
      "a site without a price",
      "sites=[ashburn, { site: mine, latitude: 1, longitude: 2, carbon: 100, wetBulbC: 10 }]",
      /^error CANOPY_DATACENTER_SERIES: --set sites=.*: site mine \(mine\) has no price: expected a series/,
    ],
    [
      "a site without carbon intensity",
      "sites=[ashburn, { site: mine, latitude: 1, longitude: 2, price: 0.1, wetBulbC: 10 }]",
      /^error CANOPY_DATACENTER_SERIES: --set sites=.*: site mine \(mine\) has no carbon intensity/,
    ],
    [
      "a fleet with fewer nodes than models",
      "setting.nodesPerSite=1",
      /^error CANOPY_DATACENTER_MODEL: small\.yaml:2:8 sites: site ashburn has too few nodes \(1\) to give/,
    ],
    [
      "a site of small nodes alone",
      "sites=[ashburn, { site: frankfurt, nodes: [1, 0, 0, 0, 0, 0] }]",
      /^error CANOPY_DATACENTER_MODEL: --set sites=.*: site frankfurt has too few nodes \(1\)/,
    ],
  ])("%s", async (_, set, message) => {
    const { code, stdout, stderr } = await run(set);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^[^\n]+\n$/);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  test("a checkpoint of another shape, and a file that is none", async () => {
    const { world } = await makeSetting({ sites: 2, seed: 1, epochs: 1, nodesPerSite: 12 });
    const sizes = { actorHidden: [8], criticHidden: [8] };
    const { learner } = marlinPlanner("marlin-balanced", world, { seed: 1, parameters: sizes });
    writeFileSync(join(folder, "eight.ckpt"), saveCheckpoint(learner));
    const withCheckpoint = (hidden: number, file: string) =>
      run(
        `planners=[{ planner: marlin-balanced, actorHidden: [${hidden}], criticHidden: [8], artefacts: { checkpoint: ${file} } }]`,
        "calls=9",
      );
    for (const [hidden, file, message] of [
      [16, "eight.ckpt", /^error CANOPY_CHECKPOINT_SHAPE: .*its actor's hidden layers is 8, expected 16/],
      [8, "small.yaml", /^error CANOPY_CHECKPOINT_FORMAT: .*it does not begin with "CANOPYCK"/],
    ] as const) {
      const { code, stderr } = await withCheckpoint(hidden, file);
      expect(stderr).toMatch(message);
      expect(stderr).toMatch(/^[^\n]+\n$/);
      expect(code).toBe(2);
    }
    expect((await withCheckpoint(8, "eight.ckpt")).code).toBe(0);
  });
});

describe("requests of a file in BurstGPT's layout", () => {
  /** Requests of ChatGPT and of GPT-4 in an epoch, over three days; epochs also have one that failed. */
  const small = (epoch: number) => 3 + ((epoch % 96) % 5);
  const large = (epoch: number) => 1 + (epoch % 2);
  const line = (seconds: number, model: string, prompt: number, output: number) =>
    `${seconds},${model},${prompt},${output},${prompt + output},API log`;
  const lines = Array.from({ length: 3 * 96 }, (_, e) => [
    ...Array.from({ length: small(e) }, (_, i) => line(900 * e + 100 * i, "ChatGPT", 400, 150)),
    ...Array.from({ length: large(e) }, (_, i) => line(900 * e + 700 + 50 * i, "GPT-4", 1000, 300)),
    line(900 * e + 899, "ChatGPT", 500, 0),
  ]).flat();
  const table = (rows: readonly string[]) =>
    ["Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type", ...rows, ""].join("\n");
  const FIGURE = fileURLToPath(new URL("../../harness/marlin/figure-1.yaml", import.meta.url));
  const cwd = workFolder({
    "burst.csv": table(lines),
    "chat.csv": table(lines.filter((row) => !row.includes("GPT-4"))),
  });
  const figure = (trace: string, ...more: string[]) => {
    const sets = [
      `setting.requests={trace: ${trace}, firstDay: 1, days: 2}`,
      "setting.signals=synthetic",
      "setting.nodesPerSite=12",
      "setting.firstEpoch=8",
      "setting.history=8",
      "setting.epochs=100",
      "sites=2",
      ...more,
    ];
    const words = ["run", FIGURE, "--seeds", "1", "--workers", "0", "--quiet", "--format", "json"];
    return command([...words, ...sets.flatMap((set) => ["--set", set])], { cwd });
  };

  test("figure 1 counts them by epoch and model, failures left out, and scales the busiest epoch", async () => {
    const { code, stdout, stderr } = await figure("burst.csv");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { rows, provenance } = JSON.parse(stdout) as ExperimentResult;
    expect(rows.map(({ point }) => point["point"])).toEqual([
      "level and slope",
      "the same with its weight chosen on a day",
      "last count",
      "small network",
    ]);
    const factor = rows[0].metrics["arrival_factor"].mean as number;
    expect(factor).toBeGreaterThan(1000);
    const arrivals = rows[0].epochs?.arrivals ?? {};
    for (const [model, count] of [
      ["llama-7b", small],
      ["llama-70b", large],
    ] as const) {
      expect(arrivals[model]).toHaveLength(2 * 96);
      for (const [e, requests] of arrivals[model].entries())
        expect(requests / (factor * count(96 + e))).toBeCloseTo(1, 4);
    }
    expect(provenance.points[0].epochs?.header).toMatch(/^Requests: burst\.csv, days 1 to 2, scaled/);
    // The last count of a day that repeats itself is wrong by what it changes from epoch to epoch.
    const { forecast_accuracy_fraction: accuracy } = rows[2].metrics;
    const total = (e: number) => small(e) + large(e);
    const errors = Array.from({ length: 100 }, (_, i) => {
      const e = 96 + 8 + i;
      return (Math.abs(small(e) - small(e - 1)) + Math.abs(large(e) - large(e - 1))) / total(e);
    });
    const worst = errors.reduce((sum, error) => sum + error, 0) / errors.length;
    expect(accuracy.mean).toBeGreaterThanOrEqual(1 - worst - 1e-9);
    expect(accuracy.mean).toBeLessThan(1);
  });

  test.each([
    ["days that it does not have", "burst.csv", "setting.requests.days=3", /has 3 whole days from day 0/],
    ["one model alone", "chat.csv", "sites=2", /chat\.csv: no request is of GPT-4, expected some of both/],
  ])("%s", async (_, trace, set, message) => {
    const { code, stderr } = await figure(trace, set);
    expect(stderr).toMatch(/^error CANOPY_ARRIVALS_FILE: [^\n]+\n$/);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });
});
