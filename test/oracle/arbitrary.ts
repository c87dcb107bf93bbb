/** Random runs of the simulator as plain JSON, and the options that a configuration stands for. */
import fc from "fast-check";
import type { Batching, Fault, RegionWater } from "../../src/fleet/fleet.ts";
import type { Answers, RunOptions } from "../../src/simulator/options.ts";
import {
  type AffineLaw,
  affineLaw,
  type EndpointParts,
  fleetOf,
  optionsOf,
  type TraceRow,
  traceOf,
  track,
} from "./build.ts";
import { chaosRouter } from "./chaos-router.ts";

export interface EndpointConfig
  extends Omit<EndpointParts, "law" | "batching" | "maxOutstanding" | "powerStates"> {
  readonly model: number;
  readonly law: AffineLaw;
  readonly batching: Batching;
  /** Null for none. */
  readonly maxOutstanding: number | null;
}

export interface RegionConfig {
  readonly carbon: readonly (readonly [number, number])[];
  readonly energyPrice: readonly (readonly [number, number])[] | null;
  readonly water: RegionWater | null;
}

/** A run in JSON: what a failing property prints can be pasted into a test. */
export interface RunConfig {
  readonly endpoints: readonly EndpointConfig[];
  readonly regions: readonly RegionConfig[];
  readonly faults: readonly Fault[];
  readonly kvTransfer: { readonly bytesPerSecond: number; readonly latencySeconds: number };
  readonly rows: readonly TraceRow[];
  readonly chunkRows: number;
  readonly seed: number;
  /** Whether the router only places. */
  readonly calm: boolean;
  readonly latency: "ttft" | "e2e";
  readonly telemetryIntervalSeconds: number;
  readonly signalIntervalSeconds: number;
  readonly end: "drain" | "cut";
  readonly horizonSeconds: number | null;
  readonly explain: boolean;
  /** Whether answers are right or wrong. */
  readonly answers: boolean;
  readonly clock: "arrival" | "dispatch";
}

/** The options of a configuration, with a new router: a configuration can be run many times. */
export function optionsFrom(config: RunConfig, log?: string[]): RunOptions {
  const { endpoints, regions, faults, kvTransfer, rows, chunkRows, seed, calm, answers, ...settings } =
    config;
  return optionsOf({
    ...settings,
    fleet: fleetOf({
      endpoints: endpoints.map((endpoint) => ({
        ...endpoint,
        law: affineLaw(endpoint.law, endpoint.batching.maxRequests),
        maxOutstanding: endpoint.maxOutstanding ?? Number.POSITIVE_INFINITY,
        powerStates: [
          { name: "full", timeFactor: 1, powerFactor: 1 },
          { name: "low", timeFactor: 1.5, powerFactor: 0.625 },
        ],
      })),
      regions: regions.map(({ carbon, energyPrice, water }) => ({
        water,
        carbon: track(carbon),
        energyPrice: energyPrice === null ? null : track(energyPrice),
      })),
      faults,
      kvTransfer,
    }),
    workload: traceOf(rows, {
      chunkRows,
      taskTypes: ["chat", "code"],
      tiers: [
        { name: "gold", sloSeconds: 0.05, deferrable: false },
        { name: "silver", sloSeconds: 0.25, deferrable: false },
        { name: "batch", sloSeconds: 2, deferrable: true, deferralSeconds: 0.125 },
      ],
    }),
    seed,
    startHour: (seed % 96) / 4,
    answers: answers ? parityAnswers : null,
    router: chaosRouter(seed, calm, log),
  });
}

/** Right or wrong by everything that may tell. */
const parityAnswers: Answers = {
  correct: (id, difficulty, taskType, model) =>
    (id + Math.floor(3 * difficulty) + taskType + model) % 2 === 0,
};

/** Binary fractions, on which batch ends, timers, faults and arrivals coincide, or odd numbers. */
function seconds(most: number): fc.Arbitrary<number> {
  return fc.oneof(
    fc.integer({ min: 0, max: Math.floor(most * 128) }).map((k) => k / 128),
    fc.integer({ min: 0, max: Math.floor(most * 1e4) }).map((k) => k / 1e4),
  );
}

const law: fc.Arbitrary<AffineLaw> = fc.oneof(
  fc.constant({
    baseSeconds: 1 / 128,
    perPromptTokenSeconds: 1 / 2048,
    perSequenceSeconds: 1 / 1024,
    perContextTokenSeconds: 0,
    decodeWattsPerSequence: 16,
  }),
  fc.record({
    baseSeconds: fc.constantFrom(0.005, 0.0031),
    perPromptTokenSeconds: fc.constantFrom(0.00005, 0.00021),
    perSequenceSeconds: fc.constantFrom(0.0002, 0.00017),
    perContextTokenSeconds: fc.constantFrom(0.0000005, 0.000013),
    decodeWattsPerSequence: fc.constantFrom(0, 7.3),
  }),
);

