import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EpochModel, EXCESS_SHARE, OFF_SHARE } from "../../src/datacenter/epoch-model.ts";
import { emptyState } from "../../src/datacenter/epoch-state.ts";
import { NODE_TYPES } from "../../src/datacenter/node-types.ts";
import { paperWorld, roundWorld, someState } from "./worlds.ts";

const ALONE = Float64Array.of(1);

describe("one site, ten nodes of 1 kW, 450 requests an epoch each, filled to 0.8", () => {
  const world = roundWorld();
  const model = new EpochModel(world);
  const at = (requests: number) => {
    const state = emptyState(world);
    state.expectedRequests[0] = requests;
    state.cop[0] = 3;
    state.carbonKgPerKwh[0] = 0.4;
    state.waterLPerKwh[0] = 1.8;
    state.usdPerKwh[0] = 0.12;
    return state;
  };

  test("capacity is ten nodes of 360", () => {
    const out = new Float64Array(1);
    model.capacity(at(0), out);
    expect(out[0]).toBeCloseTo(3600, 9);
  });

  test.each([
    [0, 0, 0],
    [360, 1, 1],
    [1080, 3, 3],
    // A quarter of a node's 360 is a load of 0.2: mid. Seven tenths are 0.56: full.
    [1170, 4, 3.6],
    [1332, 4, 4],
    [3600, 10, 10],
  ])("%d requests keep %d nodes on, with the power of %d", (requests, on, full) => {
    const detail = model.detail(at(requests), ALONE);
    expect(detail.nodesOn[0]).toBe(on);
    expect(detail.offShare).toBeCloseTo(1 - on / 10, 12);
    expect(detail.itKwh).toBeCloseTo(full * 0.25, 12);
    expect(detail.excessRequests).toBe(0);
  });

  test("the facts of the specification: 1.25 kWh of IT are 2.6625 kWh, 8.925 L, 1.067 kg and 0.3195 $", () => {
    const state = at(5 * 360);
    const out = new Float64Array(4);
    model.evaluate(state, ALONE, out);
    expect(out[1]).toBeCloseTo(1.06697673, 8);
    expect(out[2]).toBeCloseTo(8.925153, 6);
    expect(out[3]).toBeCloseTo(0.3195, 12);
    const detail = model.detail(state, ALONE);
    expect(detail.totalKwh).toBeCloseTo(2.6625, 12);
    expect(detail.coolingKwh).toBeCloseTo(1.25, 12);
    expect(detail.infrastructureKwh).toBeCloseTo(0.1625, 12);
    expect(detail.evaporationLitres).toBeCloseTo(1.836735, 6);
    expect(detail.blowdownLitres).toBeCloseTo(2.295918, 6);
    expect(detail.gridLitres).toBeCloseTo(4.7925, 12);
    expect(detail.gridCarbonKg).toBeCloseTo(1.065, 12);
    expect(detail.waterCarbonKg).toBeCloseTo(0.00197673, 8);
  });

  test("work beyond the capacity is paid for and waited for", () => {
    const out = new Float64Array(6);
    model.evaluate(at(5400), ALONE, out);
    const [over] = out;
    // 15 nodes' worth of energy, half of it after the epoch; load 1.5 waits a quarter of the epoch on average.
    expect(out[3]).toBeCloseTo(3 * 0.3195, 12);
    expect(out[EXCESS_SHARE]).toBeCloseTo(1 / 3, 12);
    model.evaluate(at(3600), ALONE, out);
    expect(over - out[0]).toBeCloseTo(225 / 10, 9);
  });

  test("both times to first token: two ways of a hop count on an empty network, service, a step", () => {
    const detail = model.detail(at(360), ALONE);
    // At load 0.8 of 0.5 requests a second the step is 1/6 s.
    const step = 0.1 / (1 - 0.4);
    const decode = 0.1;
    // An iteration as an arrival sees it: 1/6 s and 0.4 s^2 / (1 - 0.16) of variance over mean; 0.5 + 0.4 of it.
    const wait = 0.9 * (decode / 0.6 + 0.4 / 0.84);
    const running = 0.4 * 10 * step;
    const place = (10 * step * running) / (1 - running);
    expect(detail.networkSeconds).toBeCloseTo(0.001, 12);
    expect(detail.ttftSimSeconds).toBeCloseTo(0.002 + wait + place + 1.1, 9);
    expect(detail.ttftPaperSeconds).toBeCloseTo(0.002 + (wait + place + 1.1) / 10 + step, 9);
  });

  test("a node that leaves off costs an epoch of idle energy, one that is kept on does not", () => {
    const state = at(1080);
    state.nodesOn = Float64Array.of(1);
    expect(model.detail(state, ALONE).bootKwh).toBeCloseTo(2 * 0.25 * 0.25, 12);
    state.nodesOn = Float64Array.of(3);
    expect(model.detail(state, ALONE).bootKwh).toBe(0);
    // Ten were loaded ahead for a forecast that did not come true: seven were booted in vain.
    state.nodesWarm = Float64Array.of(10);
    expect(model.detail(state, ALONE).bootKwh).toBeCloseTo(7 * 0.25 * 0.25, 12);
  });

  test("loading weights: the first request of a cold node by equation 3, all that come meanwhile in fact", () => {
    const state = at(1080);
    state.nodesOn = Float64Array.of(1);
    const warm = model.detail(state, ALONE);
    state.nodesWarm = Float64Array.of(1);
    const cold = model.detail(state, ALONE);
    expect(warm.coldNodes).toBe(0);
    expect(cold.coldNodes).toBe(2);
    expect(1080 * (cold.ttftPaperSeconds - warm.ttftPaperSeconds)).toBeCloseTo(2 * 10, 6);
    // 2 of 3 nodes are cold for 10 of 900 s, and who comes then waits 5 s on average.
    expect(cold.ttftSimSeconds - warm.ttftSimSeconds).toBeCloseTo((2 / 3) * (10 / 900) * 5, 9);
    // Without prewarming a plan is charged for what is not on.
    const unprepared = new EpochModel(roundWorld({ prewarm: false }));
    state.nodesWarm = null;
    expect(unprepared.detail(state, ALONE).coldNodes).toBe(2);
  });

  test("spread: every node is on, idle, mid or full", () => {
    const spread = new EpochModel(roundWorld({ consolidation: false }));
    for (const [requests, fraction] of [
      [0, 0.25],
      [2250, 0.6],
      [2251, 1],
      [3600, 1],
    ]) {
      const detail = spread.detail(at(requests), ALONE);
      expect(detail.itKwh).toBeCloseTo(10 * 0.25 * fraction, 12);
      expect(detail.offShare).toBe(0);
    }
    const packed = model.detail(at(3600), ALONE);
    expect(spread.detail(at(3600), ALONE).ttftSimSeconds).toBeCloseTo(packed.ttftSimSeconds, 9);
    expect(spread.detail(at(1000), ALONE).ttftSimSeconds).toBeLessThan(packed.ttftSimSeconds);
    expect(spread.detail(at(5400), ALONE).itKwh).toBeCloseTo(3.75, 9);
  });

  test("a site that is down makes its requests wait a day", () => {
    const state = at(10);
    state.availability[0] = 0;
    expect(model.detail(state, ALONE).ttftSimSeconds).toBeGreaterThan(86_400);
    state.availability[0] = 0.55;
    const out = new Float64Array(1);
    model.capacity(state, out);
    expect(out[0]).toBeCloseTo(5 * 360, 9);
  });
});

