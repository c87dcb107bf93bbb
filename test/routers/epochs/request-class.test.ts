import { describe, expect, test } from "vitest";
import { EpochModel } from "../../../src/datacenter/epoch-model.ts";
import type { emptyState } from "../../../src/datacenter/epoch-state.ts";
import { ClassPlanner } from "../../../src/routers/epochs/class-planner.ts";
import { copOf, requestClass } from "../../../src/routers/epochs/request-class.ts";
import { FakeHost } from "../fake-host.ts";

/** 10 ms a step and 1 ms for each sequence, 0.1 ms for a prompt token, batches of 8. */
const engine = {
  stepSeconds: 0.01,
  stepSecondsPerSequence: 0.001,
  prefillSecondsPerToken: 1e-4,
  maxRequests: 8,
};
const options = { ttft: "simulated", consolidation: false } as const;

function twoRegions() {
  const host = new FakeHost({
    endpoints: [
      { region: 0, ...engine, roundTripSeconds: 0.01 },
      { region: 0, ...engine, roundTripSeconds: 0.03 },
      { region: 1, ...engine, roundTripSeconds: 0.08, usdPerReplicaSecond: 0.002 },
    ],
    carbon: [400, 100],
    meanPromptTokens: 500,
    meanOutputTokens: 100,
  });
  host.world.regions.pue.set([1.2, 1]);
  host.world.regions.siteLitresPerItKwh.set([1.8, 0.5]);
  host.world.regions.gridLitresPerKwh.set([3, 7]);
  return host;
}

describe("a fleet as datacentres", () => {
  test("regions are sites, replicas nodes, and half the round trip is the way there", () => {
    const { world, site, nodes, rate } = requestClass(twoRegions().world, [0, 1, 2], "any", options);
    const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);
    expect(world.sites.map((one) => total(one.nodes))).toEqual([2, 1]);
    expect([...world.networkSeconds]).toEqual([expect.closeTo(0.01, 12), expect.closeTo(0.04, 12)]);
    expect([...site]).toEqual([0, 0, 1]);
    expect([...nodes]).toEqual([1, 1, 1]);
    // A full batch: 1 / (0.05 + 100 (0.001 + 0.01 / 8)) requests a second.
    expect(rate[0]).toBeCloseTo(1 / 0.275, 10);
  });

  test("P-states are the law's: 100 W idle, 300 W at half a batch, 500 W for prompts", () => {
    const { world } = requestClass(twoRegions().world, [0, 2], "any", options);
    expect(world.nodeTypes[0].tdpWatts).toBe(500);
    expect(world.power).toEqual({ off: 0.2, idle: 0.2, mid: 0.6, full: 1, midUpTo: 0.5 });
  });

  test("a kWh costs what the meters of requests charge: PUE times the grid, and the site's water", () => {
    const host = twoRegions();
    host.world.signals.energyPrice.set([0.1, 0.2]);
    const own = requestClass(host.world, [0, 1, 2], "any", options);
    const planner = new ClassPlanner(own, fixed([0.25, 0.75]), 900);
    for (let i = 0; i < 900; i++) planner.arrivals++;
    planner.next(1, host.world, new Uint8Array(3).fill(1));
    const { state, metrics } = seen;
    const model = new EpochModel(own.world);
    const detail = model.detail(state(), Float64Array.of(0.25, 0.75));
    const [a, b] = detail.siteItKwh;
    expect(a).toBeGreaterThan(0);
    expect(metrics()[1]).toBeCloseTo(a * 1.2 * 0.4 + b * 1.01 * 0.1, 10);
    expect(metrics()[2]).toBeCloseTo(a * (1.8 + 1.2 * 3) + b * (0.5 + 1.01 * 7), 10);
    expect(metrics()[3]).toBeCloseTo(a * 1.2 * 0.1 + b * 1.01 * 0.2, 10);
  });

  test("a PUE of 1 counts as 1.01, others are themselves", () => {
    const { world } = requestClass(twoRegions().world, [0, 2], "any", options);
    const factor = (pue: number) => 1 + world.physics.coolingPerCrac / copOf(pue, world);
    expect(factor(1.2)).toBeCloseTo(1.2, 12);
    expect(factor(1.07)).toBeCloseTo(1.07, 12);
    expect(factor(1)).toBeCloseTo(1.01, 12);
  });

  test("where energy has no price it is the rent over rated power", () => {
    const own = requestClass(twoRegions().world, [0, 1, 2], "any", options);
    // 0.001 and 0.002 USD a second for 0.5 kW.
    expect([...own.rentUsdPerKwh]).toEqual([expect.closeTo(7.2, 10), expect.closeTo(14.4, 10)]);
  });
});

/** What the planner below was shown last. */
const seen = {
  last: undefined as ReturnType<typeof emptyState> | undefined,
  out: new Float64Array(4),
  state: () => seen.last as ReturnType<typeof emptyState>,
  metrics: () => seen.out,
};

function fixed(shares: readonly number[]) {
  return {
    name: "fixed",
    plan(
      ...[state, budget, plan]: Parameters<
        import("../../../src/datacenter/simulate-epochs.ts").EpochPlanner["plan"]
      >
    ) {
      plan.set(shares);
      seen.last = state;
      budget.evaluate(plan, seen.out);
    },
  };
}
