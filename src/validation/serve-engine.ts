import type { NativeAddon } from "../native/addon.ts";
import type { Engine } from "../native/engine-addon.ts";
import type { Bench } from "../profile/measure/bench.ts";
import type { HeaderRecord } from "../profile/measure/records.ts";
import { energyOfWindow, joulesOf } from "../profile/measure/window-energy.ts";
import type { Profile } from "../profile/schema.ts";
import { capacityOf, makeTrace } from "./make-trace.ts";
import type {
  EngineLimits,
  LoadRecord,
  RecordedStretch,
  RecordedTrace,
  ValidationRecords,
} from "./records.ts";
import { VALIDATION_RECORDS_ID } from "./records.ts";
import { runStretch } from "./stretch.ts";

/** Loads as shares of the capacity. */
export const LOADS = [0.3, 0.6, 0.9] as const;
/** Requests of the run that finds the capacity. */
export const CAPACITY_REQUESTS = 100;
/** A counter has to change on both sides of a load. */
const MARGIN_SECONDS = 0.3;

/** About 6 requests of a trace fit the cache, of the 16 that may run: some are preempted, and prompts come in chunks. */
const LIMITS = { blocks: 28, blockTokens: 16, tokenBudget: 96, maxRequests: 16 } as const;

export interface ServeOptions {
  readonly requests: number;
  readonly seed: string;
  readonly signal: AbortSignal;
  readonly onProgress: (line: string) => void;
}

/** The addon's engine serves a trace at each load in real time. Rejects with the signal's reason when that aborts. */
export async function serveEngine(
  addon: NativeAddon,
  { bench, header }: { readonly bench: Bench; readonly header: HeaderRecord },
  profile: Profile,
  device: number,
  { requests, seed, signal, onProgress }: ServeOptions,
): Promise<ValidationRecords> {
  const { backend, model, threads } = header.settings;
  const shape = addon.presetShape(model);
  const limits: EngineLimits = { ...LIMITS, maxModelTokens: shape.maxTokens };
  const engine = new addon.Engine({ shape, ...LIMITS, backend, threads, device });
  await engine.load();
  try {
    const description = engine.describe();
    const burst = makeTrace(seed, "capacity", CAPACITY_REQUESTS, Number.POSITIVE_INFINITY);
    // The first run finds caches and clocks as no later one does.
    await serve(engine, burst, signal);
    const capacity = capacityOf((await serve(engine, burst, signal)).finishNs);
    onProgress(`capacity: ${capacity.toPrecision(3)} requests per second`);
    const loads: LoadRecord[] = [];
    const stretches: RecordedStretch[] = [await runStretch(engine, signal)];
    for (const load of LOADS) {
      const requestsPerSecond = load * capacity;
      const trace = makeTrace(seed, `load-${load}`, requests, requestsPerSecond);
      const lastSeconds = trace.arrivalNs[requests - 1] / 1e9;
      onProgress(`load ${load}: ${requests} requests in about ${Math.ceil(lastSeconds)} s`);
      const meter = bench.startMeter(2 * lastSeconds + 60);
      try {
        if (meter !== null) await bench.sleep(MARGIN_SECONDS, signal);
        const before = bench.host();
        const served = await serve(engine, trace, signal);
        const host = [before, bench.host()] as const;
        if (meter !== null) await bench.sleep(MARGIN_SECONDS, signal);
        const from = served.originSeconds + trace.arrivalNs[0] / 1e9;
        const to = served.originSeconds + served.steps.endNs[served.steps.endNs.length - 1] / 1e9;
        const { originSeconds: _, ...record } = served;
        const joules = meter === null ? null : joulesOf(energyOfWindow(meter.stop(), from, to));
        loads.push({ load, requestsPerSecond, trace, ...record, joules, host, failed: 0 });
        stretches.push(await runStretch(engine, signal));
      } finally {
        meter?.stop();
      }
    }
    return {
      schema: VALIDATION_RECORDS_ID,
      measuredAt: new Date().toISOString(),
      target: { kind: "engine", backend, model, description },
      limits,
      seed,
      capacityRequestsPerSecond: capacity,
      loads,
      stretches,
      profile,
      host: header.host,
      powerReason: header.powerReason,
    };
  } finally {
    engine.close();
  }
}

async function serve(
  engine: Engine,
  trace: RecordedTrace,
  signal: AbortSignal,
): Promise<
  Pick<LoadRecord, "firstTokenNs" | "finishNs"> & {
    readonly steps: NonNullable<LoadRecord["steps"]>;
    readonly originSeconds: number;
  }
> {
  signal.throwIfAborted();
  const cancel = () => engine.cancel();
  signal.addEventListener("abort", cancel);
  try {
    engine.beginTrace(trace);
    const { originSeconds, deviceMs: _, steady: __, ...steps } = await engine.advance({});
    signal.throwIfAborted();
    const { firstTokenNs, finishNs } = engine.requestTimes();
    return { firstTokenNs, finishNs, steps, originSeconds };
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}
