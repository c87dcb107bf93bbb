import type { PowerSamples } from "../../native/power-addon.ts";
import type { HostReading } from "./host-load.ts";
import type { ModelFacts, StepColumns } from "./records.ts";

/** What a measurement needs of the world: engine, meters, clock. One stretch of load at a time. */
export interface Bench {
  /** Monotonic seconds. */
  now(): number;
  sleep(seconds: number, signal: AbortSignal): Promise<void>;
  host(): HostReading;
  /** Of the measured GPU; null where there is none or it does not tell. */
  temperatureCelsius(): number | null;
  /** Starts to sample power, for at most so long; null where there is no meter. */
  startMeter(mostSeconds: number): Meter | null;
  /** The model at a depth of so many layers. */
  model(layers: number): ModelFacts;
  open(size: EngineSize): Promise<OpenEngine>;
}

export interface Meter {
  stop(): PowerSamples;
}

/** Sizes that are fixed for the life of an engine. */
export interface EngineSize {
  readonly layers: number;
  readonly kvBlocks: number;
  readonly blockTokens: number;
  /** Most tokens of a step. */
  readonly tokenBudget: number;
  /** Most running sequences. */
  readonly maxRequests: number;
}

/** A batch that is kept full: a finished sequence is replaced at once, those at the start are in random phases. */
export interface ClosedLoad {
  readonly batch: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** Sequences begin with their prompt as if computed elsewhere, so that all steps decode. */
  readonly contextInCache: boolean;
  readonly seed: number;
}

export interface OpenEngine {
  /** The backend's own words. */
  readonly description: Readonly<Record<string, string>>;
  begin(load: ClosedLoad): void;
  /** Runs steps; none begins after so many seconds, and one runs at least. Rejects when the signal aborts. */
  advance(seconds: number, signal: AbortSignal): Promise<StepColumns>;
  close(): Promise<void>;
}
