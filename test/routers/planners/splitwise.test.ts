import { beforeAll, describe, expect, test } from "vitest";
import { SITES } from "../../../src/datacenter/sites.ts";
import { splitwisePlanner } from "../../../src/routers/planners/splitwise.ts";
import {
  assignPhases,
  finishPhase,
  kvTransferSeconds,
  type PhaseInstance,
} from "../../../src/routers/planners/splitwise-rule.ts";
import { expectSound, plannerRun } from "./planner-runs.ts";

let setting: Awaited<ReturnType<typeof plannerRun>>;
beforeAll(async () => {
  setting = await plannerRun(2);
});

const instance = (home: "prompt" | "token", pending: number, memory: number): PhaseInstance => ({
  home,
  pool: home,
  pending,
  memory,
  pendingLimit: 20,
  memoryLimit: 20,
});
const task = (pending: number, memory: number) => ({
  pending: new Array(4).fill(pending),
  memory: new Array(4).fill(memory),
});

describe("the mixed-pool rule", () => {
  test("pending 10 and 4, memory 7 and 9: prompt to the second, token to the first (facts)", () => {
    const all = [
      instance("prompt", 10, 0),
      instance("prompt", 4, 0),
      instance("token", 0, 7),
      instance("token", 0, 9),
    ];
    expect(assignPhases(all, task(3, 2))).toEqual({ prompt: 1, token: 2 });
    expect(all.map(({ pending }) => pending)).toEqual([10, 7, 0, 0]);
    expect(all.map(({ memory }) => memory)).toEqual([0, 2, 9, 9]);
    expect(all.map(({ pool }) => pool)).toEqual(["prompt", "prompt", "token", "token"]);
  });

  test("a full prompt pool draws a token instance into the mixed pool, which goes home when empty", () => {
    const all = [instance("prompt", 19, 0), instance("token", 0, 5), instance("token", 0, 0)];
    const choice = assignPhases(all, task(3, 2));
    expect(choice).toEqual({ prompt: 1, token: 2 });
    expect(all[1].pool).toBe("mixed");
    finishPhase(all[1], 3, 2);
    expect(all[1].pool).toBe("mixed");
    finishPhase(all[1], 0, 5);
    expect(all[1]).toMatchObject({ pool: "token", pending: 0, memory: 0 });
  });

  test("a mixed instance takes both phases of a request once", () => {
    const all = [instance("prompt", 19, 0), instance("token", 0, 0)];
    expect(assignPhases(all, task(3, 2))).toEqual({ prompt: 1, token: 1 });
    expect(all[1]).toMatchObject({ pool: "mixed", pending: 3, memory: 2 });
  });

  test("a long prompt is taken where nothing waits; memory that would reach the limit is refused", () => {
    const all = [instance("prompt", 0, 0), instance("token", 0, 18), instance("token", 0, 17)];
    expect(assignPhases(all, task(50, 2))).toEqual({ prompt: 0, token: 2 });
  });

  test("where all refuse, both phases go to the least pending of all", () => {
    const all = [instance("prompt", 19, 20), instance("prompt", 18, 20), instance("token", 18.5, 20)];
    expect(assignPhases(all, task(3, 2))).toEqual({ prompt: 1, token: 1 });
  });
});

test("1,000 tokens of 131,072 B take 0.610 ms at 200 GiB/s and 0.655 ms at 200 GB/s (facts)", () => {
  expect(kvTransferSeconds(1000, 131072) * 1000).toBeCloseTo(0.61, 3);
  expect(kvTransferSeconds(1000, 131072, 200e9) * 1000).toBeCloseTo(0.655, 3);
  expect(kvTransferSeconds(1000, 131072, undefined, true)).toBeCloseTo(
    kvTransferSeconds(1000, 131072) / 10,
    15,
  );
});

test("equal datacentres get equal shares, and nothing is called", () => {
  const result = expectSound(setting, () => splitwisePlanner(setting.world));
  expect(result.calls).toBe(0);
  expect(result.excessShare).toBeLessThan(1e-9);
  for (const { plan } of result.epochs) {
    for (const share of plan) expect(Math.abs(share - 0.25)).toBeLessThan(0.02);
  }
});

test("a datacentre without nodes that decode has no joint room: it is used last", async () => {
  // The first site has H100s alone.
  const uneven = await plannerRun(1, {
    sites: SITES.slice(0, 4).map((site, d) => ({
      ...site,
      nodes: d === 0 ? [0, 0, 0, 200, 200, 200] : [200, 200, 200, 100, 100, 100],
    })),
  });
  const { plan } = expectSound(uneven, () => splitwisePlanner(uneven.world)).epochs[0];
  for (let v = 0; v < 2; v++) {
    const shares = [...plan.subarray(4 * v, 4 * v + 4)];
    expect(shares[0]).toBeLessThan(Math.min(...shares.slice(1)));
  }
});

test("what is beyond all capacity is shared evenly over it", () => {
  const planner = splitwisePlanner(setting.world);
  const { epochs } = setting.run({
    name: "tenfold",
    plan: (state, budget, plan) => {
      const expectedRequests = state.expectedRequests.map((requests) => 10 * requests);
      planner.plan({ ...state, expectedRequests }, budget, plan);
    },
  });
  for (const share of epochs[0].plan) expect(Math.abs(share - 0.25)).toBeLessThan(0.02);
  expect(planner.figures!().mixedInstances).toBeGreaterThan(0);
});
