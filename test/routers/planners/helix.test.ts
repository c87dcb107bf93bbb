import { beforeAll, expect, test } from "vitest";
import { helixPlanner, sharesOf } from "../../../src/routers/planners/helix.ts";
import { expectSound, plannerRun } from "./planner-runs.ts";

let setting: Awaited<ReturnType<typeof plannerRun>>;
beforeAll(async () => {
  setting = await plannerRun(2);
});

test("flows of 4 and 3 give shares .5714 and .4286 (MARLIN baselines, facts)", () => {
  const shares = sharesOf([4, 3], [1, 1], { leastLinkShare: 0.05, groups: 0 });
  expect(shares[0]).toBeCloseTo(0.5714, 4);
  expect(shares[1]).toBeCloseTo(0.4286, 4);
});

test("seven groups by interleaved round robin: 4, 2 and 1 of flows 100, 50 and 25 (facts)", () => {
  const shares = sharesOf([100, 50, 25], [1, 1, 1], { leastLinkShare: 0.05, groups: 7 });
  for (const [d, count] of [4, 2, 1].entries()) expect(shares[d]).toBeCloseTo(count / 7, 12);
});

test("with more groups the round robin comes to the flows' shares", () => {
  const flows = [31, 17, 5, 47];
  const grouped = sharesOf(flows, flows, { leastLinkShare: 0.05, groups: 5000 });
  for (const [d, flow] of flows.entries()) expect(Math.abs(grouped[d] - flow / 100)).toBeLessThan(1 / 1000);
});

test("links below 5 % are left out, unless all are; without flow capacities count, then nothing", () => {
  const rule = { leastLinkShare: 0.05, groups: 0 };
  expect([...sharesOf([48, 48, 4], [1, 1, 1], rule)]).toEqual([0.5, 0.5, 0]);
  expect([...sharesOf(new Array(25).fill(1), [], rule)]).toEqual(new Array(25).fill(1 / 25));
  expect([...sharesOf([0, 0], [1, 3], rule)]).toEqual([0.25, 0.75]);
  expect([...sharesOf([0, 0], [0, 0], rule)]).toEqual([0.5, 0.5]);
});

test("where links are wide shares are those of the capacities, and nothing is called", () => {
  const { world, run } = setting;
  const result = expectSound(setting, () => helixPlanner(world));
  expect(result.calls).toBe(0);
  const capacities: number[][] = [];
  run({
    name: "looking",
    plan: (state, budget, plan) => {
      capacities.push([...budget.capacity]);
      plan.fill(1 / state.sites);
    },
  });
  for (const [e, { plan }] of result.epochs.entries()) {
    for (let v = 0; v < 2; v++) {
      const own = capacities[e].slice(4 * v, 4 * v + 4);
      const sum = own.reduce((one, other) => one + other, 0);
      for (let d = 0; d < 4; d++) expect(plan[4 * v + d]).toBeCloseTo(own[d] / sum, 9);
    }
  }
});

test("rows by origin: each origin's own flows, nearest datacentres first, all capacity used", async () => {
  const byOrigin = await plannerRun(1, { planRows: "origins" });
  const { world, run } = byOrigin;
  const { plan } = expectSound(byOrigin, () => helixPlanner(world)).epochs[0];
  const { epochs } = run(helixPlanner(setting.world, {}), { world: setting.world });
  // Four origins at the four sites, a quarter each, like the capacity: every origin keeps its own.
  for (let o = 0; o < 4; o++) {
    for (let v = 0; v < 2; v++) {
      const row = [...plan.subarray((o * 2 + v) * 4, (o * 2 + v + 1) * 4)];
      expect(row[o]).toBeCloseTo(1, 9);
    }
  }
  for (let d = 0; d < 4; d++) expect(epochs[0].plan[d]).toBeCloseTo(0.25, 9);
});

test("narrow links are the limit instead of capacity: then origins send to all", async () => {
  const { world, run } = await plannerRun(1, { planRows: "origins" });
  const { plan } = run(helixPlanner(world, { linkBytesPerSecond: 1000 })).epochs[0];
  for (const share of plan) expect(share).toBeCloseTo(0.25, 9);
});
