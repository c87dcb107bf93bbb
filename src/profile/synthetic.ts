import { kvCapacityByFormula } from "./physical-checks.ts";
import { type AffineLaw, PROFILE_SCHEMA_ID, type Profile } from "./schema.ts";

/** What a made-up profile is made from; every field has a default. */
export interface SyntheticOptions {
  readonly id?: string;
  /** The grids sample this law; its base is the overhead. */
  readonly law?: AffineLaw;
  readonly batch?: readonly number[];
  readonly contextTokens?: readonly number[];
  readonly promptTokens?: readonly number[];
  readonly gpuCount?: number;
  /** Watts of one GPU when idle, and while decoding a full batch. */
  readonly idleWatts?: number;
  readonly peakWatts?: number;
  readonly weightBytes?: number;
  readonly maxModelTokens?: number;
}

/**
 * An invented profile that passes every check, for tests, examples and `canopy init`. Its grids sample an
 * affine law, so that inside them its times equal the law's up to rounding. Decode power rises linearly from
 * midway between idle and peak at batch 1 to peak at the largest batch.
 */
export function syntheticProfile(options: SyntheticOptions = {}): Profile {
  const law = options.law ?? {
    baseMs: 5,
    perPrefillTokenMs: 0.05,
    perDecodeSequenceMs: 0.05,
    perContextTokenMs: 0.00002,
  };
  const batch = [...(options.batch ?? [1, 2, 4, 8, 16, 32, 64, 128])];
  const contextTokens = [...(options.contextTokens ?? [128, 512, 2048, 8192])];
  const promptTokens = [...(options.promptTokens ?? [64, 256, 1024, 4096, 8192])];
  const idleWatts = options.idleWatts ?? 90;
  const peakWatts = options.peakWatts ?? 400;
  const halfWatts = (idleWatts + peakWatts) / 2;
  const largest = batch[batch.length - 1];
  const gpu = {
    sku: "synthetic-80GB",
    count: options.gpuCount ?? 1,
    memoryBytes: 80e9,
    tdpWatts: peakWatts,
  };
  const model = {
    name: "synthetic-8b",
    layers: 32,
    kvBytesPerToken: 131072,
    weightBytes: options.weightBytes ?? 16e9,
    weights: "synthetic" as const,
  };
  return {
    schema: PROFILE_SCHEMA_ID,
    id: options.id ?? "synthetic",
    provenance: "synthetic",
    gpu,
    model,
    precision: "bf16",
    tensorParallel: gpu.count,
    engine: { name: "synthetic", version: "1", flags: "", backend: "server", gemm: "none" },
    maxModelTokens: options.maxModelTokens ?? 8192,
    kvCapacityTokens: kvCapacityByFormula({ gpu, model }),
    maxBatch: largest,
    decode: {
      batch,
      contextTokens,
      iterationMs: batch.map((b) =>
        contextTokens.map((c) => law.baseMs + law.perDecodeSequenceMs * b + law.perContextTokenMs * b * c),
      ),
    },
    prefill: {
      promptTokens,
      latencyMs: promptTokens.map((p) => law.baseMs + law.perPrefillTokenMs * p),
    },
    mixed: { rule: "add" },
    overhead: { baseMs: law.baseMs, perSequenceMs: 0 },
    power: {
      idleUnloadedWattsPerGpu: idleWatts,
      idleLoadedWattsPerGpu: idleWatts,
      prefillWattsPerGpu: peakWatts,
      decode: batch.map((b) => ({
        batch: b,
        wattsPerGpu: halfWatts + ((peakWatts - halfWatts) * (b - 1)) / Math.max(1, largest - 1),
      })),
    },
    sources: [],
    notes: "Invented numbers: no machine was measured.",
  };
}
