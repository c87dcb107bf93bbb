/**
 * Runs whose means queueing theory knows. One request a batch (`maxRequests: 1`) makes a replica a single server,
 * decoding at a cost per request and nothing else makes it share its time.
 */
import { describe, expect, it } from "vitest";
import type { Fleet } from "../../src/fleet/fleet.ts";
import type { Router } from "../../src/routers/contract.ts";
import type { EndpointTotals } from "../../src/simulator/options.ts";
import { simulate } from "../../src/simulator/simulate.ts";
import { type Distribution, expectation, toTokens } from "../../src/workload/distribution.ts";
import type { Workload } from "../../src/workload/requests.ts";
import { type SyntheticParameters, SyntheticWorkload } from "../../src/workload/synthetic.ts";
import { affineLaw, type EndpointParts, fleetOf, optionsOf, routerOf } from "../oracle/build.ts";
import { ColumnSink, ENDED } from "./column-sink.ts";
import { batchMeans, cobham, crommelinWait, erlangWait, pollaczekKhinchine } from "./queueing-theory.ts";

/** Of the intervals below. The seeds are fixed, so what passes once passes always. */
const CONFIDENCE = 0.99;
const BATCHES = 30;

/** 5 ms and 0.05 ms a prompt token: 10 ms for a prompt of 100. */
const serverLaw = affineLaw({
  baseSeconds: 0.005,
  perPromptTokenSeconds: 0.00005,
  perSequenceSeconds: 0.0002,
  perContextTokenSeconds: 0,
});
const SERVICE_SECONDS = 0.01;
const COLUMNS = [
  "arrivalSeconds",
  "startedSeconds",
  "finishedSeconds",
  "e2eSeconds",
  "promptTokens",
  "outputTokens",
  "tier",
] as const;
const constant = (value: number): Distribution => ({ dist: "constant", value });

interface Run {
  readonly sink: ColumnSink;
  readonly totals: EndpointTotals;
  readonly endSeconds: number;
  readonly waits: Float64Array;
}

function runOn(fleet: Fleet, workload: Workload, router?: Router): Run {
  const sink = new ColumnSink(workload.requests, COLUMNS);
  const options = optionsOf({ fleet, workload, ...(router !== undefined && { router }) });
  const totals = simulate(options, sink);
  expect(sink.ended.every((how) => how === ENDED.finished)).toBe(true);
  const arrived = sink.column("arrivalSeconds");
  const waits = sink.column("startedSeconds").map((started, i) => started - arrived[i]);
  return { sink, totals: totals.endpoints[0], endSeconds: totals.endSeconds, waits };
}

function serverFleet(parts: EndpointParts = {}): Fleet {
  const { batching, ...rest } = parts;
  return fleetOf({
    endpoints: [{ law: serverLaw, batching: { maxRequests: 1, tokenBudget: 1 << 20, ...batching }, ...rest }],
  });
}

function poisson(
  ratePerSecond: number,
  requests: number,
  parts: Partial<SyntheticParameters> = {},
): SyntheticWorkload {
  const lengths = { prompt: constant(100), output: constant(1) };
  return new SyntheticWorkload({
    seed: 11,
    requests,
    arrival: { process: "poisson", ratePerSecond },
    ...lengths,
    ...parts,
  });
}

/** The theory's mean lies in the interval, which is narrower than `share` of it on either side. */
function expectMean(series: ArrayLike<number>, theory: number, share: number): void {
  const { mean, halfWidth } = batchMeans(series, BATCHES, CONFIDENCE);
  expect(halfWidth).toBeLessThan(share * theory);
  expect(Math.abs(mean - theory)).toBeLessThan(halfWidth);
}

/** Seconds of the one batch that serves a request. */
function serviceOf(sink: ColumnSink): Float64Array {
  return sink.column("promptTokens").map((tokens) => serverLaw.prefillSeconds(tokens));
}

/**
 * A request starts when it has arrived and one of `servers` is free, never later: Lindley's recursion, and that of
 * Kiefer and Wolfowitz where all take equally long. Bit for bit.
 */
function expectWorkConserving(sink: ColumnSink, servers: number): void {
  const arrived = sink.column("arrivalSeconds");
  const started = sink.column("startedSeconds");
  const finished = sink.column("finishedSeconds");
  const service = serviceOf(sink);
  let wrong = 0;
  for (let i = 0; i < arrived.length; i++) {
    const start = i < servers ? arrived[i] : Math.max(arrived[i], finished[i - servers]);
    if (started[i] !== start || finished[i] !== start + service[i]) wrong++;
  }
  expect(wrong).toBe(0);
}

