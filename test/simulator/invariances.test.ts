/** Changes of a run that must not change its results, or must change them in a known way. */
import { describe, expect, it } from "vitest";
import type { EndpointTotals } from "../../src/simulator/options.ts";
import { simulate } from "../../src/simulator/simulate.ts";
import type { Workload } from "../../src/workload/requests.ts";
import { SessionWorkload } from "../../src/workload/sessions.ts";
import { SyntheticWorkload } from "../../src/workload/synthetic.ts";
import { materialize, Trace } from "../../src/workload/trace.ts";
import { optionsFrom, type RunConfig } from "../oracle/arbitrary.ts";
import { affineLaw, fleetOf, optionsOf, type RecordedRow, traceOf } from "../oracle/build.ts";
import { ColumnSink } from "./column-sink.ts";
import { cycleRouter } from "./cycle-router.ts";
import { blindly, CHARGES, changed, forRandomRuns, outcomeOf, TIMES } from "./outcomes.ts";

function withChunks(workload: SyntheticWorkload | SessionWorkload | Trace, rows: number): Workload {
  const { name, tiers, taskTypes, endpointNames, requests, meanPromptTokens, meanOutputTokens } = workload;
  const open = () => workload.open(rows);
  return { name, tiers, taskTypes, endpointNames, requests, meanPromptTokens, meanOutputTokens, open };
}

describe("how the workload is read", () => {
  const tiers = [
    { name: "gold", sloSeconds: 0.5, deferrable: false, share: 0.3 },
    { name: "bronze", sloSeconds: 5, deferrable: true, share: 0.7 },
  ];
  const prompt = { dist: "lognormal", mu: 4, sigma: 1, max: 2000 } as const;
  const output = { dist: "lognormal", mu: 3, sigma: 0.8, max: 300 } as const;
  const arrival = { process: "gamma", ratePerSecond: 40, cv: 1.6 } as const;
  const workloads = {
    synthetic: new SyntheticWorkload({ seed: 4, requests: 1000, arrival, prompt, output, tiers }),
    sessions: new SessionWorkload({
      seed: 4,
      requests: 1000,
      arrival: { ...arrival, ratePerSecond: 8 },
      steps: { dist: "uniform", min: 1, max: 9 },
      firstContext: prompt,
      prompt: { dist: "uniform", min: 1, max: 80 },
      output,
      think: { dist: "uniform", min: 0, max: 2 },
      maxContextTokens: 4000,
      tiers,
    }),
  };
  const run = (workload: Workload) => {
    const sink = new ColumnSink(workload.requests);
    const endpoints = [{ batching: { kvBlocks: 600, prefixReuse: true } }, { replicas: 2 }];
    const options = optionsOf({
      fleet: fleetOf({ endpoints }),
      workload,
      router: cycleRouter(),
      horizonSeconds: 100,
    });
    return { sink, totals: simulate(options, sink) };
  };

  it.each(["synthetic", "sessions"] as const)("%s: the chunk size changes no bit", (kind) => {
    const whole = run(workloads[kind]);
    for (const rows of [1, 499]) {
      const chunked = run(withChunks(workloads[kind], rows));
      expect(chunked.sink.differences(whole.sink)).toEqual([]);
      expect(chunked.totals).toEqual(whole.totals);
    }
  });

  it.each(["synthetic", "sessions"] as const)("%s: held in memory it is the same workload", (kind) => {
    const whole = run(workloads[kind]);
    const trace = materialize(workloads[kind]);
    for (const held of [trace, Trace.fromShared(trace.toShared()), withChunks(trace, 13)]) {
      const { sink, totals } = run(held);
      expect(sink.differences(whole.sink)).toEqual([]);
      expect(totals).toEqual(whole.totals);
    }
  });

  it("any run, under a router that does everything", () => {
    forRandomRuns((config) => {
      const calls: string[][] = [[], [], []];
      const streamed = outcomeOf(optionsFrom(config, calls[0]));
      const chunked = outcomeOf(optionsFrom({ ...config, chunkRows: 3 }, calls[1]));
      const options = optionsFrom(config, calls[2]);
      const held = outcomeOf({ ...options, workload: materialize(options.workload) });
      expect(calls[1]).toEqual(calls[0]);
      expect(calls[2]).toEqual(calls[0]);
      expect(chunked).toEqual(streamed);
      expect(held).toEqual(streamed);
    }, 25);
  });
});

