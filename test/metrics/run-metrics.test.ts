import { describe, expect, test } from "vitest";
import type { Endpoint, Fleet } from "../../src/fleet/fleet.ts";
import { METRICS, metricInfo, nearestMetric } from "../../src/metrics/metric-catalogue.ts";
import { type RunMetricsContext, runMetrics } from "../../src/metrics/run-metrics.ts";
import { SummarySink } from "../../src/metrics/summary-sink.ts";
import { lawFromAffine } from "../../src/profile/to-law.ts";
import type { EndpointTotals, RecordColumns, RunTotals } from "../../src/simulator/options.ts";

const nan = Number.NaN;
const tiers = [
  { name: "HIGH", sloSeconds: 0.5, deferrable: false },
  { name: "LOW", sloSeconds: 5, deferrable: true },
];

/** Columns of requests that have ended, by hand. */
function columnsOf(
  rows: readonly {
    tier?: number;
    arrival?: number;
    ttft?: number;
    e2e?: number;
    first?: number;
    finished?: number;
    outputs?: number;
    held?: number;
    dispatched?: number;
    taskType?: number;
    predicted?: number;
    floor?: number;
    feasible?: number;
    correct?: number;
  }[],
): RecordColumns {
  const floats = (pick: (row: (typeof rows)[number], i: number) => number) => Float64Array.from(rows, pick);
  const ints = (pick: (row: (typeof rows)[number]) => number) => Int32Array.from(rows, pick);
  const bytes = (pick: (row: (typeof rows)[number]) => number) => Uint8Array.from(rows, pick);
  return {
    id: floats((_, i) => i),
    arrivalSeconds: floats(({ arrival = 0 }) => arrival),
    deadlineSeconds: floats(() => nan),
    dispatchedSeconds: floats(({ dispatched = 0 }) => dispatched),
    heldSeconds: floats(({ held = 0 }) => held),
    startedSeconds: floats(() => nan),
    firstTokenSeconds: floats(({ first = nan }) => first),
    finishedSeconds: floats(({ finished = nan }) => finished),
    ttftSeconds: floats(({ ttft = nan }) => ttft),
    e2eSeconds: floats(({ e2e = nan }) => e2e),
    promptTokens: ints(() => 10),
    outputTokens: ints(({ outputs = 1 }) => outputs),
    producedTokens: ints(({ outputs = 1 }) => outputs),
    tier: Uint8Array.from(rows, ({ tier = 0 }) => tier),
    session: floats(() => -1),
    endpoint: ints(() => 0),
    preemptions: ints(() => 0),
    energyJoules: floats(() => nan),
    costUsd: floats(() => 0),
    carbonGrams: floats(() => 0),
    waterLitres: floats(() => 0),
    taskType: bytes(({ taskType = 0 }) => taskType),
    tenant: ints(() => -1),
    predictedAccuracy: floats(({ predicted = nan }) => predicted),
    accuracyFloor: floats(({ floor = nan }) => floor),
    feasible: bytes(({ feasible = 255 }) => feasible),
    correct: bytes(({ correct = 255 }) => correct),
  };
}

function sinkFor(
  columns: RecordColumns,
  options: Partial<ConstructorParameters<typeof SummarySink>[0]> = {},
) {
  const sink = new SummarySink({
    tiers,
    latency: "ttft",
    groupOf: [0, 1],
    groups: 2,
    firstCounted: 0,
    timeline: false,
    ...options,
  });
  sink.begin(columns);
  return sink;
}

const power = { idleWatts: 100, prefillWatts: 400, decode: [{ batch: 1, watts: 300 }] };
const affine = { baseMs: 5, perPrefillTokenMs: 0.05, perDecodeSequenceMs: 0.2, perContextTokenMs: 0 };
const withPower = lawFromAffine(affine, 4, power);
const withoutPower = lawFromAffine(affine, 4);

function fleetOf(
  laws = [withPower, withPower],
  pue = [1.1, 1.5],
  water: Fleet["regions"][number]["water"] = null,
): Fleet {
  const signal = {
    times: Float64Array.of(0),
    values: Float64Array.of(1),
    endSeconds: Number.POSITIVE_INFINITY,
  };
  const names = ["r0", "r1"];
  return {
    regions: names.map((_, i) => ({
      name: `region-${i}`,
      carbon: signal,
      energyPrice: null,
      pue: pue[i],
      water,
    })),
    models: [
      { name: "big", large: true },
      { name: "small", large: false },
    ],
    groups: ["region-0/big", "region-1/small"],
    endpoints: names.map(
      (name, i) =>
        ({ name, region: i, model: i, group: i, law: laws[i], profileId: `p${i}` }) as unknown as Endpoint,
    ),
    faults: [],
    kvTransfer: { bytesPerSecond: 1, latencySeconds: 0 },
  };
}