/** Busy seconds are the sum of the service times. */
function expectUtilisation({ sink, totals }: Run): void {
  const service = serviceOf(sink).reduce((sum, seconds) => sum + seconds, 0);
  expect(Math.abs(totals.busySeconds - service)).toBeLessThan(1e-9 * service);
  expect(totals.iterations).toBe(sink.ended.length);
}

describe("one server", () => {
  it.each([
    [0.3, 60_000, 0.05],
    [0.7, 80_000, 0.07],
    [0.9, 150_000, 0.13],
  ])("M/D/1 at utilisation %f: the mean wait is that of the formula", (rho, requests, share) => {
    const run = runOn(serverFleet(), poisson(rho / SERVICE_SECONDS, requests));
    expectMean(run.waits, (rho * SERVICE_SECONDS) / (2 * (1 - rho)), share);
    expectWorkConserving(run.sink, 1);
    expectUtilisation(run);
    expect(run.totals.busySeconds / run.endSeconds).toBeCloseTo(rho, 2);
  });

  it("D/D/1: nobody waits below saturation, and above it each waits longer by the same", () => {
    // Everything is a whole number of 1/1024 s, so that nothing is rounded: service 16.
    const law = affineLaw({
      baseSeconds: 8 / 1024,
      perPromptTokenSeconds: 1 / 1024,
      perSequenceSeconds: 1 / 1024,
      perContextTokenSeconds: 0,
    });
    const waitsAt = (gap: number) => {
      const workload = poisson(1, 1000, {
        prompt: constant(8),
        arrival: { process: "constant", ratePerSecond: 1024 / gap },
      });
      return runOn(serverFleet({ law }), workload).waits;
    };
    expect(waitsAt(32).every((wait) => wait === 0)).toBe(true);
    expect(waitsAt(16).every((wait) => wait === 0)).toBe(true);
    expect(waitsAt(8).every((wait, i) => wait === (i * 8) / 1024)).toBe(true);
  });

  it("M/G/1 with log-normal prompts: Pollaczek and Khinchine", () => {
    const prompt: Distribution = { dist: "lognormal", mu: Math.log(100), sigma: 0.9 };
    const moment = (power: number) =>
      expectation(prompt, "tokens", (draw) => serverLaw.prefillSeconds(toTokens(draw)) ** power);
    const rate = 0.7 / moment(1);
    const run = runOn(serverFleet(), poisson(rate, 100_000, { prompt }));
    expectMean(run.waits, pollaczekKhinchine(rate, moment(1), moment(2)), 0.1);
    expectWorkConserving(run.sink, 1);
    expectUtilisation(run);
  });

  it("two classes by priority: Cobham's waits", () => {
    const tiers = [
      { name: "gold", sloSeconds: 10, deferrable: false, share: 0.4 },
      { name: "bronze", sloSeconds: 10, deferrable: false, share: 0.6 },
    ];
    const rate = 0.8 / SERVICE_SECONDS;
    const router = routerOf((gateway) => ({
      arrival: (r) => gateway.host.place(r, 0, -1, -gateway.world.requests.tier[r]),
    }));
    const fleet = serverFleet({ batching: { order: "priority" } });
    const { sink, waits } = runOn(fleet, poisson(rate, 100_000, { tiers }), router);
    const theory = cobham(
      tiers.map(({ share }) => ({
        rate: share * rate,
        mean: SERVICE_SECONDS,
        square: SERVICE_SECONDS ** 2,
      })),
    );
    theory.forEach((wait, tier) => {
      const own = waits.filter((_, i) => sink.column("tier")[i] === tier);
      expectMean(own, wait, 0.1);
    });
  });

  it("work is conserved: no order of service changes the work that waits", () => {
    const tiers = [
      { name: "gold", sloSeconds: 0.5, deferrable: false, share: 0.5 },
      { name: "bronze", sloSeconds: 8, deferrable: false, share: 0.5 },
    ];
    const prompt: Distribution = { dist: "uniform", min: 1, max: 400 };
    const router = () =>
      routerOf((gateway) => ({
        arrival: (r) => gateway.host.place(r, 0, -1, gateway.world.requests.promptTokens[r] % 7),
      }));
    const runs = (["fifo", "edf", "priority"] as const).map((order) =>
      runOn(serverFleet({ batching: { order } }), poisson(60, 10_000, { tiers, prompt }), router()),
    );
    // The integral of the unfinished work is the sum of service * wait + service^2 / 2 (Kleinrock 1965).
    const weighted = runs.map(({ sink, waits }) =>
      serviceOf(sink).reduce((sum, seconds, i) => sum + seconds * waits[i], 0),
    );
    const plain = runs.map(({ waits }) => waits.reduce((sum, wait) => sum + wait, 0));
    for (const i of [1, 2]) {
      expect(Math.abs(weighted[i] / weighted[0] - 1)).toBeLessThan(1e-9);
      expect(Math.abs(plain[i] / plain[0] - 1)).toBeGreaterThan(1e-3);
      expect(runs[i].endSeconds).toBeCloseTo(runs[0].endSeconds, 9);
      expectUtilisation(runs[i]);
    }
  });
});

