import { z } from "zod";
import { hostSchema, pointSchema, protocolSchema } from "./measured-schema.ts";
import { PROVENANCES } from "./provenance.ts";
import { bytes, count, milliseconds, orReason, tokens, watts } from "./schema-parts.ts";

export const PROFILE_SCHEMA_ID = "canopy/profile/1";

const provenance = z.enum(PROVENANCES);
const blockProvenance = provenance.optional().describe("where it differs from the file's provenance");

const gpuSchema = z.strictObject({
  sku: z.string().min(1).describe("product name, e.g. A100-SXM4-80GB"),
  count: count.describe("GPUs in one replica"),
  ...orReason("memoryBytes", bytes, "memory of one GPU"),
  ...orReason("tdpWatts", watts.positive(), "thermal design power of one GPU"),
});

const modelSchema = z.strictObject({
  name: z.string().min(1),
  ...orReason("layers", count, "transformer layers"),
  ...orReason("kvBytesPerToken", bytes, "KV cache of one token for the whole replica"),
  ...orReason("weightBytes", bytes, "all weights of the replica"),
  ...orReason("weights", z.enum(["real", "synthetic"]), "which weights were loaded while measuring"),
});

const engineSchema = z.strictObject({
  name: z.string().min(1),
  ...orReason("version", z.string().min(1), "a version is worth a factor of 2 to 3"),
  ...orReason("flags", z.string(), "the flags that the times rest on"),
  backend: z.enum(["cpu", "cuda", "server"]),
  ...orReason("gemm", z.string().min(1), "matrix multiplication used"),
});

const decodeSchema = z
  .strictObject({
    provenance: blockProvenance,
    batch: z.array(count).min(1).describe("sequences, strictly increasing"),
    contextTokens: z.array(tokens).min(2).describe("mean context per sequence, strictly increasing"),
    iterationMs: z
      .array(z.array(milliseconds.positive()))
      .describe("[batch][context]: one decode step of the whole batch"),
    extrapolated: z
      .array(z.array(z.boolean()))
      .optional()
      .describe("same shape: true where the cell lies outside the measured tables; absent = none does"),
  })
  .describe("bilinear in (batch, mean context); held below the grid, continued linearly above");

const prefillSchema = z
  .strictObject({
    provenance: blockProvenance,
    promptTokens: z.array(tokens).min(2).describe("strictly increasing"),
    latencyMs: z.array(milliseconds.positive()).describe("one prompt alone"),
    extrapolated: z.array(z.boolean()).optional(),
  })
  .describe("piecewise linear; several prompts in one step add their tokens");

const powerSchema = z
  .strictObject({
    provenance: blockProvenance,
    ...orReason("idleUnloadedWattsPerGpu", watts, "no model loaded"),
    idleUnloadedProvenance: provenance.optional(),
    idleLoadedWattsPerGpu: watts.describe("model loaded, no request"),
    idleLoadedProvenance: provenance.optional(),
    prefillWattsPerGpu: watts.positive(),
    prefillProvenance: provenance.optional(),
    decode: z
      .array(
        z.strictObject({ batch: count, wattsPerGpu: watts.positive(), provenance: provenance.optional() }),
      )
      .min(1)
      .describe("by batch, strictly increasing; linear between, end values held outside"),
    energyMethod: z.enum(["counter", "integrated", "both"]).optional().describe("measured files"),
    clockMHz: z.number().positive().optional(),
    capWatts: watts.positive().optional(),
  })
  .describe("watts of one GPU; energy of a step = gpu.count x watts x time. Depends on batch only");

const sourceSchema = z.strictObject({
  block: z.string().min(1).describe("the block that rests on this source"),
  source: z.string().min(1).describe("repository, paper or host"),
  path: z.string().nullable(),
  commit: z.string().nullable(),
  licence: z.string().nullable(),
  date: z.string().nullable(),
  host: z.string().nullable(),
  driver: z.string().nullable(),
  script: z.string().nullable(),
});

