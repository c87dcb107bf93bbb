/** What happens only after very many iterations: brought about by counters that start where those would end. */
import { afterEach, describe, expect, it } from "vitest";
import { Meter } from "../../src/simulator/meter.ts";
import { Replica } from "../../src/simulator/replica.ts";
import { simulate } from "../../src/simulator/simulate.ts";
import { type EndpointParts, fleetOf, type RecordedRow, runParts } from "../oracle/build.ts";
import { restoreAll, sabotage } from "./sabotage.ts";

afterEach(restoreAll);

const REQUESTS = 3000;
/** Requests that overlap: from the first to the last the replica is never empty. */
const rows = Array.from({ length: REQUESTS }, (_, i) => ({
  arrival: i * 0.02,
  prompt: 10 + ((i * 37) % 50),
  output: 20 + ((i * 13) % 60),
}));
const tight: EndpointParts = {
  batching: { maxRequests: 32, tokenBudget: 64, kvBlocks: 130, blockTokens: 3 },
};

function run(): readonly RecordedRow[] {
  return runParts(simulate, { endpoints: [tight], rows }).sink.rows;
}

function expectSame(found: readonly RecordedRow[], expected: readonly RecordedRow[]): void {
  expect(found.length).toBe(expected.length);
  for (const [i, row] of found.entries()) {
    const { energyJoules, carbonGrams, costUsd, ...rest } = row;
    expect(rest).toEqual({ ...rest, ...withoutCharges(expected[i]) });
    expect(energyJoules / expected[i].energyJoules).toBeCloseTo(1, 9);
    expect(carbonGrams / expected[i].carbonGrams).toBeCloseTo(1, 9);
    expect(costUsd / expected[i].costUsd).toBeCloseTo(1, 9);
  }
}

function withoutCharges({ energyJoules, carbonGrams, costUsd, ...rest }: RecordedRow) {
  return rest;
}

describe("after very many iterations", () => {
  it("numbers of decode steps beyond 32 bits change nothing", () => {
    const expected = run();
    let moved = 0;
    sabotage(
      Replica.prototype,
      "beginDecoding",
      (original) =>
        function (this: Replica, request) {
          original.call(this, request);
          if (moved > 0) return;
          moved++;
          // The first request decodes as if the replica had done nearly 2^31 steps before.
          const { table, wheel } = this;
          const held = table.heldOffset[request] + this.steps;
          const left = table.finishStep[request] - this.steps;
          wheel.remove(request);
          this.steps = 2 ** 31 - 100;
          table.heldOffset[request] = held - this.steps;
          wheel.insert(request, this.steps + left);
        },
    );
    expectSame(run(), expected);
    expect(moved).toBe(1);
  });

  it("so do batches formed", () => {
    const expected = run();
    sabotage(
      Replica.prototype,
      "switchOn",
      (original) =>
        function (this: Replica, ...args) {
          original.apply(this, args);
          this.stamp = 2 ** 31 - 50;
        },
    );
    expectSame(run(), expected);
  });

  it("shares are differences of numbers that stay small though the replica is never empty", () => {
    const readings: number[] = [];
    sabotage(
      Replica.prototype,
      "beginDecoding",
      (original) =>
        function (this: Replica, request) {
          if (readings.length > 0) expect(this.running.length).toBeGreaterThan(1);
          readings.push(this.meter.joulesPerDecode);
          original.call(this, request);
        },
    );
    run();
    const largest = Math.max(...readings);
    expect(largest).toBeLessThan(1.2 * Math.max(...readings.slice(0, readings.length / 2)));
    expect(readings.filter((reading) => reading < largest / 50).length).toBeGreaterThan(50);
  });

  it("sums of charges keep what naive ones lose", () => {
    const fleet = fleetOf({});
    const meter = new Meter(fleet.endpoints[0], fleet.regions[0]);
    const CHARGES = 1e7;
    for (let i = 0; i < CHARGES; i++) {
      meter.busy(0, 0.1, 0.7);
      meter.idle(0, 0.1, 0.3);
    }
    meter.close();
    const exact = [0.1, 0.1 * 0.7, (0.1 * 0.7 * 400) / 3.6e6, 0.1 * 0.3, (0.1 * 0.3 * 400) / 3.6e6];
    const found = [
      meter.busySeconds,
      meter.activeJoules,
      meter.activeGrams,
      meter.idleJoules,
      meter.idleGrams,
    ];
    for (const [i, sum] of found.entries())
      expect(Math.abs(sum / (exact[i] * CHARGES) - 1)).toBeLessThan(2e-12);
  });
});
