import type { PowerSamples } from "../../../src/native/power-addon.ts";
import { Stream } from "../../../src/numeric/random.ts";
import type { Bench, ClosedLoad, EngineSize, OpenEngine } from "../../../src/profile/measure/bench.ts";
import type { HostReading } from "../../../src/profile/measure/host-load.ts";
import {
  type HeaderRecord,
  MEASURE_RECORDS_ID,
  type MeasureSettings,
  type ModelFacts,
  type Protocol,
  type StepColumns,
} from "../../../src/profile/measure/records.ts";

/** ms = perLayer terms x layers + base; what a step of the scripted engine takes before noise. */
export interface ScriptedLaw {
  readonly baseMs: number;
  readonly perSequenceMs: number;
  readonly perContextTokenMs: number;
  readonly perPromptTokenMs: number;
  /** A step that reads prompts and decodes takes the longer of the two, not their sum. */
  readonly overlaps?: boolean;
}

export const LAW: ScriptedLaw = {
  baseMs: 4,
  perSequenceMs: 0.25,
  perContextTokenMs: 0.0004,
  perPromptTokenMs: 0.05,
};

/** Layers of the scripted model at its full depth; the law holds there, and half of it is in the layers. */
export const LAYERS = 8;

export interface Script {
  readonly law?: ScriptedLaw;
  /** Standard deviation of a step's time over its mean. */
  readonly noise?: number;
  /** Watts of GPUs while stepping, by sequences; without it there is no meter. */
  readonly watts?: (sequences: number) => number;
  readonly idleWatts?: number;
  /** Processors that others take, by monotonic seconds. */
  readonly foreign?: (seconds: number) => number;
  /** Clock event reasons, by monotonic seconds. */
  readonly eventReasons?: (seconds: number) => number;
  /** The first step of a load takes so many times as long, those after it ever less, until the cold is over. */
  readonly coldFactor?: number;
  readonly coldSeconds?: number;
}

const IDLE_WATTS = 60;

export function modelOf(layers: number): ModelFacts {
  const [inLayers, embedding, head] = [1e6, 2e6, 2e6];
  return {
    name: "scripted",
    layers,
    parameters: inLayers * layers + embedding + head,
    embeddingParameters: embedding,
    headParameters: head,
    bytesPerParameter: 2,
    kvBytesPerToken: 512 * layers,
    maxTokens: 2048,
    precision: "bf16",
  };
}

/** An engine, a host and a meter of known laws on a clock of their own: no time passes for a test. */
export class ScriptedBench implements Bench {
  #seconds = 1000;
  #foreignUntil = 1000;
  #foreignSeconds = 0;
  readonly #script: Script;
  readonly #random = new Stream("scripted", "noise");
  /** Watts from each time on. */
  readonly #wattsFrom: { seconds: number; watts: number }[];
  /** Engines that were opened, in order. */
  readonly opened: EngineSize[] = [];

  constructor(script: Script = {}) {
    this.#script = script;
    this.#wattsFrom = [{ seconds: 0, watts: script.idleWatts ?? IDLE_WATTS }];
  }

  now(): number {
    return this.#seconds;
  }

  async sleep(seconds: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#power(this.#script.idleWatts ?? IDLE_WATTS);
    this.#seconds += seconds;
  }