/**
 * One serving profile: what one replica (GPU SKU or CPU host, count, model, precision, tensor parallel degree,
 * engine) takes in time, memory and power. Times in milliseconds, memory in bytes, power in watts per GPU.
 * Shape only; {@link checkProfile} (checks.ts) holds the rules between fields.
 */
export const profileSchema = z.strictObject({
  $schema: z.string().optional().describe("for editors"),
  schema: z.literal(PROFILE_SCHEMA_ID),
  id: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "expected letters, digits, dot, dash or underscore")
    .describe("stable key for fleets, e.g. h100-80gb.llama-3-8b.bf16.tp1"),
  provenance: provenance.describe("the weakest of the file's blocks"),
  ...orReason("gpu", gpuSchema, "null for a CPU profile"),
  host: hostSchema.optional(),
  measuredAt: z.iso
    .datetime({ offset: true, error: "expected an ISO 8601 time with its zone" })
    .optional()
    .describe("measured files"),
  model: modelSchema,
  precision: z.string().min(1).describe("e.g. bf16, fp8, int4wo"),
  tensorParallel: count,
  engine: engineSchema,
  maxModelTokens: tokens.describe("longest sequence, prompt + output, that the model allows"),
  ...orReason("kvCapacityTokens", tokens, "tokens the KV cache of a replica holds"),
  maxBatch: count.describe("sequences in one step"),
  decode: decodeSchema,
  prefill: prefillSchema,
  mixed: z
    .strictObject({ rule: z.enum(["add", "max"]), provenance: provenance.optional() })
    .describe("a step with prompt and decode tokens: decode + prefill - overhead, or the longer of the two"),
  ...orReason(
    "overhead",
    z.strictObject({ baseMs: milliseconds, perSequenceMs: milliseconds, provenance: blockProvenance }),
    "engine time already inside decode and prefill",
  ),
  ...orReason("power", powerSchema, "null where power was not measured"),
  noise: z
    .strictObject({
      p50Ratio: z.number().positive().optional(),
      p95Ratio: z.number().positive().optional(),
      p99Ratio: z.number().positive().optional(),
    })
    .optional()
    .describe("step time quantiles over the mean"),
  protocol: protocolSchema.optional(),
  points: z.array(pointSchema).optional().describe("measured files: what the grids are computed from"),
  interpolated: z
    .array(
      z.strictObject({
        kernel: z.string(),
        shape: z.string(),
        status: z.enum(["interpolated", "scaled"]),
        how: z.string(),
      }),
    )
    .optional()
    .describe("derived files: kernels that are not in the tables as such; they touch every cell"),
  sources: z.array(sourceSchema),
  raw: z.string().min(1).optional().describe("measured files: relative path of the raw records"),
  notes: z.string().optional(),
});

/** One profile file as parsed; see {@link profileSchema} for units. */
export type Profile = z.infer<typeof profileSchema>;

/** Power of an inline profile: watts of the whole replica, not of one GPU. */
const inlinePowerSchema = z.strictObject({
  idleWatts: watts,
  idleUnloadedWatts: watts.optional().describe("default: idleWatts"),
  prefillWatts: watts.positive(),
  decode: z.array(z.strictObject({ batch: count, watts: watts.positive() })).min(1),
});

/** An affine law in an experiment file: ms = base + perPrefillToken P + perDecodeSequence D + perContextToken K. */
const affineSchema = z.strictObject({
  baseMs: milliseconds,
  perPrefillTokenMs: milliseconds,
  perDecodeSequenceMs: milliseconds,
  perContextTokenMs: milliseconds,
});

/** The short form of a profile that an experiment file may carry in place: `profile: {law: {...}}`. */
export const inlineProfileSchema = z.strictObject({
  law: affineSchema,
  power: inlinePowerSchema.optional(),
  kvCapacityTokens: tokens.optional(),
  maxModelTokens: tokens.optional(),
});

/** Coefficients in milliseconds over prompt tokens, decoding sequences and their context tokens. */
export type AffineLaw = z.infer<typeof affineSchema>;
/** Watts of the whole replica. */
export type InlinePower = z.infer<typeof inlinePowerSchema>;
export type InlineProfile = z.infer<typeof inlineProfileSchema>;
