/** Small builders for the tests of the simulator: fleets, workloads, a sink that remembers, a replay router. */
import type { Batching, Endpoint, Fault, Fleet, KvTransfer, Region } from "../../src/fleet/fleet.ts";
import { Law } from "../../src/profile/law.ts";
import type { Router, RouterHost, World } from "../../src/routers/contract.ts";
import type { RecordSink, RunOptions, RunTotals } from "../../src/simulator/options.ts";
import { type RecordingSink, recordingSink } from "./recording-sink.ts";
import { type TraceParts, type TraceRow, traceOf } from "./trace.ts";

export { type RecordedRow, type RecordingSink, recordingSink } from "./recording-sink.ts";
export { type TraceParts, type TraceRow, traceOf } from "./trace.ts";

/** Anything that runs a workload: the simulator or its oracle. */
export type Simulate = (options: RunOptions, sink: RecordSink) => RunTotals;

export interface AffineLaw {
  readonly baseSeconds: number;
  readonly perPromptTokenSeconds: number;
  readonly perSequenceSeconds: number;
  readonly perContextTokenSeconds: number;
  readonly idleWatts?: number;
  readonly prefillWatts?: number;
  /** Watts while D requests decode: base + perSequence * D. */
  readonly decodeWatts?: number;
  readonly decodeWattsPerSequence?: number;
}

/** T = base + a P + b D + c K for iterations of any kind. */
export function affineLaw(law: AffineLaw, maxSequences = 256): Law {
  const decodeWatts = (batch: number) => (law.decodeWatts ?? 400) + (law.decodeWattsPerSequence ?? 0) * batch;
  return new Law(
    {
      decode: {
        baseSeconds: law.baseSeconds,
        perSequenceSeconds: law.perSequenceSeconds,
        perContextTokenSeconds: law.perContextTokenSeconds,
      },
      prefill: { baseSeconds: law.baseSeconds, perTokenSeconds: law.perPromptTokenSeconds },
      overheadSeconds: law.baseSeconds,
      mixedRule: "add",
      power: {
        idleWatts: law.idleWatts ?? 100,
        idleUnloadedWatts: 50,
        prefillWatts: law.prefillWatts ?? 600,
        decode: { batch: [1, maxSequences], watts: [decodeWatts(1), decodeWatts(maxSequences)] },
      },
    },
    maxSequences,
  );
}

/** The law of the facts of specs/batching.md: T = 5 + 0.05 P + 0.2 D + 0.0005 K milliseconds. */
export const factLaw = affineLaw({
  baseSeconds: 0.005,
  perPromptTokenSeconds: 0.00005,
  perSequenceSeconds: 0.0002,
  perContextTokenSeconds: 0.0000005,
});

export const defaultBatching: Batching = {
  policy: "vllm-v1",
  maxRequests: 64,
  tokenBudget: 512,
  kvBlocks: 20000,
  blockTokens: 16,
  watermarkFraction: 0,
  paddedTokenLimit: 4096,
  order: "fifo",
  victim: "youngest",
  prefixReuse: false,
};

export interface EndpointParts extends Partial<Omit<Endpoint, "batching">> {
  readonly batching?: Partial<Batching>;
}

export interface FleetParts {
  readonly endpoints?: readonly EndpointParts[];
  readonly regions?: readonly Partial<Region>[];
  readonly faults?: readonly Fault[];
  readonly kvTransfer?: Partial<KvTransfer>;
}

/** A fleet of one large and (index 1) one small model; one endpoint per entry, named e0, e1, … */
export function fleetOf({ endpoints = [{}], regions = [{}], faults = [], kvTransfer }: FleetParts): Fleet {
  return {
    regions: regions.map((parts, i) => ({
      name: `r${i}`,
      carbon: track([[0, 400]]),
      energyPrice: null,
      pue: 1,
      water: null,
      ...parts,
    })),
    models: [
      { name: "large", large: true },
      { name: "small", large: false },
    ],
    groups: endpoints.map((_, i) => `g${i}`),
    endpoints: endpoints.map((parts, i) => endpointOf(parts, i)),
    faults,
    kvTransfer: { bytesPerSecond: 1e9, latencySeconds: 0, ...kvTransfer },
  };
}

