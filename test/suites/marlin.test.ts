/** The reduced set of MARLIN's experiments, from the command line to the committed result. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import type { ExperimentResult, ResultRow } from "../../src/experiment/result.ts";
import { findPlanner } from "../../src/routers/planner-registry.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const OUT = temporaryFolder("marlin");

function canopy(...words: string[]): string {
  return execFileSync(process.execPath, ["--import", "tsx", "src/cli/main.ts", ...words], {
    cwd: ROOT,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 1 << 28,
  });
}

/** Metrics that are the same on every machine. */
function lasting({ metrics }: ResultRow): ResultRow["metrics"] {
  const { planning_s_per_epoch: _, ...rest } = metrics;
  return rest;
}

const committed: ExperimentResult = JSON.parse(
  readFileSync(join(ROOT, "results/marlin/marlin-small/result.json"), "utf8"),
);
let made: ExperimentResult;
let texts: string;

beforeAll(() => {
  texts = canopy(
    "run",
    "harness/marlin/small.yaml",
    "--out",
    OUT,
    "--format",
    "json",
    "--workers",
    "2",
    "--quiet",
  );
  made = JSON.parse(texts);
}, 240_000);

const learned = (row: ResultRow) => findPlanner(row.id).learned === true;

describe("harness/marlin/small.yaml", () => {
  test("planners that train nothing do what they did", () => {
    for (const row of made.rows.filter((one) => !learned(one))) {
      const before = committed.rows.find(({ router }) => router === row.router) as ResultRow;
      for (const [name, summary] of Object.entries(lasting(row))) {
        // The worst of all planners is what hypervolumes are measured from, and some of them learn.
        if (name.startsWith("hypervolume")) continue;
        expect(summary, `${row.router}: ${name}`).toEqual(before.metrics[name]);
      }
    }
  });

  test("planners that train networks do so on the same kernels, and nearly so on others", () => {
    const same = JSON.stringify(made.provenance.dense) === JSON.stringify(committed.provenance.dense);
    for (const row of made.rows.filter(learned)) {
      const before = committed.rows.find(({ router }) => router === row.router) as ResultRow;
      if (same) expect(lasting(row), row.router).toEqual(lasting(before));
      const [now, then] = [row, before].map(({ metrics }) => metrics["objective"]);
      const width = ([low, high]: readonly [number, number]) => high - low;
      const spread = width(now.ci95 ?? [0, 0]) + width(then.ci95 ?? [0, 0]);
      expect(Math.abs((now.mean ?? 0) - (then.mean ?? 0)), row.router).toBeLessThanOrEqual(spread);
    }
  });

  test("no plan within capacity is below its bound, and even shares have the relative value 1", () => {
    for (const row of made.rows) {
      if ((row.metrics["excess_fraction"].mean ?? 1) > 0) continue;
      for (const [name, { mean }] of Object.entries(row.metrics)) {
        if (name.endsWith("_above_bound_fraction")) {
          expect(mean, `${row.router}: ${name}`).toBeGreaterThanOrEqual(-1e-9);
        }
      }
    }
    const uniform = made.rows.find(({ router }) => router === "uniform") as ResultRow;
    expect(uniform.metrics["objective"].mean).toBeGreaterThanOrEqual(1);
    expect(uniform.metrics["objective"].mean).toBeLessThan(1.1);
  });

  test("nobody asks the model more often than all may", () => {
    for (const { router, metrics } of made.rows) {
      expect(metrics["calls_per_epoch"].mean, router).toBeLessThanOrEqual(45);
    }
  });

  test("a second time nothing is left to do, and one thread gives the same", () => {
    expect(canopy("run", "harness/marlin/small.yaml", "--out", OUT, "--format", "json", "--quiet")).toBe(
      texts,
    );
    const set = ["--set", "planners=[uniform, qlearning, slit]", "--set", "outputs={}", "--format", "json"];
    const here = (workers: string) =>
      JSON.parse(
        canopy(
          "run",
          "harness/marlin/small.yaml",
          ...set,
          "--quiet",
          "--workers",
          workers,
          "--out",
          join(OUT, workers),
        ),
      ) as ExperimentResult;
    expect(here("0").rows.map(lasting)).toEqual(here("2").rows.map(lasting));
  }, 120_000);
});
