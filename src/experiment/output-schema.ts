/** The keys of an experiment file that concern its results: `outputs`, `published`, `comparable`. */
import { z } from "zod";
import { BREAKDOWN_KEYS } from "../metrics/carbon-breakdown.ts";
import { name, notNegative, positive } from "./schema-parts.ts";

const column = z.union([
  name,
  z.strictObject({
    metric: name,
    header: name.optional().describe("default: the metric's name"),
    factor: z.number().optional().describe("multiplies the value, e.g. 100 for percent; give unit with it"),
    unit: name.optional().describe("default: the metric's"),
    digits: z.int().min(1).max(15).optional().describe("significant digits"),
  }),
]);
export type ColumnConfig = z.infer<typeof column>;

const table = z.strictObject({
  title: name,
  caption: z.string().optional(),
  columns: z.array(column).min(1).describe("metrics, in order"),
  rows: z.array(name).optional().describe("labels of routers, in order; default: all, for each point"),
  ratioTo: name.optional().describe("label of the router whose values the others are divided by"),
});
export type TableConfig = z.infer<typeof table>;

const figure = z.discriminatedUnion("kind", [
  z
    .strictObject({
      kind: z.literal("scatter"),
      title: name,
      x: name.describe("metric"),
      y: name.describe("metric"),
      ratioTo: name.optional().describe("label of the router whose values the others are divided by"),
    })
    .describe("one mark for each router"),
  z
    .strictObject({
      kind: z.literal("percentiles"),
      title: name,
      of: z.enum(["ttft", "e2e"]).describe("the latency whose percentiles are drawn"),
    })
    .describe("latency at p50, p90, p95, p99, p99.9, a line for each router"),
  z
    .strictObject({
      kind: z.literal("bars"),
      title: name,
      metric: name,
      ratioTo: name.optional().describe("label of the router whose value the others are divided by"),
    })
    .describe("a bar for each router"),
  z
    .strictObject({
      kind: z.literal("sweep"),
      title: name,
      axis: name.describe("path of an axis"),
      metric: name,
    })
    .describe("a metric over an axis, a line for each router"),
  z
    .strictObject({
      kind: z.literal("timeline"),
      title: name,
      of: z
        .enum(["shares", "carbon", "power-gpu", "power-server"])
        .describe(
          "power-gpu: of GPUs while they work; power-server: of GPUs working and idle and their hosts",
        ),
    })
    .describe("shares or power of the groups, or intensity of the regions, over a run"),
  z
    .strictObject({
      kind: z.literal("series"),
      title: name,
      of: name.describe("quantity that the router reports: reward_in_training of cedar and cedar-sac"),
    })
    .describe("lines that a router reports of itself, a figure for each that differs"),
  z
    .strictObject({
      kind: z.literal("epochs"),
      title: name,
      of: z.enum(["objective", "ttft", "carbon", "water", "cost"]),
    })
    .describe("what the plans of each epoch come to over those of even shares, a line for each planner"),
  z
    .strictObject({ kind: z.literal("arrivals"), title: name })
    .describe("requests of each epoch over the whole trace, a line for each model"),
]);
export type FigureConfig = z.infer<typeof figure>;

const windows = z
  .array(
    z.strictObject({
      name: z
        .string()
        .regex(/^[A-Za-z0-9-]+$/, "expected letters, digits or dashes")
        .describe("end of the metrics' names"),
      fromS: notNegative,
      toS: positive,
    }),
  )
  .default([])
  .describe(
    "stretches of a run by time of arrival: window_slo_violation_NAME, window_cost_usd_per_request_NAME, …",
  );

const weight = notNegative;
const reward = z
  .strictObject({
    reference: name.describe("label of the router by whose cost and carbon those of each are divided"),
    regretTo: name
      .exactOptional()
      .describe("label of the router that regret is against; default: the baseline"),
    violations: weight.default(1).describe("alpha"),
    cost: weight.default(0.3).describe("beta"),
    carbon: weight.default(0.3).describe("gamma"),
    oscillation: weight.default(0.1).describe("eta, of oscillation_10s"),
    violationWeights: z
      .array(weight)
      .min(1)
      .default([3, 2, 1])
      .describe("by tier, strictest first; the last value holds for all further tiers"),
  })
  .optional()
  .describe("adds cedar_reward and cedar_regret (CEDAR eq. 2), of runs and of their windows; default: none");
export type RewardConfig = NonNullable<z.infer<typeof reward>>;

export const outputsSchema = z
  .strictObject({
    tables: z.array(table).default([]),
    figures: z.array(figure).default([]),
    breakdowns: z
      .array(
        z.strictObject({
          by: z
            .array(z.enum(BREAKDOWN_KEYS))
            .min(1)
            .describe(
              "tier; prompt-band: short (to 255 tokens), long (to 2,047), agentic; carbon-level: low, middle, high",
            ),
        }),
      )
      .default([])
      .describe(
        "carbon_g_per_1k_tokens of parts of the requests, as metrics with the parts' names at their end",
      ),
    windows,
    reward,
  })
  .prefault({})
  .describe("tables and figures of the report; without tables one of the chief metrics is printed");

const publishedValue = z.strictObject({
  router: z
    .union([name, z.array(name).min(2)])
    .describe(
      "label of a router of this experiment, or several: the figure is of the best of them in the run",
    ),
  metric: name,
  value: z.number(),
  unit: name.optional().describe("default: the metric's unit"),
  ratioTo: name.optional().describe("the paper gives only the ratio to this router"),
  point: z
    .union([name, z.record(name, z.json())])
    .optional()
    .describe("the point it belongs to: a name, or values of axes; default: every point"),
  source: z.string().optional().describe("table or figure of the paper"),
});
export type PublishedValue = z.infer<typeof publishedValue>;

export const publishedSchema = z.array(publishedValue).default([]).describe("figures of the paper");

export const calibratedSchema = z
  .array(
    z.strictObject({
      router: name,
      metric: name,
      by: name.describe("path of the parameter that was fitted"),
      note: z.string().optional(),
    }),
  )
  .default([])
  .describe("quantities that were fitted to the paper's: they never count as agreement");

export const comparableSchema = z
  .record(name, z.string().min(1))
  .default({})
  .describe("metrics whose absolute values cannot be compared with the paper's, and the arithmetic why");