const ENDPOINT: EndpointTotals = {
  busySeconds: 40,
  upSeconds: 100,
  activeJoules: 1000,
  idleJoules: 500,
  hostJoules: 250,
  literalJoules: 4000,
  activeGrams: 8,
  literalGrams: 32,
  idleGrams: 4,
  hostGrams: 2,
  busyUsd: 0.4,
  fleetUsd: 1,
  energyUsd: 0.01,
  iterations: 1000,
  outsideIterations: 10,
  outsideJoules: 30,
  preemptions: 3,
  placed: 3,
  finished: 3,
  promptTokens: 600,
  outputTokens: 400,
};

function totalsOf(endpoints: Partial<EndpointTotals>[], more: Partial<RunTotals> = {}): RunTotals {
  return {
    requests: 4,
    finished: 4,
    rejected: 0,
    unfinished: 0,
    truncated: 0,
    deferred: 1,
    horizonSeconds: 100,
    endSeconds: 90,
    endpoints: endpoints.map((endpoint) => ({ ...ENDPOINT, ...endpoint })),
    routerCalls: 0,
    telemetrySnapshots: 0,
    explanations: [],
    ...more,
  };
}

const KNOWN: RunMetricsContext["unknown"] = {
  carbon: undefined,
  water: undefined,
  energyPrice: undefined,
  price: undefined,
  tokenPrice: undefined,
};

function metricsOf(
  totals: RunTotals,
  sink = finishedSink(),
  fleet = fleetOf(),
  unknown: Partial<RunMetricsContext["unknown"]> = {},
) {
  const tokenPrices = [
    { prompt: 1, output: 3 },
    { prompt: 2, output: 2 },
  ];
  return runMetrics(totals, sink, {
    fleet,
    unknown: { ...KNOWN, ...unknown },
    taskTypes: ["easy", "hard"],
    tokenPrices,
  });
}

/** Four requests: two of HIGH (one late), two of LOW (one late). */
function finishedSink(options: Partial<ConstructorParameters<typeof SummarySink>[0]> = {}) {
  const columns = columnsOf([
    { tier: 0, arrival: 1, ttft: 0.4, e2e: 2, first: 1.3, finished: 2.9, outputs: 5 },
    { tier: 0, arrival: 2, ttft: 0.6, e2e: 3, first: 2.5, finished: 5, outputs: 2 },
    { tier: 1, arrival: 3, ttft: 5, e2e: 9, first: 7.9, finished: 12, outputs: 1, held: 4 },
    { tier: 1, arrival: 4, ttft: 5.1, e2e: 9, first: 9, finished: 13, outputs: 2 },
  ]);
  const sink = sinkFor(columns, options);
  for (let request = 0; request < 4; request++) sink.finished(request);
  sink.close(100, 90);
  return sink;
}

describe("clocks", () => {
  /** Objective 5 s, held for up to 5 s: not held for 6 s, held 4 of 6 s, held 5.5 of 6 s; HIGH may not be held. */
  const columns = columnsOf([
    { tier: 1, ttft: 6, e2e: 7, first: 6, finished: 7, outputs: 5 },
    { tier: 1, ttft: 6, e2e: 7, first: 6, finished: 7, outputs: 2, held: 4 },
    { tier: 1, ttft: 6, e2e: 7, first: 6, finished: 7, outputs: 3, held: 5.5 },
    { tier: 0, ttft: 0.6, e2e: 7, first: 6, finished: 7, outputs: 7, held: 0.2 },
  ]);
  const on = (clock: "arrival" | "dispatch") => {
    const sink = sinkFor(columns, { clock });
    for (let request = 0; request < 4; request++) sink.finished(request);
    sink.close(100, 90);
    return metricsOf(totalsOf([{}, {}]), sink).metrics;
  };

  test("both are reported, the experiment's is the one that counts", () => {
    const [arrival, dispatch] = [on("arrival"), on("dispatch")];
    for (const metrics of [arrival, dispatch]) {
      expect(metrics).toMatchObject({ slo_violation_arrival: 1, slo_violation_dispatch: 0.75 });
    }
    expect(arrival).toMatchObject({ slo_violation: 1, slo_violation_LOW: 1, goodput_tok_s: 0 });
    expect(dispatch).toMatchObject({ slo_violation: 0.75, slo_violation_LOW: 2 / 3, goodput_tok_s: 2 / 100 });
  });

  test("latencies without deliberate holds within what the tier allows", () => {
    // 6, 2, 6 and 0.6 s.
    expect(on("arrival")["dispatch_ttft_mean_s"]).toBeCloseTo(14.6 / 4, 12);
    expect(on("arrival")["ttft_mean_s"]).toBeCloseTo(18.6 / 4, 12);
  });

  test("carbon per goodput in CAPS's form: grams per 1,000 tokens over attainment", () => {
    const metrics = on("dispatch");
    const per1k = metrics["carbon_g_per_1k_tokens"] as number;
    expect(metrics["carbon_ratio_g_per_1k_tokens"]).toBeCloseTo(per1k / 0.25, 9);
    expect(on("arrival")["carbon_ratio_g_per_1k_tokens"]).toBeNull();
    // 4,000 J at each of two endpoints, four finished requests.
    expect(metrics["energy_literal_j_per_request"]).toBeCloseTo(8000 / 4, 9);
  });
});

