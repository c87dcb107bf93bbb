import { z } from "zod";

const fraction = z.number().min(0).max(1);
const patterns = (pool: string, meaning: string) =>
  z
    .array(z.string().min(1))
    .default([`${pool}*`])
    .describe(`Endpoints of the ${meaning} pool: names, * for any text`);

/** Which endpoints are which pool. */
export const poolsParameter = z
  .strictObject({
    lp: patterns("lp", "low-latency"),
    cp: patterns("cp", "low-carbon"),
    bp: patterns("bp", "delay-tolerant"),
  })
  .prefault({})
  .describe("Endpoints of each pool, each endpoint in exactly one");

export const TIER_CLASSES = ["gold", "silver", "bronze"] as const;
export type TierClass = (typeof TIER_CLASSES)[number];

/** What CAPS calls the tiers of a workload. */
export const tierClassesParameter = z
  .array(z.enum(TIER_CLASSES))
  .min(1)
  .default(["gold", "silver", "bronze"])
  .describe("What CAPS calls the tiers, strictest first; the last one holds for all further tiers");

export const pollSecondsParameter = z
  .number()
  .positive()
  .default(0.1)
  .describe("Seconds between two looks at endpoints without maxOutstanding, while requests wait");

/** Which of the requests that the router keeps for a pool are ahead of one that comes. */
const OWN_QUEUE = ["all", "room", "none"] as const;
export type OwnQueue = (typeof OWN_QUEUE)[number];

const pool = z.enum(["lp", "cp", "bp"]);

/** Every figure of CAPS that the paper gives or leaves open, with the specification's defaults. */
export const capsParameters = z.strictObject({
  pools: poolsParameter,
  tierClasses: tierClassesParameter,
  candidates: z
    .strictObject({
      gold: z.array(pool).min(1).default(["lp"]),
      silver: z.array(pool).min(1).default(["lp", "cp"]),
      bronze: z.array(pool).min(1).default(["lp", "cp", "bp"]),
    })
    .prefault({})
    .describe("Pools that a class of requests may go to"),
  alpha: z.number().nonnegative().default(1).describe("Weight of goodput"),
  beta: z.number().nonnegative().default(0.5).describe("Weight of carbon"),
  lambda: z.number().nonnegative().default(2).describe("Weight of the risk of a missed objective"),
  idleWatts: z.number().nonnegative().default(100).describe("Power of an idle GPU"),
  peakWatts: z.number().positive().default(400).describe("Power of a fully used GPU"),
  powerExponent: z.number().positive().default(0.7).describe("Exponent of the power over the utilisation"),
  tau: z
    .enum(["split", "literal"])
    .default("split")
    .describe("split: share of GPU time for carbon, elapsed time for rates; literal: the cost for both"),
  referenceBatch: z
    .number()
    .int()
    .positive()
    .default(16)
    .describe("Batch at which a decoded token's share of GPU time is its cost"),
  thresholdQuantile: fraction
    .default(0.4)
    .describe("The carbon gate opens at or below this quantile of the intensities of the last 24 h"),
  gateSeconds: z
    .number()
    .nonnegative()
    .default(1800)
    .describe("Longest wait behind the closed gate of the low-carbon pool"),
  windowHours: z.number().int().positive().max(96).default(6).describe("Hours of forecast looked at"),
  windowShare: fraction.default(0.3).describe("A low-carbon hour is one of this lowest share of them"),
  batchRequests: z
    .number()
    .int()
    .positive()
    .default(64)
    .describe("Largest batch on a GPU of the delay-tolerant pool"),
  batchUtilisation: fraction
    .default(0.9)
    .describe("Utilisation of the delay-tolerant pool that the score reckons with"),
  forcedStart: z
    .enum(["batch", "due"])
    .default("batch")
    .describe("A request that may wait no longer starts batch: a round as in a window, due: those due alone"),
  ownQueue: z
    .enum(OWN_QUEUE)
    .default("all")
    .describe(
      "Which requests that the router keeps for a pool the score counts as ahead there: all, those that wait for room, none",
    ),
  preempt: z
    .enum(["late", "full", "off"])
    .default("late")
    .describe(
      "When gold pauses a request of another class: where it would be late behind it, only where no GPU has room, never",
    ),
  preemptionsPerRequest: z
    .number()
    .int()
    .positive()
    .default(1)
    .describe("How often one request may be paused"),
  lengthQuantile: z
    .union([z.literal("mean"), z.number().positive().lt(1)])
    .default("mean")
    .describe("Output length that the score reckons with: the prediction, or this quantile of its error"),
  trainingRows: z
    .number()
    .int()
    .min(100)
    .default(300_000)
    .describe("Most requests of the training run that the predictor is trained on, drawn by seed"),
  pollSeconds: pollSecondsParameter,
});

export type CapsParameters = z.output<typeof capsParameters>;