describe("unit and origin of time", () => {
  const double = (value: number) => 2 * value;
  const COUNTS = [
    "iterations",
    "outsideIterations",
    "preemptions",
    "placed",
    "finished",
    "promptTokens",
    "outputTokens",
  ] as const satisfies readonly (keyof EndpointTotals)[];

  it("twice as slow in everything: every time, energy, cost and emission doubles exactly", () => {
    forRandomRuns((config) => {
      const once = outcomeOf(blindly(config));
      const options = blindly(slowed(config));
      const tiers = options.workload.tiers.map((tier) => changed(tier, ["sloSeconds"], double));
      const twice = outcomeOf({ ...options, workload: { ...options.workload, tiers } });
      expect(twice.rows).toEqual(once.rows.map((row) => changed(row, [...TIMES, ...CHARGES], double)));
      expect(twice.totals.endpoints).toEqual(
        once.totals.endpoints.map((totals) => {
          const amounts = Object.keys(totals).filter((name) => !(COUNTS as readonly string[]).includes(name));
          return changed(totals, amounts as (keyof EndpointTotals)[], double);
        }),
      );
      expect(twice.totals.endSeconds).toBe(2 * once.totals.endSeconds);
    });
  });

  it("a later start: every point in time moves, nothing else changes", () => {
    // Binary fractions throughout: times are exact up to 2^53 / 2^24 s.
    const law = affineLaw({
      baseSeconds: 1 / 256,
      perPromptTokenSeconds: 1 / 4096,
      perSequenceSeconds: 1 / 2048,
      perContextTokenSeconds: 1 / 2 ** 20,
    });
    const DELAY = 4096;
    const startingAt = (from: number) => {
      const rows = Array.from({ length: 200 }, (_, i) => ({
        arrival: from + Math.floor(i / 3) / 64,
        prompt: 1 + ((i * 53) % 300),
        output: 1 + ((i * 29) % 40),
      }));
      const endpoints = [
        { law, roundTripSeconds: 1 / 32, batching: { kvBlocks: 50, maxRequests: 8 } },
        { law },
      ];
      const regions = [{ water: { siteLitresPerItKwh: 1.8, gridLitresPerKwh: 2 } }];
      return outcomeOf(
        optionsOf({ fleet: fleetOf({ endpoints, regions }), workload: traceOf(rows), router: cycleRouter() }),
      );
    };
    const early = startingAt(0);
    const late = startingAt(DELAY);
    const points = TIMES.filter((name) => !/^(held|ttft|e2e)/.test(name));
    // Charges are differences of larger sums: the last bits may differ.
    const chargeless = (row: RecordedRow) => changed(row, CHARGES, () => 0);
    expect(late.rows.map(chargeless)).toEqual(
      early.rows.map((row) => changed(chargeless(row), points, (seconds) => seconds + DELAY)),
    );
    late.rows.forEach((row, i) => {
      for (const name of CHARGES) expect(Math.abs(row[name] / early.rows[i][name] - 1)).toBeLessThan(1e-9);
    });
    expect(late.totals.endpoints[0].preemptions).toBeGreaterThan(0);
  });

  it("zero network delay against a delay d: an unloaded fleet answers exactly d later", () => {
    const rows = Array.from({ length: 50 }, (_, i) => ({
      arrival: 2 * i,
      prompt: 1 + ((i * 53) % 2000),
      output: 1 + (i % 9),
    }));
    const law = affineLaw({
      baseSeconds: 1 / 256,
      perPromptTokenSeconds: 1 / 4096,
      perSequenceSeconds: 1 / 2048,
      perContextTokenSeconds: 1 / 2 ** 20,
    });
    const at = (roundTripSeconds: number) =>
      outcomeOf(
        optionsOf({ fleet: fleetOf({ endpoints: [{ law, roundTripSeconds }] }), workload: traceOf(rows) }),
      ).rows;
    const near = at(0);
    for (const delay of [1 / 8, 1 / 64]) {
      const shifted = near.map((row) => {
        const there = changed(
          row,
          ["startedSeconds", "firstTokenSeconds", "finishedSeconds"],
          (t) => t + delay / 2,
        );
        return changed(there, ["ttftSeconds", "e2eSeconds"], (t) => t + delay);
      });
      const far = at(delay);
      const chargeless = (row: RecordedRow) => changed(row, CHARGES, () => 0);
      expect(far.map(chargeless)).toEqual(shifted.map(chargeless));
      far.forEach((row, i) => {
        expect(row.energyJoules).toBeCloseTo(near[i].energyJoules, 9);
      });
    }
  });
});

