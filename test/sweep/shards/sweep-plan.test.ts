import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { arraySpec } from "../../../src/sweep/shards/missing.ts";
import {
  cellsOf,
  type PlannedRun,
  readPlan,
  type SweepPlan,
  shardsOf,
  writePlan,
} from "../../../src/sweep/shards/sweep-plan.ts";

/** Points x seeds x routers, each run with a key of its own. */
function grid(points: number, seeds: number, routers: number): Pick<SweepPlan, "points"> {
  return {
    points: Array.from({ length: points }, (_, p) => ({
      labels: { p },
      runs: Array.from({ length: seeds * routers }, (_, i): PlannedRun => {
        const [seed, router] = [Math.floor(i / routers), i % routers];
        return [router, seed, null, `${p}-${seed}-${router}`];
      }),
    })),
  };
}

const size = fc.integer({ min: 1, max: 8 });

describe("division into shards", () => {
  test("every run is in one shard, and no shard has much more than another", () => {
    fc.assert(
      fc.property(size, size, size, fc.integer({ min: 1, max: 20 }), (points, seeds, routers, of) => {
        const plan = grid(points, seeds, routers);
        const cells = cellsOf(plan);
        expect(cells).toHaveLength(points * seeds * routers);
        const shards = shardsOf(plan, cells, of);
        const counts = new Int32Array(of);
        for (const shard of shards) counts[shard]++;
        // Groups of all routers are dealt out, or single runs.
        const most = points * seeds >= 4 * of ? routers : 1;
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(most);
      }),
    );
  });

  test("with many groups the runs of the same requests stay together", () => {
    const plan = grid(10, 4, 3);
    const cells = cellsOf(plan);
    const shards = shardsOf(plan, cells, 5);
    for (let i = 0; i < cells.length; i += 3) expect(new Set(shards.slice(i, i + 3)).size).toBe(1);
    for (let shard = 0; shard < 5; shard++) {
      expect(new Set([...cells.keys()].filter((i) => shards[i] === shard).map((i) => i % 3)).size).toBe(3);
    }
  });

  test("points of the same content share their runs", () => {
    const { points } = grid(2, 1, 2);
    const twice = { points: [...points, { ...points[0], labels: { p: 9 } }] };
    expect(cellsOf(twice)).toEqual(cellsOf({ points }));
  });
});

test.each([
  [[], ""],
  [[3], "3"],
  [[0, 1, 2], "0-2"],
  [[2, 7, 11, 12, 13], "2,7,11-13"],
])("sbatch's words for %j", (numbers, text) => {
  expect(arraySpec(numbers)).toBe(text);
});

test("a plan comes back as it was written; anything else is refused by name", async () => {
  const folder = mkdtempSync(join(tmpdir(), "canopy-plan-"));
  try {
    await expect(readPlan(folder)).rejects.toMatchObject({ code: "CANOPY_FILE_MISSING" });
    const plan = { schema: "canopy/sweep-plan/1", sweep: "s", shards: 2, ...grid(3, 2, 2) } as SweepPlan;
    await writePlan(folder, plan);
    expect(await readPlan(folder)).toEqual(plan);
    await writePlan(folder, { ...plan, schema: "canopy/sweep-plan/0" as SweepPlan["schema"] });
    await expect(readPlan(folder)).rejects.toMatchObject({ code: "CANOPY_SWEEP_PLAN" });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
