import { beforeAll, describe, expect, test } from "vitest";
import { resolveWith } from "../../src/experiment/resolve.ts";
import { type CapturedState, captureState } from "../../src/overhead/capture.ts";
import { measureCell, type RawRow } from "../../src/overhead/measure-cell.ts";
import { ReplayHost } from "../../src/overhead/replay-host.ts";
import { planSetting } from "../../src/overhead/setting.ts";
import type { Router, RouterHost, World } from "../../src/routers/contract.ts";
import type { RunOptions } from "../../src/simulator/options.ts";

/** Requests a second that twelve endpoints serve, or thereabouts: the tests need a state, not its load. */
const CAPACITY = 120;
const BUDGET = { warmUp: 5, batches: 6, calls: 3, bytes: 1, dispatch: 2, control: 2 };

let state: CapturedState;
let optionsOf: (router: Router) => RunOptions;
beforeAll(async () => {
  state = await captureState(12, 0.7, CAPACITY, 8);
  const { runs, inputs } = await planSetting({ endpoints: 12, ratePerSecond: 50, requests: 100 }, []);
  optionsOf = (router) => resolveWith(runs[0], inputs, router, false).options;
}, 60_000);

/** Sends requests round the large endpoints. */
class Rounds implements Router {
  readonly needs = { telemetry: true, completions: true };
  readonly told: number[] = [];
  #host!: RouterHost;
  #next = 0;

  start(_world: World, host: RouterHost): void {
    this.#host = host;
    host.every(0, 0.1, true);
    host.every(1, 10);
  }

  arrival(request: number): void {
    this.#host.place(request, this.#next++ % 8);
  }

  timer(): void {}

  completion(request: number): void {
    this.told.push(request);
  }
}

describe("a captured state", () => {
  test("is that of the fleet at work: all that arrive in the mean are served", () => {
    expect(state.ratePerSecond).toBeCloseTo(0.7 * CAPACITY, 9);
    expect(state.utilisation).toBeGreaterThan(0.02);
    expect(state.utilisation).toBeLessThan(1);
    const { running, waiting, outstanding } = state.telemetry;
    for (let e = 0; e < 12; e++) expect(outstanding[e]).toBe(running[e] + waiting[e]);
    expect(state.requests.promptTokens.every((tokens) => tokens >= 1)).toBe(true);
    expect(state.completions.length).toBeGreaterThan(100);
  });

  test("placements correct the telemetry, and the next snapshot takes them back and tells of their end", () => {
    const router = new Rounds();
    const host = new ReplayHost(optionsOf(router), state);
    host.start();
    const before = host.world.telemetry.outstanding.slice();
    const sent = Array.from({ length: 20 }, () => {
      const request = host.request(Float64Array.of(host.now), 0);
      host.held++;
      router.arrival(request);
      return request;
    });
    const tokens = sent.reduce((sum, request) => sum + host.world.requests.promptTokens[request], 0);
    const sumOf = (column: Float64Array) => column.reduce((sum, value) => sum + value, 0);
    const captured = state.telemetry["queuedPrefillTokens"] as Float64Array;
    expect(host.held).toBe(0);
    expect(sumOf(host.world.telemetry.outstanding) - sumOf(before)).toBe(20);
    expect(sumOf(host.world.telemetry.queuedPrefillTokens) - sumOf(captured)).toBe(tokens);
    host.snapshot();
    expect(host.world.telemetry.outstanding).toEqual(before);
    expect(host.world.telemetry.queuedPrefillTokens).toEqual(captured);
    expect(router.told).toEqual(sent);
  });

  test("time goes on: periodic timers fire at their multiples, those for held requests only while there are some", () => {
    const fired: [number, number][] = [];
    const router: Router = {
      start(_world, host) {
        host.every(0, 0.1, true);
        host.every(1, 2);
        host.at(2, state.atSeconds + 1.5);
      },
      arrival() {},
      timer(id) {
        fired.push([id, host.now]);
      },
    };
    const host = new ReplayHost(optionsOf(router), state);
    host.start();
    host.advance(Float64Array.of(state.atSeconds + 4.5));
    expect(fired).toEqual([
      [2, state.atSeconds + 1.5],
      [1, state.atSeconds + 2],
      [1, state.atSeconds + 4],
    ]);
    host.held = 1;
    host.advance(Float64Array.of(state.atSeconds + 4.65));
    expect(fired).toHaveLength(4);
    expect(fired[3][0]).toBe(0);
  });

  test("every interval of telemetry has one snapshot, however late it is: quotients of large times are rounded down", () => {
    const host = new ReplayHost(optionsOf(new Rounds()), state);
    host.start();
    // 2097596.9 / 0.1 is less than 20975969, 3.7e-9 being the distance of numbers there.
    for (const seconds of [3600, 2097596.55, 4e7]) {
      host.leap(seconds);
      const before = host.snapshots;
      host.advance(Float64Array.of(seconds + 100.05));
      expect(host.snapshots - before).toBeGreaterThanOrEqual(1000);
      expect(host.snapshots - before).toBeLessThanOrEqual(1001);
    }
  });

  test("a router that places what it does not hold is told so", () => {
    const router = new Rounds();
    const host = new ReplayHost(optionsOf(router), state);
    host.start();
    const request = host.request(Float64Array.of(host.now), 0);
    router.arrival(request);
    expect(() => router.arrival(request)).toThrow("does not hold");
  });
});

describe("calls", () => {
  const rowsOf = (router: Router): RawRow[] => {
    const rows: RawRow[] = [];
    measureCell(optionsOf(router), state, BUDGET, false, (row) => rows.push(row));
    return rows;
  };

  test("are measured by kind; a kind that the router does not have says why", () => {
    const rows = rowsOf(new Rounds());
    expect(rows.map(({ kind }) => kind)).toEqual(["request", "dispatch", "control"]);
    for (const { mean, samples } of rows) {
      expect(mean).toBeGreaterThanOrEqual(0);
      expect(samples).toBeGreaterThan(4);
    }
    expect(rows[2].call).toBe("timer 1, every 10 s");
    const idle: Router = {
      start(_world, host) {
        this.arrival = (request) => host.place(request, 0);
      },
      arrival() {},
    };
    const [, dispatch, control] = rowsOf(idle);
    expect(dispatch).toMatchObject({
      mean: null,
      reason: "the router has no timer for requests that it holds",
    });
    expect(control).toMatchObject({ mean: null, reason: "the router does nothing between requests" });
  });
});
