import type { Law } from "../profile/law.ts";
import type { Router, RouterHost } from "../routers/contract.ts";
import type { RecordColumns, RecordSink } from "../simulator/options.ts";
import { simulate } from "../simulator/simulate.ts";
import { DEFAULT_TIER } from "../workload/classes.ts";
import { sharedColumns } from "../workload/columns.ts";
import { Trace } from "../workload/trace.ts";
import { engineEndpoint, NOWHERE } from "./engine-endpoint.ts";
import type { EngineLimits, RecordedTrace } from "./records.ts";

/** Times of the requests of a trace in seconds since the load began. */
export interface ServedTimes {
  readonly firstTokenSeconds: Float64Array;
  readonly finishSeconds: Float64Array;
  /** Of the whole replica from the first arrival to the last token, idle included; null without power. */
  readonly joules: number | null;
}

/** What the simulator says of a trace on one replica. */
export function predict(law: Law, limits: EngineLimits, trace: RecordedTrace): ServedTimes {
  const sink = new TimesSink(trace.arrivalNs.length);
  const totals = simulate(
    {
      fleet: {
        regions: [NOWHERE],
        models: [{ name: "model", large: true }],
        groups: ["engine"],
        endpoints: [engineEndpoint(law, limits)],
        faults: [],
        kvTransfer: { bytesPerSecond: 1e9, latencySeconds: 0 },
      },
      workload: workloadOf(trace),
      router: new OnlyEndpoint(),
      seed: 1,
      signal: "average",
      latency: "e2e",
      clock: "arrival",
      telemetryIntervalSeconds: 1,
      signalIntervalSeconds: 0,
      end: "drain",
      horizonSeconds: null,
      forecastCarbon: null,
      artefacts: new Map(),
      explain: false,
      clairvoyant: false,
      startHour: 0,
      answers: null,
    },
    sink,
  );
  const [{ activeJoules, idleJoules }] = totals.endpoints;
  // Before the first arrival the replica idles, in the simulation alone.
  const before = law.hasPower ? (trace.arrivalNs[0] / 1e9) * law.idleWatts : 0;
  return { ...sink, joules: law.hasPower ? activeJoules + idleJoules - before : null };
}

class OnlyEndpoint implements Router {
  #host!: RouterHost;

  start(_world: unknown, host: RouterHost): void {
    this.#host = host;
  }

  arrival(request: number): void {
    this.#host.place(request, 0);
  }
}

class TimesSink implements RecordSink {
  readonly firstTokenSeconds: Float64Array;
  readonly finishSeconds: Float64Array;
  #columns!: RecordColumns;

  constructor(requests: number) {
    this.firstTokenSeconds = new Float64Array(requests);
    this.finishSeconds = new Float64Array(requests);
  }

  begin(columns: RecordColumns): void {
    this.#columns = columns;
  }

  finished(request: number): void {
    const { id, firstTokenSeconds, finishedSeconds } = this.#columns;
    this.firstTokenSeconds[id[request]] = firstTokenSeconds[request];
    this.finishSeconds[id[request]] = finishedSeconds[request];
  }

  rejected(request: number, reason: string): void {
    throw new Error(`request ${this.#columns.id[request]} was rejected: ${reason}`);
  }

  placed(): void {}
  unfinished(): void {}
  weights(): void {}
}

function workloadOf({ arrivalNs, promptTokens, outputTokens }: RecordedTrace): Trace {
  const columns = sharedColumns([], arrivalNs.length);
  columns.arrivalSeconds.set(arrivalNs.map((ns) => ns / 1e9));
  columns.promptTokens.set(promptTokens);
  columns.outputTokens.set(outputTokens);
  return new Trace(
    { name: "recorded", tiers: [DEFAULT_TIER], taskTypes: [], endpointNames: [], notes: {} },
    columns,
  );
}
