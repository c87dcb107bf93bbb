import { readFile } from "node:fs/promises";
import { Packr } from "msgpackr";
import { UserError } from "../errors.ts";
import type { StepLog } from "../native/engine-addon.ts";
import type { HostReading } from "../profile/measure/host-load.ts";
import type { HostRecord } from "../profile/measure/host-record.ts";
import type { Profile } from "../profile/schema.ts";

export const VALIDATION_RECORDS_ID = "canopy/validation-records/1";

/** Sizes that rule how an engine forms its steps. */
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

/** A trace and what came of it. */
export interface LoadRecord {
  /** Share of the capacity. */
  readonly load: number;
  readonly requestsPerSecond: number;
  readonly trace: RecordedTrace;
  /** Ends of the steps with a request's first and last token, in ns as in the trace. */
  readonly firstTokenNs: Float64Array;
  readonly finishNs: Float64Array;
  /** Null for a server, which does not tell. */
  readonly steps: RecordedSteps | null;
  /** Energy from the first arrival to the last token; null where it is not metered. */
  readonly joules: number | null;
  /** The host before and after; null for a server. */
  readonly host: readonly [HostReading, HostReading] | null;
  /** Requests of a server that failed and are left out of the trace. */
  readonly failed: number;
}

/** Steps of closed loops on the engine that serves, just before or after a load: how fast the host is then. */
export type RecordedStretch = Pick<
  StepLog,
  "startNs" | "endNs" | "prefillTokens" | "decodeSequences" | "contextTokens"
>;

/** Everything a validation is made from. */
export interface ValidationRecords {
  readonly schema: typeof VALIDATION_RECORDS_ID;
  readonly measuredAt: string;
  readonly target:
    | {
        readonly kind: "engine";
        readonly backend: "cpu" | "cuda";
        readonly model: string;
        /** The backend's own words. */
        readonly description: Readonly<Record<string, string>>;
      }
    | { readonly kind: "server"; readonly model: string; readonly version: string | null };
  /** Of a server those that are assumed. */
  readonly limits: EngineLimits;
  readonly seed: string;
  readonly capacityRequestsPerSecond: number;
  readonly loads: readonly LoadRecord[];
  /** Before the first load, between any two, after the last; absent for a server, and in older records. */
  readonly stretches?: readonly RecordedStretch[];
  /** What predictions rest on. */
  readonly profile: Profile;
  /** Null for a server. */
  readonly host: HostRecord | null;
  /** Why no energy is metered; null where it is. */
  readonly powerReason: string | null;
}

/** MessagePack as others read it; typed arrays and NaN survive. */
const packr = new Packr({ moreTypes: true, structuredClone: true, useRecords: false });

export function packValidation(records: ValidationRecords): Uint8Array {
  return packr.pack(records);
}

/** @throws UserError CANOPY_FILE_MISSING, CANOPY_FILE_UNREADABLE, CANOPY_VALIDATION_RAW */
export async function readValidation(path: string): Promise<ValidationRecords> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    const code = missing ? "CANOPY_FILE_MISSING" : "CANOPY_FILE_UNREADABLE";
    const why = missing ? "no such file" : (cause as Error).message;
    throw new UserError(code, `raw records ${path}: ${why}`, { cause });
  }
  let records: Partial<ValidationRecords> | null = null;
  try {
    records = packr.unpack(bytes);
  } catch {
    // Said below.
  }
  if (records?.schema === VALIDATION_RECORDS_ID) return records as ValidationRecords;
  throw new UserError(
    "CANOPY_VALIDATION_RAW",
    `${path}: no records of \`canopy validate\`: expected ${VALIDATION_RECORDS_ID}`,
  );
}
