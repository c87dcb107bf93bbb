import { Packr } from "msgpackr";
import type { PowerDescription, PowerSamples } from "../../native/power-addon.ts";
import type { ServerMetrics } from "./metrics.ts";

/**
 * How a request ended. `cancelled`: by us, at the end of a window. `dropped`: the stream broke off, or no connection came
 * about. `busy`: status 429 or 5xx.
 */
export type Outcome = "completed" | "cancelled" | "timeout" | "dropped" | "busy";

/** One request. Times are monotonic seconds of this process. */
export interface RequestRecord {
  readonly sentSeconds: number;
  readonly endSeconds: number;
  readonly promptTokens: number;
  readonly maxTokens: number;
  readonly outcome: Outcome;
  /** HTTP status; 0 where none came. */
  readonly status: number;
  /** Arrival of each chunk that carries a token. */
  readonly chunkSeconds: Float64Array;
  /** The server's own count; null where it tells none. */
  readonly usage: { readonly promptTokens: number; readonly completionTokens: number } | null;
  /** What went wrong; empty otherwise. */
  readonly message: string;
}

/** A stretch of load at one concurrency and prompt length. */
export interface PointRecord {
  readonly kind: "prefill" | "decode";
  readonly trial: number;
  readonly concurrency: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** The measured window; null where the streams never all ran. */
  readonly window: { readonly fromSeconds: number; readonly toSeconds: number } | null;
  readonly requests: readonly RequestRecord[];
  readonly metricsBefore: ServerMetrics | null;
  readonly metricsAfter: ServerMetrics | null;
}

/** What the server says of itself. */
export interface ServerFacts {
  readonly url: string;
  readonly local: boolean;
  readonly model: string;
  readonly maxModelTokens: number | null;
  /** Answer of /version. */
  readonly version: string | null;
  readonly metrics: ServerMetrics | null;
}

export interface PowerRecord {
  readonly description: PowerDescription;
  readonly samples: PowerSamples;
  /** Windows without a request, model loaded. */
  readonly idle: readonly { readonly fromSeconds: number; readonly toSeconds: number }[];
}

/** Everything that a profile of a server is made from. */
export interface ServerRecords {
  readonly schema: "canopy/server-records/1";
  readonly measuredAt: string;
  readonly settings: ServerSettings;
  readonly server: ServerFacts;
  readonly host: {
    readonly cpuModel: string | null;
    readonly kernel: string | null;
    readonly gitHash: string | null;
  };
  readonly points: readonly PointRecord[];
  readonly power: PowerRecord | null;
  /** Why there is no power; null where there is. */
  readonly powerReason: string | null;
}

/** What the user asked for, with defaults filled in. */
export interface ServerSettings {
  readonly id: string;
  readonly precision: string;
  readonly tensorParallel: number;
  readonly gpuName: string | null;
  readonly gpus: readonly number[];
  readonly concurrency: readonly number[];
  readonly promptTokens: readonly number[];
  readonly outputTokens: number;
  readonly prefillTokens: readonly number[];
  readonly prefillRequests: number;
  readonly trials: number;
  readonly warmUpSeconds: number;
  readonly windowSeconds: number;
  readonly coolDownSeconds: number;
  readonly timeoutSeconds: number;
  readonly vocabulary: number;
  readonly lockedClockMHz: number | null;
  readonly seed: string;
}

/** Typed arrays and NaN survive; structures are named once each. */
const packr = new Packr({ moreTypes: true, structuredClone: true });

export function packRecords(records: ServerRecords): Uint8Array {
  return packr.pack(records);
}

/** Undefined where the bytes are not those of {@link packRecords}. */
export function unpackRecords(bytes: Uint8Array): ServerRecords | undefined {
  try {
    const records = packr.unpack(bytes) as ServerRecords | undefined;
    return records?.schema === "canopy/server-records/1" ? records : undefined;
  } catch {
    return undefined;
  }
}
