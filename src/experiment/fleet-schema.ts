/** The `fleet`, `batching`, `network`, `regions`, `faults` and `kvTransfer` keys of an experiment file. */
import { z } from "zod";
import { inlineProfileSchema } from "../profile/schema.ts";
import { laidOn } from "./lay-batching.ts";
import { count, name, notNegative, positive, share } from "./schema-parts.ts";

export const BATCHING_POLICIES = ["vllm-v1", "sarathi", "vllm-v0", "mixed", "static"] as const;

const batchingFields = z.strictObject({
  policy: z.enum(BATCHING_POLICIES).describe("docs/reference/simulation-rules.md section 4"),
  maxRequests: count.describe("cap on requests in a batch; default: the profile's maxBatch, else 128"),
  tokenBudget: count.describe("tokens of one iteration"),
  kvBlocks: count.describe("KV blocks of a replica; default: from the profile's KV capacity"),
  blockTokens: count.describe("tokens of a KV block"),
  watermarkFraction: share.describe("share of the blocks that admission leaves free (not vllm-v1)"),
  paddedTokenLimit: count.describe("vllm-v0, static: cap on requests x longest prompt of a prefill batch"),
  order: z.enum(["fifo", "edf", "priority"]).describe("order of the waiting queue"),
  victim: z.enum(["youngest", "lowest-priority"]).describe("who is preempted when KV blocks run out"),
  prefixReuse: z.boolean().describe("keep a session's KV blocks for its next call (vllm-v1)"),
});

export const BATCHING_DEFAULTS = {
  policy: "vllm-v1",
  tokenBudget: 2048,
  blockTokens: 16,
  watermarkFraction: 0.01,
  paddedTokenLimit: 4096,
  order: "fifo",
  victim: "youngest",
  prefixReuse: false,
} as const;

const policyOrFields = z.union([z.enum(BATCHING_POLICIES), batchingFields.partial()]);

/** A policy's name is short for its field. */
function fieldsOf(given: z.infer<typeof policyOrFields>): Exclude<z.infer<typeof policyOrFields>, string> {
  return typeof given === "string" ? { policy: given } : given;
}

type BatchingFields = z.infer<typeof batchingFields>;
type Open = "maxRequests" | "kvBlocks";
/** Batching of the whole fleet: only what depends on a profile may still be open. */
export type BatchingConfig = Omit<BatchingFields, Open> & { [K in Open]?: number | undefined };
/** Fields that an endpoint has of its own. */
export type BatchingChanges = { [K in keyof BatchingFields]?: BatchingFields[K] | undefined };

export const batchingSchema = policyOrFields
  .prefault({})
  .transform((given): BatchingConfig => laidOn(BATCHING_DEFAULTS, fieldsOf(given)))
  .describe("how a replica forms its batches: a policy, or its fields");

const powerState = z.strictObject({
  name,
  timeFactor: positive.default(1).describe("multiplies iteration times"),
  powerFactor: positive.default(1).describe("multiplies power"),
});

const price = z
  .strictObject({
    usdPerGpuHour: notNegative.optional(),
    usdPerInstanceHour: notNegative.optional().describe("of an instance of gpusPerInstance GPUs"),
    usdPerReplicaHour: notNegative.optional(),
    source: z.string().optional().describe("where the figure comes from"),
  })
  .refine(
    (value) =>
      [value.usdPerGpuHour, value.usdPerInstanceHour, value.usdPerReplicaHour].filter((v) => v !== undefined)
        .length === 1,
    "expected exactly one of usdPerGpuHour, usdPerInstanceHour, usdPerReplicaHour",
  )
  .describe("what a replica costs while it is up; without it costs are unknown");

const powerCurve = z
  .strictObject({
    idleW: notNegative.describe("watts of one GPU without work"),
    peakW: positive.describe("watts of one GPU at full batch, and while it computes prompts"),
    exponent: positive.default(0.7).describe("of the utilisation, requests in the batch over maxRequests"),
  })
  .describe("power in place of the profile's: idleW + (peakW - idleW) u^exponent for each GPU");

