/** A small version of every file of the cross benchmark, and the matrix of agreement between placements. */
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { aggregate } from "../../src/experiment/aggregate.ts";
import { planBounds } from "../../src/experiment/plan-bounds.ts";
import { planExperiment } from "../../src/experiment/plan-experiment.ts";
import type { RunPlan } from "../../src/experiment/run-plan.ts";
import type { RunResult } from "../../src/experiment/run-spec.ts";
import { type PlacementSketch, placementAgreement } from "../../src/metrics/placement-sketch.ts";
import { BOUNDED_METRICS } from "../../src/metrics/request-bound.ts";
import { leaderboard } from "../../src/report/leaderboard/leaderboard.ts";
import { settingsOf } from "../../src/report/leaderboard/settings.ts";
import { leaderboardTables } from "../../src/report/leaderboard/tables.ts";
import { renderMarkdown } from "../../src/report/render-markdown.ts";
import { listRouters } from "../../src/routers/registry.ts";
import { runPlans } from "../../src/sweep/run-plans.ts";

const HARNESS = fileURLToPath(new URL("../../harness/cross/", import.meta.url));

/** Two minutes of the busiest hour, and what learns has learned for five. */
const SMALL = ["seeds=1", "starts=[2025-01-15T17:00Z]", "workload.durationS=120", "training.durationS=300"];
/** The largest fleets serve as many requests in less time. */
const SMALLER: Readonly<Record<string, string[]>> = {
  "replicas-100": ["workload.durationS=30", "training.durationS=60"],
  "replicas-1000": ["workload.durationS=10", "training.durationS=20"],
};
const FILES = readdirSync(HARNESS)
  .map((file) => basename(file, ".yaml"))
  .filter((name) => !name.includes("fleet") && name !== "disaggregated")
  .sort((a, b) => Number(b === "base") - Number(a === "base") || a.localeCompare(b));

interface Made {
  readonly plan: RunPlan;
  readonly results: ReadonlyMap<string, RunResult>;
}
const made = new Map<string, Made>();

beforeAll(async () => {
  const plans = await Promise.all(FILES.map((name) => planSmall(name, [...SMALL, ...(SMALLER[name] ?? [])])));
  const { results, failed } = await runPlans(
    plans.map((plan) => ({ plan, store: null })),
    { workers: 2 },
  );
  expect(failed).toEqual([]);
  for (const [i, plan] of plans.entries()) made.set(FILES[i], { plan, results });
}, 220_000);

/** The base row has epochs of 60 s, so that planners plan; before the first plan they are all alike. */
async function planSmall(name: string, sets: readonly string[]): Promise<RunPlan> {
  const file = join(HARNESS, `${name}.yaml`);
  const plan = await planExperiment(file, { sets });
  if (name !== "base") return plan;
  const epochs = plan.points[0].routers.flatMap(({ id, parameters }, i) =>
    "epochSeconds" in parameters ? [`routers.${i}={router: ${id}, epochSeconds: 60}`] : [],
  );
  return planExperiment(file, { sets: [...sets, ...epochs] });
}

const madeOf = (name: string) => made.get(name) as Made;

describe("the cross benchmark, small", () => {
  test("the base row has every router but the one that needs a recorded trace", () => {
    const ids = new Set(madeOf("base").plan.points[0].routers.map(({ id }) => id));
    const missing = listRouters().flatMap(({ id }) => (ids.has(id) ? [] : [id]));
    expect(missing.filter((id) => id !== "external")).toEqual(["replay"]);
  });

  test.each(FILES)("%s: every request ends, and nothing is below the bound", (name) => {
    const { plan, results } = madeOf(name);
    const bounds = planBounds(plan, 7 * 86_400);
    for (const run of plan.runs) {
      const { metrics } = results.get(run.key) as RunResult;
      expect([metrics["rejected"], metrics["unfinished"]], run.router.label).toEqual([0, 0]);
      const own = bounds.find((one) => one.planned === run.planned && one.seed === run.seed)?.bounds;
      for (const metric of BOUNDED_METRICS) {
        const least = own?.metrics[metric] ?? null;
        if (least === null) continue;
        expect(metrics[metric], `${run.router.label} ${metric}`).toBeGreaterThanOrEqual(least * (1 - 1e-12));
      }
    }
  });

  test("all of them side by side", () => {
    const found = [...made].map(([name, { plan, results }]) => ({
      folder: name,
      result: aggregate(plan, results),
      manifest: null,
      files: [],
    }));
    const [{ bounds }] = planBounds(madeOf("base").plan, 3600);
    const board = leaderboard(settingsOf(found), {
      attainment: 0.95,
      withinSeconds: 3600,
      bound: bounds.metrics,
      boundReason: null,
      overhead: null,
    });
    const leaders = board.rows.filter(({ leads }) => leads);
    expect(leaders.length).toBe(12);
    expect(board.rows.filter(({ equal }) => equal !== null).length).toBe(12);
    expect(new Set(board.fronts.map(({ setting }) => setting))).toEqual(
      new Set(["cross-base", "cross-weights"]),
    );
    for (const { tau } of board.verdicts.filter(({ setting }) => setting === "cross-base")) {
      expect([1, null]).toContain(tau);
    }
    // Of all settings but those of swept weights.
    const compared = new Set(board.verdicts.map(({ setting }) => setting));
    expect(compared.size).toBe(board.settings.length - 1);
    for (const table of leaderboardTables(board)) expect(renderMarkdown(table).length).toBeGreaterThan(200);
  });

  test("placements agree as they must, and the matrix is printed", () => {
    const { plan, results } = madeOf("base");
    const sketches = new Map(
      plan.runs.map(({ key, router }) => [router.label, results.get(key)?.placements as PlacementSketch]),
    );
    const agreement = (a: string, b: string) =>
      placementAgreement(sketches.get(a) as PlacementSketch, sketches.get(b) as PlacementSketch);
    // Without sessions there is no prefix to be near to.
    expect(agreement("prefix-affinity", "shortest-queue")).toBe(1);
    expect(agreement("gar-eps", "gar-strict")).toBeGreaterThan(agreement("gar-eps", "random"));
    // Twelve endpoints, of which requests that need the large model may go to eight: chance agrees in a tenth.
    expect(agreement("random", "round-robin")).toBeLessThan(0.2);
    // One plan for the cleanest grid, one for all alike.
    expect(agreement("greedy-carbon", "uniform")).toBeLessThan(0.9);
    const labels = [...sketches.keys()];
    for (const [i, a] of labels.entries()) {
      for (const b of labels.slice(0, i)) expect(agreement(a, b)).toBe(agreement(b, a));
    }
    process.stdout.write(matrixText(labels, agreement));
  });
});

/** Whole percent, a column for each router under its number. */
function matrixText(labels: readonly string[], agreement: (a: string, b: string) => number): string {
  const width = Math.max(...labels.map((label) => label.length)) + 4;
  const head = `${" ".repeat(width)}${labels.map((_, i) => `${i + 1}`.padStart(4)).join("")}`;
  const rows = labels.map((a, i) => {
    const cells = labels.slice(0, i + 1).map((b) => `${Math.round(100 * agreement(a, b))}`.padStart(4));
    return `${`${i + 1} ${a}`.padEnd(width)}${cells.join("")}`;
  });
  return `\nShare of the same requests that two routers first placed on the same endpoint, percent\n${[head, ...rows].join("\n")}\n`;
}