  host(): HostReading {
    const { foreign } = this.#script;
    for (; foreign !== undefined && this.#foreignUntil < this.#seconds; this.#foreignUntil += 0.01) {
      this.#foreignSeconds += 0.01 * foreign(this.#foreignUntil);
    }
    const ownSeconds = 2 * (this.#seconds - 1000);
    return {
      seconds: this.#seconds,
      busySeconds: ownSeconds + this.#foreignSeconds,
      stolenSeconds: 0,
      ownSeconds,
      otherGpuProcesses: null,
    };
  }

  temperatureCelsius(): number | null {
    return null;
  }

  startMeter() {
    if (this.#script.watts === undefined) return null;
    const from = this.#seconds;
    let stopped: PowerSamples | undefined;
    return {
      stop: () => {
        stopped ??= this.#samples(from, this.#seconds);
        return stopped;
      },
    };
  }

  model(layers: number): ModelFacts {
    return modelOf(layers);
  }

  async open(size: EngineSize): Promise<OpenEngine> {
    this.opened.push(size);
    let load: ClosedLoad | undefined;
    let steps = 0;
    let began = 0;
    return {
      description: { isa: "scripted", gemm: "none at all" },
      begin: (next) => {
        load = next;
        steps = 0;
        began = this.#seconds;
      },
      advance: async (seconds, signal) => {
        signal.throwIfAborted();
        if (load === undefined) throw new Error("no load");
        const rows: Row[] = [];
        const until = this.#seconds + seconds;
        do rows.push(this.#step(load, steps++, size.layers, began));
        while (this.#seconds < until);
        return columnsOf(rows);
      },
      close: async () => undefined,
    };
  }

  #step(load: ClosedLoad, step: number, layers: number, began: number): Row {
    const { law = LAW, noise = 0, coldFactor = 1, coldSeconds = 1, watts } = this.#script;
    const { batch, promptTokens, outputTokens, contextInCache } = load;
    // A loop with prompts reads one every other step.
    const prompts = contextInCache ? 0 : outputTokens === 1 ? 1 : step % 2;
    const sequences = outputTokens === 1 ? 0 : batch - prompts;
    // Contexts wander around the mean as sequences of random phases do.
    const wander = ((step % outputTokens) - (outputTokens - 1) / 2) / batch;
    const context = Math.round(sequences * (promptTokens + outputTokens / 2 + wander));
    const prefill = prompts * promptTokens;
    const decodeMs = law.perSequenceMs * sequences + law.perContextTokenMs * context;
    const prefillMs = law.perPromptTokenMs * prefill;
    const full = law.baseMs + (law.overlaps ? Math.max(decodeMs, prefillMs) : decodeMs + prefillMs);
    const cold = 1 + (coldFactor - 1) * Math.max(0, 1 - (this.#seconds - began) / coldSeconds);
    const ms =
      cold *
      full *
      (0.5 + (0.5 * layers) / LAYERS) *
      Math.exp(noise * this.#random.normal() - noise ** 2 / 2);
    const start = this.#seconds;
    if (watts !== undefined) this.#power(watts(Math.max(1, sequences)));
    this.#seconds += ms / 1e3;
    return {
      start,
      end: this.#seconds,
      prefill,
      sequences,
      context,
      steady: outputTokens === 1 || prompts === 0,
    };
  }

  #power(watts: number): void {
    const last = this.#wattsFrom[this.#wattsFrom.length - 1];
    if (last.watts !== watts) this.#wattsFrom.push({ seconds: this.#seconds, watts });
  }

  /** Samples every 20 ms of a counter that moves every 100 ms. */
  #samples(from: number, to: number): PowerSamples {
    const times: number[] = [];
    for (let at = from; at < to; at += 0.02) times.push(at);
    times.push(to);
    const column = (value: (seconds: number) => number) => Float64Array.from(times, value);
    let joules = 0;
    let last = from;
    let shown = 0;
    let refresh = Math.ceil(from * 10) / 10;
    const counter = column((at) => {
      joules += this.#watts((at + last) / 2) * (at - last);
      last = at;
      if (at >= refresh) {
        shown = joules;
        refresh += 0.1;
      }
      return 1e3 * shown;
    });
    const none = column(() => Number.NaN);
    return {
      periodSeconds: 0.02,
      rows: times.length,
      missedDeadlines: 0,
      lostRows: 0,
      wakeErrorSeconds: none,
      marks: [],
      zones: [],
      gpus: [
        {
          uuid: "GPU-scripted",
          pciBusId: "0",
          powerSource: "instant-gpu",
          failures: [],
          columns: {
            energySeconds: column((at) => at),
            energyMillijoules: counter,
            powerSeconds: column((at) => at),
            powerMilliwatts: column((at) => 1e3 * this.#watts(at)),
            smClockMHz: column(() => 1410),
            memoryClockMHz: column(() => 1593),
            eventReasons: column(this.#script.eventReasons ?? (() => 0)),
            temperatureCelsius: none,
            utilisationPercent: none,
            memoryUsedBytes: none,
            performanceState: none,
          },
        },
      ],
    };
  }

  #watts(at: number): number {
    let low = 0;
    let high = this.#wattsFrom.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#wattsFrom[middle].seconds <= at) low = middle;
      else high = middle;
    }
    return this.#wattsFrom[low].watts;
  }
}

interface Row {
  start: number;
  end: number;
  prefill: number;
  sequences: number;
  context: number;
  steady: boolean;
}

export function columnsOf(rows: readonly Row[]): StepColumns {
  return {
    startSeconds: Float64Array.from(rows, ({ start }) => start),
    endSeconds: Float64Array.from(rows, ({ end }) => end),
    prefillTokens: Int32Array.from(rows, ({ prefill }) => prefill),
    decodeSequences: Int32Array.from(rows, ({ sequences }) => sequences),
    contextTokens: Int32Array.from(rows, ({ context }) => context),
    deviceMs: Float64Array.from(rows, () => -1),
    steady: Uint8Array.from(rows, ({ steady }) => Number(steady)),
  };
}

export const PROTOCOL: Protocol = {
  preset: "quick",
  batches: [1, 4, 16, 64],
  contexts: [64, 512],
  prompts: [32, 128, 512],
  decodeAfterPrompts: false,
  trials: 2,
  windowSeconds: 0.25,
  warmUpMostSeconds: 3,
  leastWindows: 6,
  leastSteps: 10,
  targetError: 0.01,
  mostSeconds: 2.5,
  idleSeconds: 1,
  coolDownMostSeconds: 0,
};

export function headerOf(
  settings: Partial<MeasureSettings> = {},
  header: Partial<HeaderRecord> = {},
): HeaderRecord {
  return {
    kind: "header",
    schema: MEASURE_RECORDS_ID,
    measuredAt: "2026-01-02T03:04:05.000Z",
    settings: {
      id: "scripted",
      backend: "cpu",
      model: "scripted",
      protocol: PROTOCOL,
      layers: [LAYERS],
      threads: 2,
      lockedClockMHz: null,
      powerModel: null,
      seed: "a",
      ...settings,
    },
    host: {
      cpuModel: "Scripted CPU",
      instructionSets: ["none"],
      usableThreads: 2,
      usableCores: 2,
      quotaCpus: null,
      kernel: "1.0",
      governor: null,
      container: null,
      loadAverage: 0,
      compiler: "none",
      compilerFlags: "",
      gitHash: "0123456789abcdef",
      gpuModel: null,
      gpuUuid: null,
      driver: null,
      cuda: null,
      maximumClocksMHz: null,
      powerLimitWatts: null,
      persistenceMode: null,
      ecc: null,
      mig: null,
      otherGpuProcesses: null,
    },
    model: modelOf(LAYERS),
    peaks: { bytesPerSecond: 10e9, flopsPerSecond: 100e9, source: "the script" },
    memoryBytes: 8e9,
    gpu: null,
    power: null,
    powerReason: "no meter on this host",
    ...header,
  };
}