const batching: fc.Arbitrary<Batching> = fc
  .record({
    policy: fc.constantFrom("vllm-v1", "vllm-v1", "sarathi", "vllm-v0", "mixed", "static"),
    maxRequests: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 5, max: 16 })),
    tokenBudget: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 8, max: 128 })),
    blockTokens: fc.oneof(fc.constantFrom(1, 16), fc.integer({ min: 2, max: 8 })),
    kvTokens: fc.oneof(
      { weight: 4, arbitrary: fc.integer({ min: 32, max: 90 }) },
      { weight: 1, arbitrary: fc.integer({ min: 12, max: 32 }) },
      { weight: 2, arbitrary: fc.integer({ min: 90, max: 600 }) },
    ),
    watermarkFraction: fc.constantFrom(0, 0, 0.01, 0.1, 0.3),
    paddedTokenLimit: fc.constantFrom(24, 100, 4096),
    order: fc.constantFrom("fifo", "edf", "priority"),
    victim: fc.constantFrom("youngest", "lowest-priority"),
    prefixReuse: fc.constantFrom(true, true, false),
  })
  .map(
    ({ kvTokens, ...rest }) => ({ ...rest, kvBlocks: Math.ceil(kvTokens / rest.blockTokens) }) as Batching,
  );

const endpoint = (regions: number): fc.Arbitrary<EndpointConfig> =>
  fc
    .record({
      region: fc.nat({ max: regions - 1 }),
      model: fc.constantFrom(0, 0, 1),
      replicas: fc.constantFrom(1, 1, 2, 3),
      spare: fc.nat({ max: 2 }),
      fixed: fc.boolean(),
      startupSeconds: fc.constantFrom(0, 0.125, 0.0831),
      law,
      batching,
      maxModelTokens: fc.constantFrom(1 << 20, 1 << 20, 48),
      overlong: fc.constantFrom("truncate", "truncate", "reject"),
      kvBytesPerToken: fc.constantFrom(1e5, 131072),
      usdPerReplicaHour: fc.constantFrom(3.6, 2.99),
      hostWattsPerReplica: fc.constantFrom(0, 37),
      roundTripSeconds: fc.constantFrom(0, 0, 1 / 64, 0.0137),
      localBalancer: fc.constantFrom(
        "outstanding-tokens",
        "outstanding-tokens",
        "round-robin",
        "shared-queue",
      ),
      maxOutstanding: fc.option(fc.integer({ min: 1, max: 12 }), { freq: 2 }),
    })
    .map(({ spare, fixed, ...rest }) => ({
      ...rest,
      minReplicas: fixed ? 1 : 0,
      maxReplicas: Math.max(rest.replicas, Math.min(3, rest.replicas + spare)),
    })) as fc.Arbitrary<EndpointConfig>;

const region: fc.Arbitrary<RegionConfig> = fc.record({
  carbon: steps(fc.integer({ min: 0, max: 900 })),
  energyPrice: fc.option(steps(fc.constantFrom(0, 0.11, 0.3)), { freq: 2 }),
  water: fc.option(
    fc.record({
      siteLitresPerItKwh: fc.constantFrom(0, 1.8),
      gridLitresPerKwh: fc.constantFrom(0, 0.97, 13.4),
    }),
    { freq: 4 },
  ),
});

function steps(value: fc.Arbitrary<number>): fc.Arbitrary<[number, number][]> {
  const starts = fc.uniqueArray(seconds(2), { maxLength: 4 });
  return fc
    .tuple(value, starts, fc.array(value, { minLength: 4, maxLength: 4 }))
    .map(([first, at, values]) => {
      const later = at.filter((time) => time > 0).sort((x, y) => x - y);
      return [[0, first], ...later.map((time, i): [number, number] => [time, values[i]])];
    });
}

const step = {
  prompt: fc.oneof(
    fc.integer({ min: 1, max: 12 }),
    fc.integer({ min: 1, max: 12 }),
    fc.integer({ min: 1, max: 60 }),
  ),
  output: fc.oneof(
    fc.integer({ min: 1, max: 4 }),
    fc.integer({ min: 1, max: 30 }),
    fc.integer({ min: 12, max: 40 }),
  ),
  tier: fc.nat({ max: 2 }),
  needsLarge: fc.integer({ min: 0, max: 5 }).map((roll) => roll === 5),
  taskType: fc.nat({ max: 1 }),
  tenant: fc.integer({ min: -1, max: 2 }),
  turns: fc.integer({ min: 1, max: 4 }),
  difficulty: fc.integer({ min: -256, max: 256 }).map((k) => k / 128),
};

