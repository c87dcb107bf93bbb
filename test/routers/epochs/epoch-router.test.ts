import { describe, expect, test } from "vitest";
import type { Router } from "../../../src/routers/contract.ts";
import { createRouter, findRouter } from "../../../src/routers/registry.ts";
import { FakeHost } from "../fake-host.ts";

const engine = {
  stepSeconds: 0.01,
  stepSecondsPerSequence: 0.001,
  prefillSecondsPerToken: 1e-4,
  maxRequests: 8,
};

function started(id: string, parameters: object = {}, carbon = [400, 100]) {
  const host = new FakeHost({
    endpoints: [
      { region: 0, ...engine },
      { region: 0, ...engine },
      { region: 1, ...engine },
    ],
    carbon,
    meanPromptTokens: 500,
    meanOutputTokens: 100,
    requestCapacity: 4096,
  });
  const router = createRouter(findRouter(id), { epochSeconds: 100, ...parameters }, "test").router as Router;
  host.start(router);
  return { host, router };
}

/** Arrivals over an epoch, and where they went. */
function epoch(host: FakeHost, arrivals: number): number[] {
  const before = host.placements.length;
  for (let i = 0; i < arrivals; i++) host.arrive();
  const counts = [0, 0, 0];
  for (const { endpoint } of host.placements.slice(before)) counts[endpoint]++;
  host.advance(host.now + 100);
  return counts;
}

describe("epochs as a router", () => {
  test("the first epoch has the shares that endpoints sustain, the next those of the plan", () => {
    const { host } = started("uniform");
    expect(epoch(host, 300)).toEqual([100, 100, 100]);
    // Even shares of the regions: a quarter for each endpoint of the first.
    expect(epoch(host, 300)).toEqual([75, 75, 150]);
  });

  test("the cleaner region is filled up to nine tenths of what it sustains", () => {
    const { host } = started("greedy-carbon");
    epoch(host, 400);
    // 100 s at 0.9 / 0.275 requests a second: 327 of 400, the rest half and half.
    const [first, second, clean] = epoch(host, 400);
    expect(clean).toBeGreaterThanOrEqual(326);
    expect(clean).toBeLessThanOrEqual(328);
    expect(Math.abs(first - second)).toBeLessThanOrEqual(1);
  });

  test("an endpoint that is down has no share, and its region less capacity", () => {
    const { host, router } = started("greedy-carbon", {}, [100, 400]);
    host.world.telemetry.up[0] = 0;
    router.fleet?.(0, "down");
    epoch(host, 500);
    const [down, clean, rest] = epoch(host, 500);
    expect(down).toBe(0);
    expect(clean).toBeGreaterThanOrEqual(326);
    expect(clean).toBeLessThanOrEqual(328);
    expect(clean + rest).toBe(500);
  });

  test("requests that need the large model are planned apart, others kept off it", () => {
    const host = new FakeHost({
      endpoints: [0, 1, 2].map((region) => ({
        region,
        ...engine,
        large: region < 2,
        model: region < 2 ? 0 : 1,
      })),
      carbon: [400, 100, 50],
      requestCapacity: 4096,
      meanPromptTokens: 500,
      meanOutputTokens: 100,
    });
    host.start(createRouter(findRouter("greedy-carbon"), { epochSeconds: 100 }, "test").router as Router);
    for (let e = 0; e < 2; e++) {
      for (let i = 0; i < 100; i++) host.arrive({ needsLarge: i % 2 === 0 });
      host.advance(host.now + 100);
    }
    const second = host.placements.slice(100);
    expect(second.filter(({ endpoint }) => endpoint === 1)).toHaveLength(50);
    expect(second.filter(({ endpoint }) => endpoint === 2)).toHaveLength(50);
  });

  test("the same seed gives the same plans, whatever the planner draws", () => {
    const small = { planner: { steps: 6, batch: 4, learningStarts: 4, actorHidden: [8], criticHidden: [8] } };
    const placed = () => {
      const { host, router } = started("marlin-balanced", small);
      for (let e = 0; e < 4; e++) epoch(host, 200);
      return { placements: host.placements, figures: router.figures?.() };
    };
    const one = placed();
    expect(one.placements).toEqual(placed().placements);
    // Four agents take six steps and a last plan each, then there is the consensus.
    expect(one.figures).toEqual({ planned_epochs: 4, model_calls_per_plan: 29 });
  });

  test("a parameter that the planner does not have is named, with the nearest", () => {
    expect(() => createRouter(findRouter("nsga2"), { planner: { poplation: 8 } }, "here")).toThrow(
      /here: router nsga2: .*"poplation" is not known.*population/,
    );
  });
});