describe("latency and service level", () => {
  const { metrics } = metricsOf(totalsOf([{}, {}]));

  test("a request is late when its latency is above the objective, not at it", () => {
    expect(metrics["slo_violation_HIGH"]).toBe(0.5);
    expect(metrics["slo_violation_LOW"]).toBe(0.5);
    expect(metrics["slo_violation"]).toBe(0.5);
  });

  test("attainment of .4, .5, .6 with an objective of .5 is two thirds", () => {
    const columns = columnsOf(
      [
        { ttft: 0.4, finished: 1 },
        { ttft: 0.5, finished: 1 },
        { ttft: 0.6, finished: 1 },
      ].map((row) => ({ ...row, e2e: 1 })),
    );
    const sink = sinkFor(columns);
    for (let request = 0; request < 3; request++) sink.finished(request);
    sink.close(1, 1);
    expect(metricsOf(totalsOf([{}, {}]), sink).metrics["slo_violation"]).toBeCloseTo(1 / 3, 15);
  });

  test("percentiles are of type 7; latency_* is the one that the objectives bound", () => {
    expect(metrics["ttft_p50_s"]).toBeCloseTo((0.6 + 5) / 2, 12);
    expect(metrics["e2e_mean_s"]).toBe(23 / 4);
    expect(metrics["latency_p95_s"]).toBe(metrics["ttft_p95_s"]);
    expect(metrics["latency_p95_s"]).not.toBe(metrics["e2e_p95_s"]);
  });

  test("time per output token is (last - first) / (n - 1), requests of one output left out", () => {
    expect(metrics["tpot_mean_s"]).toBeCloseTo((1.6 / 4 + 2.5 + 4) / 3, 12);
  });

  test("goodput counts the tokens of requests in time over the horizon", () => {
    expect(metrics["goodput_tok_s"]).toBeCloseTo((5 + 1) / 100, 15);
    expect(metrics["output_tok_s"]).toBeCloseTo(10 / 100, 15);
    expect(metrics["requests_per_s_simulated"]).toBeCloseTo(4 / (13 - 1), 15);
  });

  test("held_p95_s is of the deferred requests alone", () => {
    expect(metrics["held_p95_s"]).toBe(4);
    expect(metrics["deferred_fraction"]).toBe(0.25);
  });

  test("rejected and unfinished requests are violated; unfinished ones wait until the horizon", () => {
    const columns = columnsOf([
      { arrival: 0, ttft: 0.1, e2e: 1, finished: 1 },
      { arrival: 1 },
      { arrival: 2 },
      { arrival: 3, ttft: 0.2 },
      { arrival: nan },
    ]);
    const sink = sinkFor(columns);
    sink.finished(0);
    sink.rejected(1, "too long");
    sink.unfinished(2);
    sink.unfinished(3);
    sink.rejected(4, "earlier step of the session rejected");
    sink.close(10, 10);
    const { metrics } = metricsOf(totalsOf([{}, {}], { horizonSeconds: 10 }), sink);
    expect(metrics["slo_violation"]).toBe(0.8);
    expect(sink.e2e.sortedValues()).toEqual(Float64Array.of(1, 7, 8));
    expect(sink.ttft.sortedValues()).toEqual(Float64Array.of(0.1, 0.2, 8));
    expect([...sink.rejections.keys()]).toEqual(["too long", "earlier step of the session rejected"]);
  });

  test("the warm-up leaves requests out of latency and service level, not out of tokens", () => {
    const columns = columnsOf([
      { ttft: 9, e2e: 9, finished: 9, outputs: 100 },
      { ttft: 0.1, e2e: 1, finished: 1, outputs: 10 },
    ]);
    const sink = sinkFor(columns, { firstCounted: 1 });
    sink.finished(0);
    sink.finished(1);
    sink.close(10, 10);
    const { metrics } = metricsOf(totalsOf([{}, {}], { horizonSeconds: 10 }), sink);
    expect(metrics["slo_violation"]).toBe(0);
    expect(metrics["ttft_p99_s"]).toBe(0.1);
    expect(metrics["output_tok_s"]).toBe(11);
  });

  test("without an objective there is no violation to speak of", () => {
    const sink = sinkFor(columnsOf([{ ttft: 1, e2e: 1, finished: 1 }]), {
      tiers: [{ name: "default", sloSeconds: Number.POSITIVE_INFINITY, deferrable: false }],
    });
    sink.finished(0);
    sink.close(1, 1);
    const { metrics, reasons } = metricsOf(totalsOf([{}, {}]), sink);
    expect(metrics["slo_violation"]).toBeNull();
    expect(reasons["slo_violation"]).toBe("no tier has an objective");
  });
});

