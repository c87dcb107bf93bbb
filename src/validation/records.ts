import type { StepLog } from "../native/engine-addon.ts";

/** Sizes that rule how the engine forms its steps. */
export interface EngineLimits {
  /** Blocks of the KV cache. */
  readonly blocks: number;
  readonly blockTokens: number;
  /** Most tokens of a step. */
  readonly tokenBudget: number;
  /** Most running requests. */
  readonly maxRequests: number;
  /** Longest sequence of the model, prompt and outputs. */
  readonly maxModelTokens: number;
}

/** A row per request, in order of arrival; times in whole ns since the load began. */
export interface RecordedTrace {
  readonly arrivalNs: Float64Array;
  readonly promptTokens: Int32Array;
  readonly outputTokens: Int32Array;
}

/** The engine's account of a whole trace. */
export type RecordedSteps = Pick<
  StepLog,
  | "ended"
  | "startNs"
  | "endNs"
  | "prefillTokens"
  | "decodeSequences"
  | "contextTokens"
  | "freeBlocks"
  | "eventStep"
  | "eventKind"
  | "eventRequest"
  | "eventTokens"
>;