function endpointOf(parts: EndpointParts, index: number): Endpoint {
  const replicas = parts.replicas ?? 1;
  return {
    name: `e${index}`,
    region: 0,
    model: 0,
    group: index,
    role: "mixed",
    replicas,
    minReplicas: 0,
    maxReplicas: replicas,
    startupSeconds: 0,
    law: factLaw,
    profileId: "affine",
    provenance: "synthetic",
    maxModelTokens: 1 << 20,
    overlong: "truncate",
    kvBytesPerToken: 1e5,
    gpusPerReplica: 1,
    usdPerReplicaHour: 3.6,
    hostWattsPerReplica: 0,
    roundTripSeconds: 0,
    localBalancer: "outstanding-tokens",
    maxOutstanding: Number.POSITIVE_INFINITY,
    powerStates: [{ name: "full", timeFactor: 1, powerFactor: 1 }],
    ...parts,
    batching: { ...defaultBatching, ...parts.batching },
  };
}

/** A step function of run time from pairs [from, value]; the first from <= 0. */
export function track(steps: readonly (readonly [seconds: number, value: number])[]): Region["carbon"] {
  return {
    times: Float64Array.from(steps, (step) => step[0]),
    values: Float64Array.from(steps, (step) => step[1]),
    endSeconds: Number.POSITIVE_INFINITY,
  };
}

/** Options with everything at its plainest. */
export function optionsOf(parts: Partial<RunOptions> & Pick<RunOptions, "fleet" | "workload">): RunOptions {
  return {
    router: replayRouter(),
    seed: 1,
    signal: "average",
    latency: "ttft",
    clock: "arrival",
    telemetryIntervalSeconds: 0.1,
    signalIntervalSeconds: 300,
    end: "drain",
    horizonSeconds: null,
    forecastCarbon: null,
    artefacts: new Map(),
    explain: false,
    clairvoyant: false,
    startHour: 0,
    answers: null,
    ...parts,
  };
}

/**
 * Places every request where its row says, at endpoint 0 where it says nothing, with the priority that
 * `priorityOf` gives. What the endpoint does not take waits, first come first served, for room.
 */
export function replayRouter(priorityOf: (request: number, world: World) => number = () => 0): Router {
  let world: World;
  let host: RouterHost;
  let queue: number[] = [];
  function placeAll(): void {
    queue = queue.filter((request) => {
      const endpoint = Math.max(0, world.requests.recordedEndpoint[request]);
      return !host.place(request, endpoint, -1, priorityOf(request, world));
    });
    host.watchCapacity(queue.length > 0);
  }
  function enter(request: number): void {
    queue.push(request);
    placeAll();
  }
  return {
    start(givenWorld, givenHost) {
      world = givenWorld;
      host = givenHost;
    },
    arrival: enter,
    returned: enter,
    capacity: placeAll,
    fleet: placeAll,
  };
}

/** What the methods of {@link routerOf} work with, filled when the run starts. */
export interface Gateway {
  world: World;
  host: RouterHost;
}

/** A small router from its methods; without `arrival` it places everything at endpoint 0. */
export function routerOf(make: (gateway: Gateway) => Partial<Router>): Router {
  const gateway = {} as Gateway;
  const methods = make(gateway);
  return {
    arrival: (request) => gateway.host.place(request, 0),
    ...methods,
    start(world, host) {
      Object.assign(gateway, { world, host });
      methods.start?.(world, host);
    },
  };
}

export interface RunParts extends FleetParts, Partial<Omit<RunOptions, "fleet" | "workload">> {
  readonly rows: readonly TraceRow[];
  readonly trace?: TraceParts;
}

/** Runs rows over a fleet, both given by their parts. */
export function runParts(simulate: Simulate, parts: RunParts): { sink: RecordingSink; totals: RunTotals } {
  const { endpoints, regions, faults, kvTransfer, rows, trace, ...options } = parts;
  const given = { endpoints, regions, faults, kvTransfer };
  const fleet = fleetOf(Object.fromEntries(Object.entries(given).filter(([, part]) => part !== undefined)));
  const sink = recordingSink();
  const totals = simulate(optionsOf({ fleet, workload: traceOf(rows, trace), ...options }), sink);
  return { sink, totals };
}
