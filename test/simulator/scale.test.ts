/**
 * Long runs: memory does not grow with their length, and the work for a request does not either. Work is counted,
 * not timed: counts are the same on every machine.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, it } from "vitest";
import type { Fleet } from "../../src/fleet/fleet.ts";
import { SummarySink } from "../../src/metrics/summary-sink.ts";
import { TeeSink } from "../../src/metrics/tee-sink.ts";
import type { Router } from "../../src/routers/contract.ts";
import { createRouter, findRouter } from "../../src/routers/registry.ts";
import { EndpointState } from "../../src/simulator/endpoint-state.ts";
import { Meter } from "../../src/simulator/meter.ts";
import type { RecordColumns, RecordSink, RunTotals } from "../../src/simulator/options.ts";
import { Replica } from "../../src/simulator/replica.ts";
import { simulate } from "../../src/simulator/simulate.ts";
import type { Workload } from "../../src/workload/requests.ts";
import { SessionWorkload } from "../../src/workload/sessions.ts";
import { SyntheticWorkload } from "../../src/workload/synthetic.ts";
import { fleetOf, optionsOf, track } from "../oracle/build.ts";
import { restoreAll, sabotage } from "./sabotage.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Eight endpoints of one replica each under the law of the facts, which are hardly ever idle under these loads. */
const fleet: Fleet = fleetOf({
  regions: [{ carbon: track(Array.from({ length: 200 }, (_, i) => [i * 300, 100 + ((i * 37) % 400)])) }],
  endpoints: Array.from({ length: 8 }, () => ({ batching: { kvBlocks: 2000 } })),
});

function chat(requests: number, logOutput = 3): Workload {
  return new SyntheticWorkload({
    seed: 5,
    requests,
    arrival: { process: "poisson", ratePerSecond: 150 },
    prompt: { dist: "lognormal", mu: 5, sigma: 0.8, max: 2000 },
    output: { dist: "lognormal", mu: logOutput, sigma: 0.8, max: 400 },
  });
}

function agents(requests: number): Workload {
  return new SessionWorkload({
    seed: 5,
    requests,
    arrival: { process: "poisson", ratePerSecond: 20 },
    steps: { dist: "uniform", min: 1, max: 12 },
    firstContext: { dist: "constant", value: 100 },
    prompt: { dist: "uniform", min: 1, max: 60 },
    output: { dist: "uniform", min: 1, max: 8 },
    think: { dist: "uniform", min: 0, max: 2 },
  });
}

function leastLoaded(): Router {
  const router = createRouter(findRouter("least-loaded"), {}, "test").router as Router;
  return Object.assign(router, { needs: { telemetry: true, completions: true }, completion: () => {} });
}

function summary(workload: Workload): SummarySink {
  const groupOf = fleet.endpoints.map((endpoint) => endpoint.group);
  const { tiers } = workload;
  const groups = fleet.groups.length;
  return new SummarySink({
    tiers,
    latency: "ttft",
    groupOf,
    groups,
    firstCounted: 0,
    timeline: true,
    sketch: true,
  });
}

function run(workload: Workload, sink: RecordSink): RunTotals {
  return simulate(
    optionsOf({ fleet, workload, router: leastLoaded(), horizonSeconds: 3000, signalIntervalSeconds: 5 }),
    sink,
  );
}

/** Looks at the memory in use near the end of a run, while everything of the run is alive. */
class MemoryProbe implements RecordSink {
  slots = 0;
  bytes = 0;
  readonly #atFinish: number;
  #finished = 0;
  #columns: RecordColumns | undefined;

  constructor(atFinish: number) {
    this.#atFinish = atFinish;
  }

  begin(columns: RecordColumns): void {
    this.#columns = columns;
  }

  finished(): void {
    if (++this.#finished !== this.#atFinish) return;
    collectGarbage();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    this.bytes = heapUsed + arrayBuffers;
    this.slots = (this.#columns as RecordColumns).id.length;
  }

  placed(): void {}
  rejected(): void {}
  unfinished(): void {}
  weights(): void {}
}

describe("memory", () => {
  it.each([
    ["independent requests", (requests: number) => chat(requests, 0), 400_000],
    ["sessions", agents, 80_000],
  ] as const)("%s: a run eight times as long takes no more", (_name, workloadOf, requests) => {
    const probed = (length: number) => {
      const workload = workloadOf(length);
      const probe = new MemoryProbe(length - 1000);
      run(workload, new TeeSink(summary(workload), probe));
      return probe;
    };
    // The first run compiles and fills what stays for ever.
    probed(5000);
    const short = probed(requests / 8);
    const long = probed(requests);
    expect(long.slots).toBe(short.slots);
    expect(short.bytes).toBeGreaterThan(0);
    // Collected heaps differ by a few 100 kB from run to run; 20 bytes a request would be seen.
    expect(long.bytes - short.bytes).toBeLessThan(1_400_000);
  });
});

describe("work", () => {
  afterEach(restoreAll);

  /** Counts calls of the methods that a run spends its time in. */
  function counted(requests: number) {
    const calls = { replicaAdvances: 0, endpointAdvances: 0, segments: 0 };
    const countCalls = <T extends object, K extends keyof T>(of: T, name: K, as: keyof typeof calls) =>
      sabotage(
        of,
        name,
        (original) =>
          function (this: unknown, ...args: unknown[]) {
            calls[as]++;
            return (original as (...args: unknown[]) => unknown).apply(this, args);
          } as T[K],
      );
    countCalls(Replica.prototype, "advance", "replicaAdvances");
    countCalls(EndpointState.prototype, "advance", "endpointAdvances");
    countCalls(Meter.prototype, "busy", "segments");
    const workload = chat(requests);
    const totals = run(workload, summary(workload));
    restoreAll();
    const iterations = totals.endpoints.reduce((sum, endpoint) => sum + endpoint.iterations, 0);
    return { ...calls, iterations, routerCalls: totals.routerCalls, snapshots: totals.telemetrySnapshots };
  }

  /** Change these with the cause: what the run is, or how much work the simulator makes of it. */
  it("of 10,000 requests does not grow", () => {
    const { iterations, routerCalls, snapshots, ...calls } = counted(10_000);
    expect({ iterations, routerCalls, snapshots }).toEqual({
      iterations: 68_656,
      routerCalls: 10_000,
      snapshots: 662,
    });
    expect(calls.replicaAdvances).toBeLessThanOrEqual(15_288);
    expect(calls.endpointAdvances).toBeLessThanOrEqual(5288);
    expect(calls.segments).toBeLessThanOrEqual(25_438);
  });

  it("for a request is the same in a run ten times as long", () => {
    const short = counted(10_000);
    const long = counted(100_000);
    for (const [name, count] of Object.entries(short)) {
      const ratio = long[name as keyof typeof short] / (10 * count);
      expect(Math.abs(ratio - 1), name).toBeLessThan(0.02);
    }
  });
});