/** A request, or a session of requests: the first after a gap, often none, the others after thinking. */
const unit = fc.record({
  gap: fc.oneof(fc.constant(0), fc.constant(0), seconds(0.02), seconds(0.02), seconds(0.2)),
  first: fc.record(step),
  more: fc.oneof(
    fc.constant([]),
    fc.constant([]),
    fc.array(
      fc.record({
        ...step,
        think: fc.oneof(fc.constant(0), seconds(0.1)),
        keeps: fc.constantFrom(true, true, false),
      }),
      {
        minLength: 1,
        maxLength: 3,
      },
    ),
  ),
});

const rows: fc.Arbitrary<TraceRow[]> = fc
  .array(unit, { minLength: 1, maxLength: 40, size: "max" })
  .map((units) => {
    let arrival = 0;
    return units.flatMap(({ gap, first, more }, session) => {
      arrival += gap;
      const all: TraceRow[] = [{ ...first, arrival, session: more.length > 0 ? session : -1, step: 0 }];
      for (const { think, keeps, ...next } of more) {
        const before = all[all.length - 1];
        const prefix = keeps ? before.prompt + before.output : 0;
        all.push({ ...next, prompt: next.prompt + prefix, prefix, think, session, step: all.length });
      }
      return all;
    });
  });

function faults(endpoints: number): fc.Arbitrary<Fault[]> {
  const where = { atSeconds: seconds(0.8), endpoint: fc.nat({ max: endpoints - 1 }) };
  const outage = fc
    .record({ ...where, lasts: seconds(0.3) })
    .map(({ atSeconds, endpoint: e, lasts }): Fault[] => [
      { atSeconds, endpoint: e, kind: "down" },
      { atSeconds: atSeconds + lasts, endpoint: e, kind: "up" },
    ]);
  const notice = fc
    .record({ ...where, noticeSeconds: seconds(0.2), lasts: seconds(0.3) })
    .map(({ atSeconds, endpoint: e, noticeSeconds, lasts }): Fault[] => [
      { atSeconds, endpoint: e, kind: "notice", noticeSeconds },
      { atSeconds: atSeconds + noticeSeconds + lasts, endpoint: e, kind: "up" },
    ]);
  const slow = fc
    .record({ ...where, timeFactor: fc.constantFrom(1, 2, 3.7) })
    .map((fault): Fault[] => [{ ...fault, kind: "slow" }]);
  const forGood = fc.record(where).map((fault): Fault[] => [{ ...fault, kind: "down" }]);
  return fc
    .array(fc.oneof({ weight: 4, arbitrary: outage }, { weight: 3, arbitrary: slow }, notice, forGood), {
      maxLength: 3,
    })
    .map((lists) => lists.flat());
}

/** Any run: fleets of one to four endpoints, sometimes a prefill and a decode one. */
export const arbitraryRun: fc.Arbitrary<RunConfig> = fc
  .record({
    regions: fc.array(region, { minLength: 1, maxLength: 3 }),
    count: fc.integer({ min: 1, max: 4 }),
  })
  .chain(({ regions, count }) =>
    fc.record({
      regions: fc.constant(regions),
      endpoints: fc
        .tuple(
          fc.array(endpoint(regions.length), { minLength: count, maxLength: count }),
          fc.integer({ min: 0, max: 2 }),
        )
        .map(([endpoints, roll]) => (roll === 0 ? withSplit(endpoints) : endpoints)),
      faults: faults(count),
      kvTransfer: fc.record({
        bytesPerSecond: fc.constantFrom(1e9, 1.34217728e8),
        latencySeconds: fc.constantFrom(0, 0.0021),
      }),
      rows,
      chunkRows: fc.constantFrom(1, 7, 1000),
      seed: fc.nat({ max: 1e6 }),
      calm: fc.boolean(),
      latency: fc.constantFrom("ttft" as const, "e2e" as const),
      telemetryIntervalSeconds: fc.constantFrom(0, 1 / 16, 0.1, 1),
      signalIntervalSeconds: fc.constantFrom(0.125, 0.3, 5),
      end: fc.constantFrom("drain" as const, "drain" as const, "cut" as const),
      horizonSeconds: fc.option(seconds(1.5)),
      explain: fc.boolean(),
      answers: fc.boolean(),
      clock: fc.constantFrom("arrival" as const, "dispatch" as const),
    }),
  )
  .map((config) => (config.horizonSeconds === null ? { ...config, end: "drain" as const } : config));

/** The first two endpoints become a prefill and a decode endpoint of one model. */
function withSplit(endpoints: readonly EndpointConfig[]): EndpointConfig[] {
  return endpoints.map((config, i) => {
    if (endpoints.length < 2 || i > 1) return config;
    if (i === 0) return { ...config, role: "prefill" };
    const { model } = endpoints[0];
    return { ...config, model, role: "decode", batching: { ...config.batching, policy: "vllm-v1" } };
  });
}
