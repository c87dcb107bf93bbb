/**
 * The experiment file: what a run is made of and which runs there are. Every default of the file stands in this
 * schema and the schemas of its parts. Units are in the names: `S` seconds, `Ms` milliseconds.
 */
import { z } from "zod";
import { accuracySchema } from "./accuracy-schema.ts";
import {
  batchingSchema,
  endpointSchema,
  faultsSchema,
  kvTransferSchema,
  networkSchema,
  regionsSchema,
} from "./fleet-schema.ts";
import { extendsKey, headKeys, pointKeys, resultKeys, routerSchema, seedsSchema } from "./head-schema.ts";
import { notNegative, positive, share } from "./schema-parts.ts";
import { signalsSchema, startsSchema } from "./signal-schema.ts";
import { trainingSchema } from "./training-schema.ts";
import { floorsSchema, tiersSchema, workloadSchema } from "./workload-schema.ts";

export const EXPERIMENT_SCHEMA_ID = "canopy/experiment/1";

const onePoint = {
  ...headKeys,

  workload: workloadSchema,
  tiers: tiersSchema,
  floors: floorsSchema,
  latency: z.enum(["ttft", "e2e"]).default("e2e").describe("which latency the objectives bound"),
  clock: z
    .enum(["arrival", "dispatch"])
    .default("arrival")
    .describe(
      "from when that latency counts: arrival, or the end of a deliberate hold within the tier's deferralS; tables can show both",
    ),

  accuracy: accuracySchema,

  fleet: z.array(endpointSchema).min(1).describe("endpoints"),
  batching: batchingSchema,
  regions: regionsSchema,
  network: networkSchema,
  kvTransfer: kvTransferSchema,
  faults: faultsSchema,
  calibration: z
    .strictObject({
      prefillFactor: positive.default(1).describe("multiplies prefill times above the overhead"),
    })
    .prefault({})
    .describe("declared departures from the profiles"),

  signals: signalsSchema,
  starts: startsSchema,
  telemetryIntervalS: notNegative.default(0.1).describe("age of telemetry; 0: fresh at every decision"),

  routers: z.array(routerSchema).min(1),
  seeds: seedsSchema,
  training: trainingSchema,

  end: z
    .enum(["drain", "cut"])
    .default("drain")
    .describe("drain: until every request has ended; cut: stop at the horizon, the rest counts as violated"),
  horizon: z
    .union([z.enum(["auto", "last-finish"]), positive])
    .default("auto")
    .describe(
      "seconds over which idle energy and GPU-hours are counted; auto: last arrival plus the longest deferral (deferralS) of a deferrable tier (where steps depend on each other: last-finish)",
    ),
  warmup: z
    .strictObject({ fraction: share.default(0.05), atLeast: z.int().min(0).default(100) })
    .optional()
    .describe("requests at the start that latency and service level leave out; default: none"),

  ...resultKeys,
};

/** A whole file, `extends` already followed. */
export const experimentSchema = z.strictObject({ ...onePoint, ...pointKeys });
/** One point of a file: what is left once points and axes are applied. */
export const pointExperimentSchema = z.strictObject(onePoint);

/** An experiment at one point, every default filled in. */
export type Experiment = z.infer<typeof pointExperimentSchema>;

/** What stands in one file: every key may also come from the files it extends. */
export const experimentFileSchema = z
  .strictObject({
    extends: extendsKey,
    ...experimentSchema.shape,
  })
  .partial();
