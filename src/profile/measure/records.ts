import type { PowerDescription, PowerSamples } from "../../native/power-addon.ts";
import type { HostReading } from "./host-load.ts";
import type { HostRecord } from "./host-record.ts";

export const MEASURE_RECORDS_ID = "canopy/measure-records/1";

/** `validation`: lengths and batches of the traces that `canopy validate` serves, and no others. */
export type Preset = "quick" | "standard" | "publish" | "validation";

/** How points are taken; a preset with what the user asked for. Seconds of the monotonic clock. */
export interface Protocol {
  readonly preset: Preset;
  readonly batches: readonly number[];
  readonly contexts: readonly number[];
  readonly prompts: readonly number[];
  /**
   * Decode steps come between prompts that are really read, as in serving: a processor whose caches hold the weights
   * decodes slower for some tens of steps after a prompt. Else contexts begin in the cache, since long ones take long to
   * read, and the steps are those of an engine that does nothing else.
   */
  readonly decodeAfterPrompts: boolean;
  readonly trials: number;
  /** Steps are averaged over stretches of this length: single steps are correlated. */
  readonly windowSeconds: number;
  readonly warmUpMostSeconds: number;
  readonly leastWindows: number;
  readonly leastSteps: number;
  /** Relative standard error of the window means at which a point is done. */
  readonly targetError: number;
  readonly mostSeconds: number;
  readonly idleSeconds: number;
  readonly coolDownMostSeconds: number;
}

/** What the user asked for. */
export interface MeasureSettings {
  readonly id: string;
  readonly backend: "cpu" | "cuda";
  readonly model: string;
  readonly protocol: Protocol;
  /** Depths to run; two where the model's own depth is extrapolated from them. */
  readonly layers: readonly number[];
  readonly threads: number;
  readonly lockedClockMHz: number | null;
  readonly powerModel: PowerModel | null;
  readonly seed: string;
}

/** P(u) = idle + (peak - idle) u^exponent, watts of the whole replica, u = utilisation from 0 to 1. */
export interface PowerModel {
  readonly idleWatts: number;
  readonly peakWatts: number;
  readonly exponent: number;
}

/** A model as far as times and memory depend on it. */
export interface ModelFacts {
  readonly name: string;
  readonly layers: number;
  readonly parameters: number;
  /** Parameters of the embedding, of which a step reads single rows. */
  readonly embeddingParameters: number;
  /** Parameters of the head, which only sampled tokens pass. */
  readonly headParameters: number;
  readonly bytesPerParameter: number;
  readonly kvBytesPerToken: number;
  /** Longest sequence. */
  readonly maxTokens: number;
  readonly precision: string;
}

/** Ceilings that MBU and MFU are shares of; null = not known. */
export interface Peaks {
  readonly bytesPerSecond: number | null;
  readonly flopsPerSecond: number | null;
  /** Where they are from. */
  readonly source: string;
}

/** The first record of a file. */
export interface HeaderRecord {
  readonly kind: "header";
  readonly schema: typeof MEASURE_RECORDS_ID;
  readonly measuredAt: string;
  readonly settings: MeasureSettings;
  readonly host: HostRecord;
  /** The model at its full depth. */
  readonly model: ModelFacts;
  readonly peaks: Peaks;
  /** Memory for weights, KV cache and work. */
  readonly memoryBytes: number;
  readonly gpu: {
    readonly name: string;
    readonly memoryBytes: number;
    readonly tdpWatts: number | null;
  } | null;
  /** What can be metered; null without the meters' library. */
  readonly power: PowerDescription | null;
  /** Why no power is sampled; null where it is. */
  readonly powerReason: string | null;
}

/** Steps, a row each. Seconds are monotonic. */
export interface StepColumns {
  readonly startSeconds: Float64Array;
  readonly endSeconds: Float64Array;
  readonly prefillTokens: Int32Array;
  readonly decodeSequences: Int32Array;
  /** Tokens held by the decoding sequences together. */
  readonly contextTokens: Int32Array;
  /** Time on the device; negative where only the host's clock tells. */
  readonly deviceMs: Float64Array;
  /** 1: a step that the load is there to measure. */
  readonly steady: Uint8Array;
}

export type TrialKind = "decode" | "prefill" | "mixed";

/** Which point a trial belongs to. */
export interface PointKey {
  readonly kind: TrialKind;
  readonly layers: number;
  readonly batch: number;
  /** Decode: mean context of the grid's column. Else 0. */
  readonly contextTokens: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
}

export type StopReason = "error" | "time";

/** One stretch of load at one point. A later record of the same point and trial replaces an earlier one. */
export interface TrialRecord extends PointKey {
  readonly trial: number;
  readonly warmUpSeconds: number;
  /** Whether the step times had settled when the measurement began; else the warm-up's limit came first. */
  readonly settled: boolean;
  readonly stopReason: StopReason;
  readonly steps: StepColumns;
  /** The host at the ends of slices of the measurement. */
  readonly host: readonly HostReading[];
  readonly power: PowerSamples | null;
}

/** A stretch without load. */
export interface IdleRecord {
  readonly kind: "idle";
  /** `unloaded`: before the model is there. */
  readonly phase: "unloaded" | "before" | "after";
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly host: readonly HostReading[];
  readonly power: PowerSamples | null;
}

/** An engine was made. */
export interface EngineRecord {
  readonly kind: "engine";
  readonly layers: number;
  readonly kvTokens: number;
  /** The backend's own words: instruction set, threads, GEMM, device. */
  readonly description: Readonly<Record<string, string>>;
}

export type MeasureRecord = HeaderRecord | TrialRecord | IdleRecord | EngineRecord;

/** Everything a profile is made from. */
export interface MeasureRecords {
  readonly header: HeaderRecord;
  readonly trials: readonly TrialRecord[];
  readonly idle: readonly IdleRecord[];
  readonly engines: readonly EngineRecord[];
}

/** Names a trial among those of a run. */
export function trialName(of: PointKey & { readonly trial: number }): string {
  return `${of.kind}/${of.layers}/${of.batch}/${of.contextTokens}/${of.promptTokens}/${of.trial}`;
}