describe("the paper's eight datacentres", () => {
  const world = paperWorld();
  const model = new EpochModel(world);
  const state = someState(world, [0.9e8, 2.2e7]);

  test("all nodes serve a model, and both models run out at the same load", () => {
    expect(world.totalNodes).toBe(8000);
    expect(world.nodesOf.reduce((sum, nodes) => sum + nodes, 0)).toBe(8000);
    const capacity = new Float64Array(16);
    model.capacity(state, capacity);
    expect(capacity[0] / 0.8 / (capacity[8] / 0.2)).toBeCloseTo(1, 2);
  });

  test("plans of rows on the simplex: energy is that of the requests, whatever the split", () => {
    const simplex = fc
      .array(fc.double({ min: 0.01, max: 1, noNaN: true }), { minLength: 16, maxLength: 16 })
      .map((values) => {
        const plan = Float64Array.from(values);
        for (const row of [0, 8]) {
          const sum = plan.subarray(row, row + 8).reduce((a, b) => a + b, 0);
          for (let d = 0; d < 8; d++) plan[row + d] /= sum;
        }
        return plan;
      });
    fc.assert(
      fc.property(simplex, (plan) => {
        const detail = model.detail(state, plan);
        const out = new Float64Array(6);
        model.evaluate(state, plan, out);
        expect(out[0]).toBe(detail.ttftPaperSeconds);
        expect(out[1]).toBeCloseTo(detail.gridCarbonKg + detail.waterCarbonKg, 6);
        expect(out[2] / (detail.evaporationLitres + detail.blowdownLitres + detail.gridLitres)).toBeCloseTo(
          1,
          12,
        );
        expect(out[3]).toBeCloseTo(detail.costUsd, 9);
        expect(out[OFF_SHARE]).toBeCloseTo(1 - detail.nodesOn.reduce((a, b) => a + b, 0) / 8000, 12);
        // Served + excess = requests, site by site.
        const capacity = new Float64Array(16);
        model.capacity(state, capacity);
        let excess = 0;
        for (let v = 0; v < 2; v++) {
          for (let d = 0; d < 8; d++) {
            const requests = plan[v * 8 + d] * state.expectedRequests[v];
            expect(detail.loads[d * 2 + v]).toBeCloseTo(requests / capacity[v * 8 + d], 9);
            excess += Math.max(0, requests - capacity[v * 8 + d]);
          }
        }
        expect(detail.excessRequests / 1e6).toBeCloseTo(excess / 1e6, 6);
      }),
      { numRuns: 50 },
    );
  });

  test("energy of a site is convex in its share, to half a node of each model", () => {
    const energy = (share: number) => {
      const plan = new Float64Array(16).fill((1 - share) / 7);
      plan[0] = plan[8] = share;
      return model.detail(state, plan).siteItKwh[0];
    };
    const node = (10.2 * 900) / 3600;
    for (let share = 0.02; share < 0.6; share += 0.01) {
      expect(2 * energy(share)).toBeLessThan(energy(share - 0.02) + energy(share + 0.02) + 4 * node);
    }
  });

  test("rows by origin with every origin alike are a plan with rows by model", () => {
    const byOrigin = paperWorld(8, { planRows: "origins" });
    const other = new EpochModel(byOrigin);
    const plan = Float64Array.from({ length: 16 }, (_, i) => (1 + (i % 8)) / 36);
    const wide = Float64Array.from({ length: 128 }, (_, i) => plan[i % 16]);
    const [a, b] = [new Float64Array(4), new Float64Array(4)];
    model.evaluate(state, plan, a);
    other.evaluate(state, wide, b);
    for (let j = 0; j < 4; j++) expect(b[j] / a[j]).toBeCloseTo(1, 9);
    // Each origin to its own site: the network takes two hops.
    for (let row = 0; row < 16; row++) {
      for (let d = 0; d < 8; d++) wide[row * 8 + d] = d === Math.floor(row / 2) ? 1 : 0;
    }
    expect(other.detail(state, wide).networkSeconds).toBeCloseTo(0.001, 12);
  });

  test("longer prompts need more nodes at once: the tables follow the state", () => {
    const uniform = new Float64Array(16).fill(1 / 8);
    const short = model.detail(state, uniform).itKwh;
    state.promptTokens[0] *= 1.2;
    expect(model.detail(state, uniform).itKwh).toBeGreaterThan(1.05 * short);
    state.promptTokens[0] /= 1.2;
    expect(model.detail(state, uniform).itKwh).toBe(short);
  });
});