describe("cost, energy, carbon", () => {
  test("three boundaries: gpu, with idle and host, times PUE", () => {
    const { metrics } = metricsOf(totalsOf([{}, {}]));
    expect(metrics["energy_j_per_request"]).toBe(2000 / 4);
    expect(metrics["energy_server_j_per_request"]).toBe(3500 / 4);
    expect(metrics["energy_facility_j_per_request"]).toBeCloseTo((1750 * 1.1 + 1750 * 1.5) / 4, 10);
    expect(metrics["carbon_g_per_request"]).toBe(16 / 4);
    expect(metrics["carbon_server_g_per_request"]).toBe(28 / 4);
    expect(metrics["carbon_facility_g_per_request"]).toBeCloseTo((14 * 1.1 + 14 * 1.5) / 4, 12);
    expect(metrics["carbon_g_per_1k_tokens"]).toBeCloseTo((16 / 10) * 1000, 10);
    expect(metrics["carbon_g_per_1k_good_tokens"]).toBeCloseTo((16 / 6) * 1000, 10);
    expect(metrics["energy_j_per_token"]).toBe(200);
  });

  test("cost by occupancy, of the fleet, by token and of electricity", () => {
    const { metrics } = metricsOf(totalsOf([{}, {}]));
    expect(metrics["cost_usd_per_request"]).toBeCloseTo(0.2, 15);
    expect(metrics["fleet_cost_usd_per_request"]).toBe(0.5);
    // (600 x 1 + 400 x 3) + (600 x 2 + 400 x 2) USD a million tokens, over 4 requests.
    expect(metrics["token_cost_usd_per_request"]).toBeCloseTo((1800 + 2000) / 1e6 / 4, 15);
    expect(metrics["energy_cost_usd_per_request"]).toBeCloseTo((0.01 * 1.1 + 0.01 * 1.5) / 4, 15);
  });

  test("what a profile without power used is unknown, with its name; never 0", () => {
    const { metrics, reasons } = metricsOf(
      totalsOf([{}, {}]),
      finishedSink(),
      fleetOf([withPower, withoutPower]),
    );
    for (const name of ["energy_j_per_request", "energy_server_j_per_request", "carbon_g_per_request"]) {
      expect(metrics[name]).toBeNull();
      expect(reasons[name]).toBe("the profile of r1 (p1) has no power");
    }
    expect(metrics["cost_usd_per_request"]).not.toBeNull();
  });

  test("an endpoint without power that never ran is unknown at the server boundary alone", () => {
    const idle = { iterations: 0, activeJoules: nan, idleJoules: nan, activeGrams: nan, idleGrams: nan };
    const { metrics } = metricsOf(totalsOf([{}, idle]), finishedSink(), fleetOf([withPower, withoutPower]));
    expect(metrics["energy_j_per_request"]).toBe(1000 / 4);
    expect(metrics["energy_server_j_per_request"]).toBeNull();
  });

  test("water: the site's for energy at the servers, the grid's for that of the facility", () => {
    const water = { siteLitresPerItKwh: 1.8, gridLitresPerKwh: 3 };
    const fleet = fleetOf([withPower, withPower], [1.1, 1.5], water);
    const { metrics } = metricsOf(totalsOf([{}, {}]), finishedSink(), fleet);
    expect(metrics["water_l_per_request"]).toBeCloseTo((2000 * 4.8) / 3.6e6 / 4, 15);
    expect(metrics["water_server_l_per_request"]).toBeCloseTo((3500 * 4.8) / 3.6e6 / 4, 15);
    const facility = 3500 * 1.8 + 1750 * 1.1 * 3 + 1750 * 1.5 * 3;
    expect(metrics["water_facility_l_per_request"]).toBeCloseTo(facility / 3.6e6 / 4, 15);
    const { metrics: dry, reasons } = metricsOf(totalsOf([{}, {}]), finishedSink(), fleetOf(), {
      water: "no water",
    });
    expect(dry["water_l_per_1k_tokens"]).toBeNull();
    expect(reasons["water_l_per_request"]).toBe("no water");
  });

  test("unknown prices and intensities give null with their reasons", () => {
    const { metrics, reasons } = metricsOf(totalsOf([{}, {}]), finishedSink(), fleetOf(), {
      carbon: "no carbon",
      price: "no price",
    });
    expect(metrics["carbon_g_per_request"]).toBeNull();
    expect(reasons["carbon_facility_g_per_request"]).toBe("no carbon");
    expect(reasons["cost_usd_per_1k_tokens"]).toBe("no price");
    expect(metrics["energy_j_per_request"]).toBe(500);
  });
});

