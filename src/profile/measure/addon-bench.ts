import { setTimeout as sleepFor } from "node:timers/promises";
import { UserError } from "../../errors.ts";
import type { NativeAddon } from "../../native/addon.ts";
import type { ModelShape, PresetShape, StepLog } from "../../native/engine-addon.ts";
import type { ClockLock, GpuPowerDescription, PowerDescription } from "../../native/power-addon.ts";
import type { Bench, OpenEngine } from "./bench.ts";
import { monotonicSeconds } from "./clock.ts";
import { readHostLoad } from "./host-load.ts";
import type { ModelFacts, StepColumns } from "./records.ts";

const SAMPLING_PERIOD_MS = 20;

/** What the addon's engine runs on. */
export interface AddonTarget {
  readonly backend: "cpu" | "cuda";
  readonly model: string;
  readonly threads: number;
  /** CUDA's index and its meter; null for a CPU. */
  readonly gpu: { readonly index: number; readonly meter: GpuPowerDescription | null } | null;
  /** Whether the host's packages can be metered, for a CPU. */
  readonly rapl: boolean;
}

/** This host: the addon's engine, meters and clock. */
export class AddonBench implements Bench {
  readonly #addon: NativeAddon;
  readonly #target: AddonTarget;
  readonly #shape: PresetShape;

  constructor(addon: NativeAddon, target: AddonTarget) {
    this.#addon = addon;
    this.#target = target;
    this.#shape = addon.presetShape(target.model);
  }

  now(): number {
    return monotonicSeconds();
  }

  async sleep(seconds: number, signal: AbortSignal): Promise<void> {
    await sleepFor(1e3 * seconds, undefined, { signal });
  }

  host() {
    return readHostLoad(this.#otherGpuProcesses());
  }

  temperatureCelsius(): number | null {
    const { gpu } = this.#target;
    if (gpu?.meter == null) return null;
    const sampler = new this.#addon.PowerSampler({
      gpus: [gpu.meter.uuid],
      cpu: false,
      periodMs: SAMPLING_PERIOD_MS,
      capacity: 16,
    });
    sampler.start();
    const { temperatureCelsius } = sampler.stop().gpus[0].columns;
    const last = temperatureCelsius[temperatureCelsius.length - 1];
    return Number.isNaN(last) ? null : last;
  }

  startMeter(mostSeconds: number) {
    const { gpu, rapl } = this.#target;
    if (gpu === null ? !rapl : gpu.meter === null) return null;
    const sampler = new this.#addon.PowerSampler({
      gpus: gpu?.meter == null ? [] : [gpu.meter.uuid],
      cpu: gpu === null,
      periodMs: SAMPLING_PERIOD_MS,
      capacity: Math.ceil((1e3 * mostSeconds) / SAMPLING_PERIOD_MS),
    });
    sampler.start();
    return sampler;
  }

  model(layers: number): ModelFacts {
    return factsOf(this.#shape, layers);
  }

  async open({ layers, kvBlocks, ...size }: Parameters<Bench["open"]>[0]): Promise<OpenEngine> {
    const { backend, threads, gpu } = this.#target;
    const shape: ModelShape = { ...this.#shape, layers };
    const engine = new this.#addon.Engine({
      shape,
      blocks: kvBlocks,
      ...size,
      backend,
      threads,
      ...(gpu === null ? {} : { device: gpu.index }),
    });
    await engine.load();
    return {
      description: engine.describe(),
      begin: (load) => engine.beginClosedLoop(load),
      async advance(seconds, signal) {
        signal.throwIfAborted();
        const cancel = () => engine.cancel();
        signal.addEventListener("abort", cancel);
        try {
          const log = await engine.advance({ seconds });
          signal.throwIfAborted();
          if (log.ended === "limit") return columnsOf(log);
          throw new Error(`the load ended (${log.ended}) after ${log.startNs.length} steps`);
        } finally {
          signal.removeEventListener("abort", cancel);
        }
      },
      close: async () => engine.close(),
    };
  }

  /** Those on the GPU but for this process, which may see itself under another number in a container. */
  #otherGpuProcesses(): number | null {
    const { gpu } = this.#target;
    if (gpu?.meter == null) return null;
    const now = this.#addon.describePower().nvml.gpus.find(({ uuid }) => uuid === gpu.meter?.uuid);
    const processes = now?.computeProcesses;
    if (processes == null) return null;
    const own = processes.some(({ pid }) => pid === process.pid) ? 1 : 0;
    const strangers = processes.length - own;
    // A lone process of another number is this one, seen from outside its container.
    return own === 0 && strangers === 1 ? 0 : strangers;
  }
}

/** Locks the clocks of a GPU. @throws UserError CANOPY_MEASURE_CLOCKS where the driver refuses */
export function lockClocks(addon: NativeAddon, gpu: GpuPowerDescription, smClockMHz: number): ClockLock {
  try {
    return new addon.ClockLock({ gpus: [gpu.uuid], smClockMHz });
  } catch (cause) {
    throw new UserError("CANOPY_MEASURE_CLOCKS", `--lock-clocks ${smClockMHz}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** The meter of a CUDA device, by uuid; null where NVML does not have it, with the reason. */
export function meterOf(
  { nvml }: PowerDescription,
  uuid: string,
): { readonly meter: GpuPowerDescription | null; readonly reason: string | null } {
  if (nvml.reason !== null) return { meter: null, reason: nvml.reason };
  const meter = nvml.gpus.find((gpu) => gpu.uuid === uuid);
  if (meter === undefined) return { meter: null, reason: `NVML has no GPU ${uuid}` };
  return { meter: meter.refusal === null ? meter : null, reason: meter.refusal };
}

/** A preset at a depth of so many layers. */
export function factsOf(shape: PresetShape, layers: number): ModelFacts {
  const embeddingParameters = shape.vocab * shape.hidden;
  // The last norm is outside the layers too, and as small as to be left with them.
  const inLayers = shape.parameters - 2 * embeddingParameters;
  return {
    name: shape.name,
    layers,
    parameters: 2 * embeddingParameters + Math.round((inLayers * layers) / shape.layers),
    embeddingParameters,
    headParameters: embeddingParameters,
    bytesPerParameter: shape.weightBytes / shape.parameters,
    kvBytesPerToken: (shape.kvBytesPerToken * layers) / shape.layers,
    maxTokens: shape.maxTokens,
    precision: shape.weights,
  };
}

function columnsOf(log: StepLog): StepColumns {
  const seconds = (ns: Float64Array) => ns.map((value) => log.originSeconds + value * 1e-9);
  return {
    startSeconds: seconds(log.startNs),
    endSeconds: seconds(log.endNs),
    prefillTokens: log.prefillTokens,
    decodeSequences: log.decodeSequences,
    contextTokens: log.contextTokens,
    deviceMs: log.deviceMs,
    steady: log.steady,
  };
}
