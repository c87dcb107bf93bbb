import { describe, expect, test } from "vitest";
import type { Planner } from "../../src/routers/contract.ts";
import { PlannerRouter } from "../../src/routers/planner-adapter.ts";
import { FakeHost } from "./fake-host.ts";

const options = { forecastWeight: 0.3, initialRequests: 50, retrySeconds: 0.1 };

/** Gives fixed shares for each epoch and notes what it was asked. */
function planner(shares: number[][]) {
  const asked: { epoch: number; expected: number }[] = [];
  const plan: Planner = {
    epochSeconds: 900,
    plan(epoch, expected, _world, out) {
      asked.push({ epoch, expected });
      out.set(shares[Math.min(epoch, shares.length - 1)]);
    },
  };
  return { plan, asked };
}

describe("PlannerRouter", () => {
  test("turns shares into placements by smooth weighted round robin", () => {
    const { plan } = planner([[5 / 7, 1 / 7, 1 / 7]]);
    const host = new FakeHost({ endpoints: [{}, {}, {}] });
    host.start(new PlannerRouter(plan, options));
    for (let i = 0; i < 7; i++) host.arrive();
    expect(host.placements.map((p) => p.endpoint)).toEqual([0, 0, 1, 0, 2, 0, 0]);
  });

  test("plans each epoch ahead with an exponentially weighted count of arrivals", () => {
    const { plan, asked } = planner([
      [1, 0],
      [0, 1],
    ]);
    const host = new FakeHost({ endpoints: [{}, {}] });
    const router = host.start(new PlannerRouter(plan, options));
    for (let i = 0; i < 10; i++) host.arrive();
    host.advance(900);
    for (let i = 0; i < 20; i++) host.arrive();
    host.advance(1800);
    host.advance(2700);
    // The first count replaces the guess: 10; then 0.3 * 20 + 0.7 * 10 = 13; then 0.7 * 13.
    expect(asked.map((a) => a.epoch)).toEqual([0, 1, 2, 3]);
    expect(asked.map((a) => a.expected)).toEqual([50, 10, 13, 9.1].map((x) => expect.closeTo(x, 12)));
    expect(router.expectedRequests).toBeCloseTo(9.1, 12);
    expect(host.placements.map((p) => p.endpoint)).toEqual([...Array(10).fill(0), ...Array(20).fill(1)]);
    expect(host.weights.filter((w) => w.requestClass === 0).map((w) => w.weights)).toEqual([
      [1, 0],
      [0, 1],
      [0, 1],
      [0, 1],
    ]);
  });

  test("large requests take their turns among large endpoints, in turn where those have no share", () => {
    const { plan } = planner([[0.5, 0.25, 0.25, 0]]);
    const endpoints = [{ large: false }, {}, {}, {}];
    const host = new FakeHost({ endpoints });
    host.start(new PlannerRouter(plan, options));
    for (let i = 0; i < 4; i++) host.arrive({ needsLarge: true });
    expect(host.placements.map((p) => p.endpoint)).toEqual([1, 2, 1, 2]);

    const without = new FakeHost({ endpoints });
    without.start(new PlannerRouter(planner([[1, 0, 0, 0]]).plan, options));
    for (let i = 0; i < 4; i++) without.arrive({ needsLarge: true });
    expect(without.placements.map((p) => p.endpoint)).toEqual([1, 2, 3, 1]);
  });

  test("an endpoint that is down loses its turns to the others", () => {
    const host = new FakeHost({ endpoints: [{}, {}, {}] });
    host.start(new PlannerRouter(planner([[0.5, 0.5, 0]]).plan, options));
    host.world.telemetry.up[0] = 0;
    for (let i = 0; i < 3; i++) host.arrive();
    expect(host.placements.map((p) => p.endpoint)).toEqual([1, 1, 1]);
    host.world.telemetry.up[1] = 0;
    host.arrive();
    expect(host.placements.at(-1)?.endpoint).toBe(2);
  });

  test("shares that are no shares are a defect of the planner", () => {
    for (const shares of [
      [0.5, 0.4],
      [1.5, -0.5],
      [Number.NaN, 1],
    ]) {
      const host = new FakeHost({ endpoints: [{}, {}] });
      expect(() => host.start(new PlannerRouter(planner([shares]).plan, options))).toThrow(/the planner/);
    }
  });
});
