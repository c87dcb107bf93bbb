import { expect, test } from "vitest";
import { executeRun } from "../../src/experiment/execute-run.ts";
import type { RunResult } from "../../src/experiment/run-spec.ts";
import { planOf } from "../explain/pressed.ts";

const TIMELINE = "outputs.figures=[{ kind: timeline, title: Power, of: power-server }]";

async function runOf(...sets: string[]): Promise<RunResult> {
  const plan = await planOf(sets);
  return executeRun(plan.runs[0], plan.inputs);
}

/** Energy under the power of all groups. */
function joulesUnder({ timeline }: RunResult, boundary: "gpuWatts" | "serverWatts"): number {
  const power = timeline?.power;
  if (power === undefined) throw new Error("no power");
  const { widthSeconds, endSeconds } = power;
  return power[boundary].reduce(
    (sum, watts) =>
      sum +
      (watts ?? [Number.NaN]).reduce(
        (own, value, i) => own + value * (Math.min((i + 1) * widthSeconds, endSeconds) - i * widthSeconds),
        0,
      ),
    0,
  );
}

const HOSTS = ["fleet.0.hostWattsPerReplica=35", "fleet.1.hostWattsPerReplica=20"];

// An endpoint goes down in the midst of its work, requests are preempted, work ends before and after the horizon.
test.each([
  ["to the horizon", []],
  ["to the last finish", ["horizon=last-finish"]],
  ["cut", ["horizon=3", "end=cut"]],
  ["so long that buckets have grown", ["workload.arrival.ratePerS=1.5", "faults=[]"]],
])("power over time is the energy of the run, %s", async (_, sets) => {
  const run = await runOf(TIMELINE, ...HOSTS, ...sets);
  const { metrics } = run;
  const finished = metrics["finished"] ?? Number.NaN;
  const gpu = (metrics["energy_j_per_request"] ?? Number.NaN) * finished;
  const server = (metrics["energy_server_j_per_request"] ?? Number.NaN) * finished;
  expect(server).toBeGreaterThan(gpu);
  expect(joulesUnder(run, "gpuWatts") / gpu).toBeCloseTo(1, 7);
  expect(joulesUnder(run, "serverWatts") / server).toBeCloseTo(1, 7);
});

test("a group that gets nothing draws idle power and that of its hosts all the time", async () => {
  const { timeline } = await runOf(TIMELINE, ...HOSTS, "workload.requests=1", "horizon=1", "faults=[]");
  expect(timeline?.groups).toEqual(["here/m", "there/m"]);
  const { gpuWatts = [], serverWatts = [] } = timeline?.power ?? {};
  expect(new Set(gpuWatts[1])).toEqual(new Set([0]));
  expect(new Set(serverWatts[1])).toEqual(new Set([100 + 20]));
  // Four replicas, of which one has worked for a while.
  expect(Math.min(...(serverWatts[0] ?? []))).toBeCloseTo(4 * (100 + 35), 6);
  expect(Math.max(...(serverWatts[0] ?? []))).toBeGreaterThan(4 * (100 + 35) + 50);
});

test("keeping it changes nothing else, and nobody listens where no figure is over time", async () => {
  const [without, kept] = [await runOf(), await runOf(TIMELINE)];
  expect(without.timeline).toBeNull();
  expect(kept.metrics).toEqual(without.metrics);
  expect(kept.percentiles).toEqual(without.percentiles);
});