describe("shares and control", () => {
  test("tokens by model, placements by group, time outside the grid", () => {
    const small = { promptTokens: 200, outputTokens: 800, placed: 9, outsideIterations: 0, outsideJoules: 0 };
    const { metrics } = metricsOf(totalsOf([{ promptTokens: 2000, outputTokens: 1000 }, small]));
    expect(metrics["tokens_share_big"]).toBe(0.75);
    expect(metrics["tokens_share_small"]).toBe(0.25);
    expect(metrics["share_region-1/small"]).toBe(0.75);
    expect(metrics["outside_grid_fraction"]).toBe(30 / 2000);
    expect(metrics["preemptions_per_request"]).toBe(1.5);
    expect(metrics["utilisation"]).toBe(0.4);
  });

  test("oscillation of cedar.md's four weights over three groups: 0.3333", () => {
    const weights = [
      [1, 0, 0],
      [0.5, 0.5, 0],
      [0.5, 0.25, 0.25],
      [0, 0, 1],
    ];
    const rows = weights.flatMap((shares, t) =>
      shares.flatMap((share, group) =>
        Array.from({ length: 4 * share }, () => ({ t: t * 0.1 + 0.05, group })),
      ),
    );
    const columns = columnsOf(rows.map(({ t }) => ({ dispatched: t })));
    const sink = sinkFor(columns, { groupOf: [0, 1, 2], groups: 3 });
    for (const [request, { t, group }] of rows.entries()) sink.placed(request, group, t);
    sink.close(0.4, 0.4);
    expect(sink.shortOscillation.value).toBeCloseTo(1 / 3, 12);
  });
});

describe("the catalogue", () => {
  test("knows every metric that a run has, each once", () => {
    const { metrics, reasons } = metricsOf(totalsOf([{}, {}]), finishedSink({ answeredTypes: 2 }));
    for (const name of Object.keys(metrics)) expect.soft(metricInfo(name)?.name, name).toBeDefined();
    expect(new Set(METRICS.map(({ name }) => name)).size).toBe(METRICS.length);
    const routersOwn = new Set(["fallback_fraction"]);
    for (const { name } of METRICS.filter(({ name }) => !name.includes("<") && !routersOwn.has(name))) {
      expect.soft(Object.hasOwn(metrics, name), name).toBe(true);
    }
    for (const [name, value] of Object.entries(metrics))
      expect(value === null).toBe(reasons[name] !== undefined);
  });

  test("patterns cover names of the experiment, and the nearest name is found", () => {
    expect(metricInfo("slo_violation_HIGH")?.name).toBe("slo_violation_<tier>");
    expect(metricInfo("share_us-east-1/llama")?.name).toBe("share_<group>");
    expect(metricInfo("slo_violation")?.name).toBe("slo_violation");
    expect(metricInfo("latency")).toBeUndefined();
    expect(nearestMetric("e2e_p95")).toBe("e2e_p95_s");
  });
});