describe("what else is in the fleet", () => {
  it("an endpoint that gets nothing changes nothing, wherever it is listed", () => {
    forRandomRuns((config) => {
      const names = config.endpoints.map((_, e) => `e${e}`);
      const named = config.endpoints.map((endpoint, e) => ({ ...endpoint, name: names[e] }));
      const alone = outcomeOf(blindly({ ...config, endpoints: named }, { names }));
      const idle = { ...config.endpoints[0], name: "idle" };
      const last = outcomeOf(blindly({ ...config, endpoints: [...named, idle] }, { names }));
      expect(last.rows).toEqual(alone.rows);
      expect(last.totals.endpoints.slice(0, -1)).toEqual(alone.totals.endpoints);
      expect(last.totals.endpoints.at(-1)).toMatchObject({ placed: 0, busySeconds: 0, activeJoules: 0 });

      const faults = config.faults.map((fault) => ({ ...fault, endpoint: fault.endpoint + 1 }));
      const first = outcomeOf(blindly({ ...config, faults, endpoints: [idle, ...named] }, { names }));
      expect(first.totals.endpoints.slice(1)).toEqual(alone.totals.endpoints);
      expect(first.rows).toEqual(
        alone.rows.map((row) => (row.endpoint < 0 ? row : { ...row, endpoint: row.endpoint + 1 })),
      );
    });
  });

  it("the order in which endpoints are listed only orders the totals", () => {
    forRandomRuns((config) => {
      // Without caps, since those that get room at one instant tell the router in order of index.
      const named = config.endpoints.map((endpoint, e) => ({
        ...endpoint,
        name: `e${e}`,
        maxOutstanding: null,
      }));
      const names = named.map(({ name }) => name);
      const listed = outcomeOf(blindly({ ...config, endpoints: named }, { names }));
      const mirrored = (e: number) => (e < 0 ? e : named.length - 1 - e);
      const faults = config.faults.map((fault) => ({ ...fault, endpoint: mirrored(fault.endpoint) }));
      const reversed = outcomeOf(blindly({ ...config, faults, endpoints: [...named].reverse() }, { names }));
      expect([...reversed.totals.endpoints].reverse()).toEqual(listed.totals.endpoints);
      expect(reversed.rows.map((row) => changed(row, ["endpoint"], mirrored))).toEqual(listed.rows);
    });
  });

  it("looking changes nothing: telemetry, completions and timers without a use", () => {
    forRandomRuns((config) => {
      const blind = outcomeOf(blindly(config));
      for (const telemetryIntervalSeconds of [0, 0.0119]) {
        const looked = outcomeOf(blindly({ ...config, telemetryIntervalSeconds }, { looks: true }));
        expect(looked.rows).toEqual(blind.rows);
        expect(looked.totals.endpoints).toEqual(blind.totals.endpoints);
      }
    });
  });
});

/** Everything that takes time takes twice as long. The objectives are not in a configuration. */
function slowed(config: RunConfig): RunConfig {
  const double = (value: number) => 2 * value;
  const steps = (of: readonly (readonly [number, number])[]) =>
    of.map(([seconds, value]) => [2 * seconds, value] as const);
  return {
    ...changed(config, ["telemetryIntervalSeconds", "signalIntervalSeconds"], double),
    horizonSeconds: config.horizonSeconds === null ? null : 2 * config.horizonSeconds,
    endpoints: config.endpoints.map((endpoint) => ({
      ...changed(endpoint, ["startupSeconds", "roundTripSeconds"] as never[], double),
      law: changed(
        endpoint.law,
        ["baseSeconds", "perPromptTokenSeconds", "perSequenceSeconds", "perContextTokenSeconds"],
        double,
      ),
    })),
    regions: config.regions.map(({ carbon, energyPrice, water }) => ({
      water,
      carbon: steps(carbon),
      energyPrice: energyPrice === null ? null : steps(energyPrice),
    })),
    faults: config.faults.map((fault) => ({
      ...changed(fault, ["atSeconds"], double),
      ...(fault.kind === "notice" && { noticeSeconds: 2 * fault.noticeSeconds }),
    })),
    kvTransfer: {
      bytesPerSecond: config.kvTransfer.bytesPerSecond / 2,
      latencySeconds: 2 * config.kvTransfer.latencySeconds,
    },
    rows: config.rows.map((row) => ({
      ...row,
      ...(row.arrival !== undefined && { arrival: 2 * row.arrival }),
      ...(row.think !== undefined && { think: 2 * row.think }),
    })),
  };
}
