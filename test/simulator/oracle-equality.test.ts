import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { FinishWheel } from "../../src/simulator/finish-wheel.ts";
import { Intake } from "../../src/simulator/intake.ts";
import { Meter } from "../../src/simulator/meter.ts";
import type { RunOptions } from "../../src/simulator/options.ts";
import { PrefixCache } from "../../src/simulator/prefix-cache.ts";
import { Replica } from "../../src/simulator/replica.ts";
import { simulate } from "../../src/simulator/simulate.ts";
import { Telemetry } from "../../src/simulator/telemetry.ts";
import { arbitraryRun } from "../oracle/arbitrary.ts";
import type { Simulate } from "../oracle/build.ts";
import { firstDifference } from "../oracle/equality.ts";
import { runOracle } from "../oracle/run-oracle.ts";
import { restoreAll, sabotage } from "./sabotage.ts";

/** Random runs here; `npm run test:oracle` compares many more. */
const RUNS = 150;
/** A mutation has to show within so many random runs of a fixed seed. */
const RUNS_TO_SHOW = 120;
const SEED = 20_260_101;

describe("the fast path and the naive oracle", () => {
  test("agree on every random run", () => {
    fc.assert(
      fc.property(arbitraryRun, (config) => {
        expect(firstDifference(config, simulate, runOracle)).toBeNull();
      }),
      { numRuns: RUNS, seed: SEED },
    );
  }, 120_000);
});

const sample = fc.sample(arbitraryRun, { seed: SEED, numRuns: RUNS_TO_SHOW });

function isNoticed(fast: Simulate, oracle: Simulate): boolean {
  return sample.some((config) => firstDifference(config, fast, oracle) !== null);
}

describe("a mutation of the fast path is noticed:", () => {
  afterEach(restoreAll);

  const mutations: readonly [string, () => void][] = [
    [
      "decode steps that take no KV blocks",
      () => sabotage(Replica.prototype, "blocksForDecodeStep", () => () => 0),
    ],
    [
      "a request that never needs a block",
      () => sabotage(Replica.prototype, "needsBlock", () => () => false),
    ],
    [
      "a finish one step late",
      () =>
        sabotage(
          FinishWheel.prototype,
          "insert",
          (original) =>
            function (this: FinishWheel, request, step) {
              original.call(this, request, step + 1);
            },
        ),
    ],
    [
      "a run of decode steps that passes a finish",
      () =>
        sabotage(
          FinishWheel.prototype,
          "distanceAfter",
          (original) =>
            function (this: FinishWheel, step) {
              return original.call(this, step) + 1;
            },
        ),
    ],
    [
      "a prefix cache that is never shrunk",
      () => sabotage(PrefixCache.prototype, "shrinkTo", () => () => {}),
    ],
    [
      "busy power off by a millionth",
      () =>
        sabotage(
          Meter.prototype,
          "busy",
          (original) =>
            function (this: Meter, from, to, watts) {
              original.call(this, from, to, watts * (1 + 1e-6));
            },
        ),
    ],
    [
      "placements that telemetry does not count",
      () => sabotage(Telemetry.prototype, "placed", () => () => {}),
    ],
    [
      "sessions' next steps a nanosecond late",
      () =>
        sabotage(
          Intake.prototype,
          "arrive",
          (original) =>
            function (this: Intake, request, at) {
              original.call(this, request, at + 1e-9);
            },
        ),
    ],
    [
      "a preempted request that waits behind the others",
      () =>
        sabotage(
          Replica.prototype,
          "preempt",
          (original) =>
            function (this: Replica, request) {
              original.call(this, request);
              this.waiting.remove(request);
              this.waiting.pushBack(request);
            },
        ),
    ],
    [
      "a request admitted without computing its last token",
      () =>
        sabotage(
          Replica.prototype,
          "enqueue",
          (original) =>
            function (this: Replica, request, t) {
              original.call(this, request, t);
              if (this.table.target[request] > 1) this.table.target[request]--;
            },
        ),
    ],
  ];
  test.each(mutations)("%s", (_name, mutate) => {
    mutate();
    expect(isNoticed(simulate, runOracle)).toBe(true);
  });
});

describe("a mutation of the oracle is noticed:", () => {
  type Change = (options: RunOptions) => RunOptions;
  const batching = (change: Partial<RunOptions["fleet"]["endpoints"][number]["batching"]>): Change => {
    return (options) => ({
      ...options,
      fleet: {
        ...options.fleet,
        endpoints: options.fleet.endpoints.map((endpoint) => ({
          ...endpoint,
          batching: { ...endpoint.batching, ...change },
        })),
      },
    });
  };
  const mutations: readonly [string, Change][] = [
    ["another order of the waiting queue", batching({ order: "edf" })],
    ["another victim", batching({ victim: "lowest-priority" })],
    ["no watermark", batching({ watermarkFraction: 0 })],
    ["a token of budget less", (options) => batching({ tokenBudget: 1 })(options)],
    ["no prefix reuse", batching({ prefixReuse: false })],
    ["no padded limit", batching({ paddedTokenLimit: 1e9 })],
    [
      "network that takes a microsecond longer",
      (options) => ({
        ...options,
        fleet: {
          ...options.fleet,
          endpoints: options.fleet.endpoints.map((endpoint) => ({
            ...endpoint,
            roundTripSeconds: endpoint.roundTripSeconds + 1e-6,
          })),
        },
      }),
    ],
    ["no faults", (options) => ({ ...options, fleet: { ...options.fleet, faults: [] } })],
    ["telemetry at every call", (options) => ({ ...options, telemetryIntervalSeconds: 0 })],
    [
      "the other latency",
      (options) => ({ ...options, latency: options.latency === "ttft" ? "e2e" : "ttft" }),
    ],
  ];
  test.each(mutations)("%s", (_name, change) => {
    expect(isNoticed(simulate, (options, sink) => runOracle(change(options), sink))).toBe(true);
  });
});
