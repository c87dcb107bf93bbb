/**
 * What exists, nothing that moves: regions, models, endpoints and how they are joined. Everything here is
 * resolved (numbers and indices); the experiment file's form is read by src/experiment.
 */
import type { Law } from "../profile/law.ts";
import type { Track } from "../signal/series.ts";

export interface Region {
  readonly name: string;
  /** Carbon intensity in g/kWh from the start of the run. */
  readonly carbon: Track;
  /** Electricity price in USD/kWh from the start of the run; null where energy has no price of its own. */
  readonly energyPrice: Track | null;
  /** Facility energy over IT energy. */
  readonly pue: number;
  /** Null where it is unknown. */
  readonly water: RegionWater | null;
}

/** Water that a region's energy takes. */
export interface RegionWater {
  /** Litres evaporated and blown down at the site for a kWh of IT energy (WUE). */
  readonly siteLitresPerItKwh: number;
  /** Litres that generation takes for a kWh from the grid. */
  readonly gridLitresPerKwh: number;
}

export interface Model {
  readonly name: string;
  /** Whether it may serve requests that need the large model (CEDAR section 3.5). */
  readonly large: boolean;
}

export type BatchingPolicy = "vllm-v1" | "sarathi" | "vllm-v0" | "mixed" | "static";

/** How one replica forms its batches (docs/reference/simulation-rules.md). */
export interface Batching {
  readonly policy: BatchingPolicy;
  /** Cap on requests in a batch and on requests holding KV blocks. */
  readonly maxRequests: number;
  /** Tokens of one iteration (chunk of chunked prefill). */
  readonly tokenBudget: number;
  /** KV blocks of one replica, and tokens of one block. */
  readonly kvBlocks: number;
  readonly blockTokens: number;
  /** Share of the blocks that admission leaves free (`sarathi`, `vllm-v0`, `mixed`, `static`). */
  readonly watermarkFraction: number;
  /** `vllm-v0`, `static`: cap on (requests in a prefill batch) * (longest prompt of it). */
  readonly paddedTokenLimit: number;
  /** Order of the waiting queue. */
  readonly order: "fifo" | "edf" | "priority";
  /** Who is preempted when KV blocks run out. */
  readonly victim: "youngest" | "lowest-priority";
  /** Keep the KV blocks of a session's last step for its next one (`vllm-v1` only). */
  readonly prefixReuse: boolean;
}

export type EndpointRole = "mixed" | "prefill" | "decode";

/** A slower or faster operating point: iteration times and powers are multiplied. */
export interface PowerState {
  readonly name: string;
  readonly timeFactor: number;
  readonly powerFactor: number;
}

/** What a router can name: one model in one place, `replicas` engines behind it. */
export interface Endpoint {
  readonly name: string;
  readonly region: number;
  readonly model: number;
  /** Index into {@link Fleet.groups}: region/model pairs unless the fleet says otherwise. */
  readonly group: number;
  readonly role: EndpointRole;
  /** Replicas at the start and the bounds of scaling. */
  readonly replicas: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** Seconds from the order to scale up until the replica serves. */
  readonly startupSeconds: number;
  readonly law: Law;
  /** Id of the profile behind the law, and the weakest provenance in it. */
  readonly profileId: string;
  readonly provenance: string;
  readonly batching: Batching;
  /** Longest prompt plus output of the model. */
  readonly maxModelTokens: number;
  /** Longer requests are cut to fit, or rejected. */
  readonly overlong: "truncate" | "reject";
  readonly kvBytesPerToken: number;
  readonly gpusPerReplica: number;
  readonly usdPerReplicaHour: number;
  /** Watts of host processors, fans and the like per replica (`server` and `facility` boundaries). */
  readonly hostWattsPerReplica: number;
  /** Round trip between the gateway and the endpoint, in seconds; half is paid each way. */
  readonly roundTripSeconds: number;
  readonly localBalancer: "outstanding-tokens" | "round-robin" | "shared-queue";
  /** Cap on outstanding requests (in flight, waiting, running); Infinity for none. */
  readonly maxOutstanding: number;
  /** State 0 is the one at the start. */
  readonly powerStates: readonly PowerState[];
}

/** Something that befalls an endpoint at a stated time. */
export type Fault =
  | { readonly atSeconds: number; readonly endpoint: number; readonly kind: "down" | "up" }
  | {
      readonly atSeconds: number;
      readonly endpoint: number;
      readonly kind: "notice";
      /** The endpoint goes down this many seconds after the notice. */
      readonly noticeSeconds: number;
    }
  | {
      readonly atSeconds: number;
      readonly endpoint: number;
      readonly kind: "slow";
      readonly timeFactor: number;
    };

/** Moving a prompt's KV from a prefill to a decode endpoint takes latency + bytes / bandwidth. */
export interface KvTransfer {
  readonly bytesPerSecond: number;
  readonly latencySeconds: number;
}

export interface Fleet {
  readonly regions: readonly Region[];
  readonly models: readonly Model[];
  readonly groups: readonly string[];
  readonly endpoints: readonly Endpoint[];
  readonly faults: readonly Fault[];
  readonly kvTransfer: KvTransfer;
}
