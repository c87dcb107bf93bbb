/**
 * The serving engine of the native addon (native/engine/): continuous batching by the rules of the simulator's policy
 * `vllm-v1`, on this host's processors or on one GPU, over synthetic weights.
 */
export interface EngineAddon {
  readonly Engine: new (options: EngineOptions) => Engine;
  /** `tensorParallel` above 1 gives the shard of one GPU of so many. */
  presetShape(name: string, tensorParallel?: number): PresetShape;
  presetShapeNames(): string[];
  /** Bytes per second at which threads read memory: the ceiling of decoding with a small batch on a CPU. */
  streamBandwidth(options: StreamOptions): Promise<number>;
}

/** A dense Llama-like model, or one tensor-parallel shard of one: what is split is given as this shard holds it. */
export interface ModelShape {
  readonly name: string;
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly ffn: number;
  readonly vocab: number;
  /** Longest sequence, prompt and outputs. */
  readonly maxTokens: number;
  readonly ropeTheta: number;
  readonly normEpsilon: number;
  readonly tensorParallel: number;
  readonly weights: "bf16" | "fp32";
}

export interface PresetShape extends ModelShape {
  readonly parameters: number;
  readonly weightBytes: number;
  /** Keys and values of a token over all layers. */
  readonly kvBytesPerToken: number;
}

export interface EngineOptions {
  readonly shape: ModelShape;
  /** Blocks of the KV cache. */
  readonly blocks: number;
  readonly blockTokens: number;
  /** Most tokens of a step. */
  readonly tokenBudget: number;
  /** Most running requests. */
  readonly maxRequests: number;
  /** Default `cpu`. */
  readonly backend?: "cpu" | "cuda";
  /** CPU: default 0, one for each physical core that this process may use. */
  readonly threads?: number;
  /** CPU: `auto` (default), `avx512`, `avx2` or `baseline`. */
  readonly isa?: string;
  /** CUDA: its own index of the device. Default 0. */
  readonly device?: number;
  /** CUDA: replay captured graphs in steps that only decode. Default true. */
  readonly graphs?: boolean;
}

/** Calls but `cancel` are refused while a promise of the engine is open. Terminating a worker ends its engine. */
export interface Engine {
  /** Makes weights and cache. Takes seconds for a model of a billion weights. */
  load(): Promise<void>;
  /** Names and versions for a profile's record. */
  describe(): Record<string, string>;
  beginClosedLoop(options: ClosedLoopOptions): void;
  beginTrace(trace: EngineTrace): void;
  /** Runs steps of the load; resolves when it is drained, at a limit, or soon after `cancel`. A further call goes on. */
  advance(limits: AdvanceLimits): Promise<StepLog>;
  /** Of the trace that is or was served. */
  requestTimes(): RequestTimes;
  /** Ends the `advance` under way; after one that ended in the middle of a step a new load has to begin. */
  cancel(): void;
  /** Frees the memory at once. */
  close(): void;
}

/** A finished sequence is replaced at once. With one output per sequence it is a load of prefills. */
export interface ClosedLoopOptions {
  readonly batch: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** Sequences begin as if their prompt had been computed elsewhere: every step decodes all of them. Default false. */
  readonly contextInCache?: boolean;
  /** Of the places at which the first sequences begin. Default 1. */
  readonly seed?: number;
}

/** A row per request, in order of arrival. */
export interface EngineTrace {
  /** Whole ns from the first `advance` on. */
  readonly arrivalNs: Float64Array;
  readonly promptTokens: Int32Array;
  readonly outputTokens: Int32Array;
}

export interface AdvanceLimits {
  readonly steps?: number;
  /** No step begins later. */
  readonly seconds?: number;
}

/**
 * A row per step. A step begins where the one before it ended, or, after a time without requests, when the first of them
 * was due; what arrived by then could take part in it.
 */
export interface StepLog {
  readonly ended: "drained" | "limit" | "cancelled";
  /** Begin of the load, in seconds of the monotonic clock, that of `process.hrtime`. */
  readonly originSeconds: number;
  /** ns since the begin of the load. */
  readonly startNs: Float64Array;
  readonly endNs: Float64Array;
  readonly prefillTokens: Int32Array;
  readonly decodeSequences: Int32Array;
  /** Prompt and outputs produced, over the decoding sequences. */
  readonly contextTokens: Int32Array;
  /** During the step. */
  readonly freeBlocks: Int32Array;
  /** Time on the device; negative where only the host's clock tells. */
  readonly deviceMs: Float64Array;
  /** 1: a step that a closed loop is there to measure. */
  readonly steady: Uint8Array;
  /** A row per event, in order of the steps. */
  readonly eventStep: Int32Array;
  /** 0 preempted, 1 admitted, 2 a chunk of a prompt, 3 finished. */
  readonly eventKind: Uint8Array;
  readonly eventRequest: Int32Array;
  /** Of a chunk; else 0. */
  readonly eventTokens: Int32Array;
}

/** ns since the begin of the load; -1 where it has not happened. */
export interface RequestTimes {
  readonly firstTokenNs: Float64Array;
  readonly finishNs: Float64Array;
  readonly preemptions: Int32Array;
}

export interface StreamOptions {
  /** Several times the last cache. */
  readonly bytes: number;
  /** Default 0, one for each physical core that this process may use. */
  readonly threads?: number;
  /** The best of so many counts. Default 5. */
  readonly passes?: number;
  readonly isa?: string;
}