describe("several servers", () => {
  it.each([
    [2, 0.8],
    [4, 0.8],
    [8, 0.9],
  ])("M/D/%i at utilisation %f: Crommelin's wait, within Erlang's bounds", (replicas, rho) => {
    const load = replicas * rho;
    const fleet = serverFleet({ replicas, localBalancer: "shared-queue" });
    const run = runOn(fleet, poisson(load / SERVICE_SECONDS, 60_000));
    const inServices = run.waits.map((wait) => wait / SERVICE_SECONDS);
    expectMean(inServices, crommelinWait(replicas, load), 0.2);
    const { mean, halfWidth } = batchMeans(inServices, BATCHES, CONFIDENCE);
    // Constant service waits at least half as long as exponential service, and less than that.
    const exponential = erlangWait(replicas, load);
    expect(crommelinWait(replicas, load)).toBeGreaterThan(exponential / 2);
    expect(mean + halfWidth).toBeGreaterThan(exponential / 2);
    expect(mean + halfWidth).toBeLessThan(exponential);
    expectWorkConserving(run.sink, replicas);
    expectUtilisation(run);
  });

  it("with constant service a shared queue is a cycle over the servers; the shortest queue is no better", () => {
    const [shared, cycle, shortest] = (["shared-queue", "round-robin", "outstanding-tokens"] as const).map(
      (localBalancer) => runOn(serverFleet({ replicas: 4, localBalancer }), poisson(320, 15_000)),
    );
    expect(cycle.sink.differences(shared.sink)).toEqual([]);
    const total = ({ waits }: Run) => waits.reduce((sum, wait) => sum + wait, 0);
    // It sees requests, not how far the one in service has got.
    expect(total(shortest)).toBeGreaterThan(1.1 * total(shared));
    expect(total(shortest)).toBeLessThan(2 * total(shared));
  });
});

describe("a batch as a shared processor", () => {
  /** A step takes 1 ms for each of its requests, prompts of one token included: n outputs are n ms of work. */
  const law = affineLaw(
    { baseSeconds: 0, perPromptTokenSeconds: 0.001, perSequenceSeconds: 0.001, perContextTokenSeconds: 0 },
    1024,
  );
  const MEAN_OUTPUT = 400;

  it.each<[string, Distribution]>([
    ["constant", constant(MEAN_OUTPUT)],
    ["log-normal", { dist: "lognormal", mu: Math.log(MEAN_OUTPUT) - 0.8 ** 2 / 2, sigma: 0.8 }],
  ])("M/G/1-PS with %s outputs: the mean stay does not depend on the distribution", (_name, output) => {
    const meanWork = expectation(output, "tokens", toTokens) / 1000;
    const rho = 0.7;
    const fleet = fleetOf({
      endpoints: [{ law, batching: { maxRequests: 1024, kvBlocks: 1 << 20, tokenBudget: 4096 } }],
    });
    const run = runOn(fleet, poisson(rho / meanWork, 50_000, { prompt: constant(1), output }));
    const stays = run.sink.column("e2eSeconds");
    // Time is shared by whole steps: entry waits for the end of one, about half a step of those present.
    const stepSeconds = (0.001 * rho) / (1 - rho);
    const { mean, halfWidth } = batchMeans(stays, BATCHES, CONFIDENCE);
    const theory = meanWork / (1 - rho);
    expect(halfWidth).toBeLessThan(0.1 * theory);
    expect(mean).toBeGreaterThan(theory - halfWidth);
    expect(mean).toBeLessThan(theory + halfWidth + stepSeconds);
    const work = run.sink.sum("outputTokens") / 1000;
    expect(Math.abs(run.totals.busySeconds - work)).toBeLessThan(1e-9 * work);
  });
});