export const endpointSchema = z.strictObject({
  endpoint: name.describe("name; with count above 1 {n} in it becomes 0, 1, … (else -0, -1, … is appended)"),
  count: count.default(1).describe("how many such endpoints"),
  gpus: count
    .optional()
    .describe(
      "GPUs in all, instead of count and replicas: endpoints of one replica each, as many as they make",
    ),
  region: name.describe("where it is: names the carbon and price series and the round trip"),
  model: name.optional().describe("default: the profile's model"),
  large: z.boolean().default(false).describe("its model may serve requests that need the large one"),
  profile: z
    .union([name, inlineProfileSchema])
    .describe("id of a shipped profile, path of a file, or {law: …, power: …} in place"),
  replicas: count.default(1).describe("engines behind the endpoint at the start"),
  scaling: z
    .strictObject({
      min: z.int().min(0).default(1).describe("fewest replicas"),
      max: count.describe("most replicas"),
      startupS: notNegative.default(60).describe("from the order until a new replica serves"),
    })
    .optional()
    .describe("routers may change the number of replicas within these bounds; default: fixed"),
  price: price.optional(),
  gpusPerInstance: count.optional().describe("GPUs of the rented machine; the price is of the whole machine"),
  gpusPerReplica: count.optional().describe("default: the profile's; 1 for a law in place"),
  usdPerMillionTokens: z
    .union([notNegative, z.strictObject({ prompt: notNegative, output: notNegative })])
    .optional()
    .describe("price by token, for token_cost_usd_per_request"),
  hostWattsPerReplica: notNegative
    .default(0)
    .describe("processors, fans, supplies of the host, in the server and facility boundaries"),
  roundTripMs: notNegative.optional().describe("gateway to endpoint and back; default: network.roundTripMs"),
  role: z.enum(["mixed", "prefill", "decode"]).default("mixed"),
  group: name.optional().describe("endpoints reported together; default: region/model"),
  maxOutstanding: count.optional().describe("cap on requests in flight, waiting and running; default: none"),
  maxModelTokens: count.optional().describe("longest prompt plus output; default: the profile's"),
  overlong: z.enum(["truncate", "reject"]).default("truncate").describe("what happens to longer requests"),
  kvBytesPerToken: positive.optional().describe("for KV transfers; default: the profile's"),
  localBalancer: z.enum(["outstanding-tokens", "round-robin", "shared-queue"]).default("outstanding-tokens"),
  powerStates: z
    .array(powerState)
    .default([])
    .describe("operating points; the first is the one at the start"),
  powerCurve: powerCurve.optional(),
  mixedRule: z.enum(["add", "max"]).optional().describe("overrides the profile's rule for mixed iterations"),
  batching: policyOrFields
    .transform(fieldsOf)
    .optional()
    .describe("fields that differ from the fleet's batching"),
});
export type EndpointConfig = z.infer<typeof endpointSchema>;

const tower = z
  .strictObject({
    phi: z.number().min(0).lt(1).optional().describe("blowdown E / (1 - phi), as MARLIN writes it"),
    cycles: z.number().gt(1).optional().describe("blowdown E / (cycles - 1), by cycles of concentration"),
    evaporation: share.default(1).describe("share of the heat that leaves by evaporation"),
  })
  .refine(
    ({ phi, cycles }) => (phi === undefined) !== (cycles === undefined),
    "expected exactly one of phi, cycles",
  );

const waterUse = z
  .strictObject({
    siteLPerItKwh: z
      .union([notNegative, tower])
      .describe(
        "litres that cooling takes for a kWh of IT energy (WUE), or the cooling tower they follow from",
      ),
    gridLPerKwh: notNegative.describe("litres that generation takes for a kWh"),
  })
  .describe("water of the region's energy; without it water is unknown");

export const regionsSchema = z
  .record(
    name,
    z.strictObject({
      pue: z.number().min(1).default(1).describe("facility over IT energy"),
      water: waterUse.optional(),
    }),
  )
  .default({})
  .describe("properties of regions");

export const networkSchema = z
  .strictObject({
    gateway: name.optional().describe("region of the gateway, for the record"),
    roundTripMs: z.record(name, notNegative).default({}).describe("gateway to region and back; default 0"),
  })
  .prefault({});

export const faultsSchema = z
  .array(
    z.strictObject({
      atS: notNegative.describe("seconds from the start of the run"),
      endpoint: name,
      kind: z.enum(["down", "up", "notice", "slow"]),
      noticeS: notNegative.optional().describe("notice: seconds until it goes down"),
      timeFactor: positive.optional().describe("slow: multiplies iteration times"),
    }),
  )
  .default([])
  .describe("what befalls endpoints");

export const kvTransferSchema = z
  .strictObject({
    gigabytesPerS: positive.default(25).describe("from a prefill to a decode endpoint"),
    latencyMs: notNegative.default(0),
  })
  .prefault({})
  .describe("moving a prompt's KV between endpoints");
