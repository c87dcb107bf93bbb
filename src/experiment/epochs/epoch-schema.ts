/**
 * The file of an experiment with planners of epochs: sites and a setting in the place of a fleet and a workload. Every
 * default of the file stands here, those of planners in the registry, those of the model in `src/datacenter`.
 */
import { z } from "zod";
import { extendsKey, headKeys, plannerSchema, pointKeys, resultKeys, seedsSchema } from "../head-schema.ts";
import { count, instant, name, notNegative, positive, share } from "../schema-parts.ts";
import { signalSource } from "../signal-schema.ts";

export const EPOCHS_SCHEMA_ID = "canopy/epoch-experiment/1";

const siteFields = z.strictObject({
  site: name.describe("one of Canopy's sites, or a name of your own"),
  zone: name.optional().describe("zone of the grid in the reference data; without it: carbon and price"),
  latitude: z.number().min(-90).max(90).optional(),
  longitude: z.number().min(-180).max(180).optional(),
  cop: positive.optional().describe("coefficient of performance of the cooling"),
  waterLPerKwh: notNegative.optional().describe("water of the grid"),
  wetBulbC: z.number().optional().describe("mean wet bulb, at which the cooling has its cop"),
  nodes: z
    .union([count, z.array(z.int().min(0)).min(1)])
    .optional()
    .describe("nodes in all, in equal shares of the types, or of each type; default: nodesPerSite"),
  carbon: signalSource.optional().describe("g/kWh"),
  price: signalSource.optional().describe("USD/kWh"),
});
export type SiteConfig = z.infer<typeof siteFields>;

export const sitesSchema = z
  .union([
    count,
    z
      .array(z.union([name, siteFields]).transform((site) => (typeof site === "string" ? { site } : site)))
      .min(1),
  ])
  .describe("how many of Canopy's sites, the most diverse first, or a list of names and sites of your own");

const requestsSchema = z
  .union([
    z.enum(["auto", "synthetic"]),
    z.strictObject({
      trace: name.describe("a trace in BurstGPT's own layout; data:FOLDER/FILE lies in the reference data"),
      firstDay: z.int().min(0).default(43),
      days: count.default(14),
    }),
  ])
  .default("auto")
  .describe(
    "auto: BurstGPT's days and hours where reference data is there, else a shape with its statistics; synthetic: that shape; or a trace",
  );

const blowdownSchema = z.union([
  z.strictObject({ phi: share.lt(1) }).describe("E / (1 - phi), as the paper prints it"),
  z.strictObject({ cycles: z.number().gt(1) }).describe("E / (cycles - 1)"),
]);

export const settingSchema = z
  .strictObject({
    requests: requestsSchema,
    signals: z
      .enum(["auto", "synthetic"])
      .default("auto")
      .describe("carbon, price and weather: of the reference data where it is there, or synthetic"),
    standInSeed: z.int().min(0).default(1).describe("of what is synthetic, independent of the run's seed"),
    epochs: count.default(96).describe("of fifteen minutes"),
    history: z.int().min(0).default(96).describe("epochs before them that only feed the forecast"),
    firstEpoch: z
      .int()
      .min(0)
      .optional()
      .describe("of the fortnight; default: midnight before its busiest epoch"),
    nodesPerSite: count.default(1000),
    mix: z
      .tuple([positive, positive])
      .default([0.8, 0.2])
      .describe("shares of the small and the large model (ours)"),
    peak: positive
      .default(0.95)
      .describe("utilisation of the busiest epoch, to which counts are scaled (paper)"),
    forecast: z
      .enum(["ewma-slope", "persistence", "neural", "clairvoyant"])
      .default("ewma-slope")
      .describe("of each model's requests"),
    ewma: z
      .strictObject({
        weight: z
          .union([positive.max(1), z.literal("pretrained")])
          .default(0.3)
          .describe("of the last count; pretrained: the best of 0.1 to 0.9 on the history"),
        window: count.default(8).describe("epochs of the slope"),
      })
      .prefault({}),
    planRows: z
      .enum(["models", "origins"])
      .default("models")
      .describe("a plan's rows: one for each model, or for each origin and model"),
    ttft: z
      .enum(["paper", "simulated"])
      .default("paper")
      .describe("the TTFT that plans are judged by: equation 3 literally, or queue, prefill and network"),
    consolidation: z.boolean().default(true).describe("nodes are filled one after another, the rest is off"),
    fill: z.number().gt(0).lt(1).default(0.9).describe("share of the sustainable rate that is rated (ours)"),
    prewarm: z
      .boolean()
      .default(true)
      .describe("nodes that the forecast needs are loaded when an epoch begins"),
    bootPenalty: z.boolean().default(true).describe("a node that leaves off costs an epoch of idle energy"),
    weather: z
      .boolean()
      .default(false)
      .describe("COP and evaporation follow the wet bulb (beyond the paper)"),
    waterFactors: z
      .enum(["macknick", "paper"])
      .default("macknick")
      .describe("litres of the grid's technologies; paper: 67 for hydropower, 0.2 for wind"),
    blowdown: blowdownSchema.default({ phi: 0.2 }),
  })
  .prefault({})
  .describe("requests, the horizon, and what the model of an epoch takes for granted");
export type SettingConfig = z.infer<typeof settingSchema>;

const objectiveSchema = z
  .strictObject({
    weights: z
      .tuple([notNegative, notNegative, notNegative, notNegative])
      .refine((weights) => weights.some((weight) => weight > 0), "expected one above 0")
      .default([1, 1, 1, 1])
      .describe("of ttft, carbon, water, cost in the scalarised value, scaled to a sum of 1"),
    beyondCapacity: z
      .boolean()
      .default(false)
      .describe("whether the bound lets requests exceed capacity, at a wait"),
    archiveSize: count.default(40).describe("plans of an epoch that the hypervolume takes at most"),
    archiveEvery: count.default(4).describe("epochs from one whose archive is kept to the next"),
  })
  .prefault({})
  .describe("what plans are measured by beside the metrics themselves");

const onePoint = {
  ...headKeys,
  sites: sitesSchema.default(8),
  setting: settingSchema,
  starts: z
    .array(instant)
    .min(1)
    .default(["2024-07-01"])
    .describe("times of the signals at which horizons begin"),
  planners: z.array(plannerSchema).min(1).describe("of the registry, with parameters, or files of yours"),
  calls: z
    .union([z.int().min(0), z.literal("own")])
    .default(205)
    .describe("calls of the model that a planner may make in an epoch; own: what its parameters ask for"),
  objective: objectiveSchema,
  seeds: seedsSchema,
  ...resultKeys,
};

export const epochExperimentSchema = z.strictObject({ ...onePoint, ...pointKeys });
export const pointEpochsSchema = z.strictObject(onePoint);

/** An experiment with planners at one point, every default filled in. */
export type EpochExperiment = z.infer<typeof pointEpochsSchema>;

/** What stands in one file: every key may also come from the files it extends. */
export const epochFileSchema = z
  .strictObject({ extends: extendsKey, ...epochExperimentSchema.shape })
  .partial();