test("what a world must not be", () => {
  const code = (run: () => unknown) => {
    try {
      run();
    } catch (error) {
      return `${(error as { code: string }).code} ${(error as Error).message}`;
    }
    return "";
  };
  const small = NODE_TYPES.map((type) => ({ ...type, memoryBytes: 40e9 }));
  expect(code(() => paperWorld(4, { nodeTypes: small }))).toMatch(
    /^CANOPY_DATACENTER_MODEL site ashburn has no node for llama-70b: its weights take 140.0 GB and the largest node has 40.0 GB/,
  );
  expect(
    code(() =>
      paperWorld(1, { sites: [{ name: "x", latitude: 0, longitude: 0, nodes: [0, 0, 1, 0, 0, 0] }] }),
    ),
  ).toMatch(/^CANOPY_DATACENTER_MODEL site x has too few nodes \(1\) to give llama-\d+b one/);
  expect(code(() => paperWorld(4, { fill: 1 }))).toMatch(/^CANOPY_DATACENTER_VALUE fill: /);
  expect(code(() => paperWorld(4, { mix: [1] }))).toMatch(/^CANOPY_DATACENTER_VALUE mix: /);
  const physics = { ...paperWorld().physics, blowdown: { form: "literal", phi: 1 } as const };
  expect(code(() => paperWorld(4, { physics }))).toMatch(/^CANOPY_DATACENTER_VALUE blowdown.phi: /);
});
