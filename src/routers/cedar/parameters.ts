import { z } from "zod";

const tierWeights = (values: number[], meaning: string) =>
  z
    .array(z.number().nonnegative())
    .min(1)
    .default(values)
    .describe(`${meaning}, by tier, strictest first; the last value holds for all further tiers`);

const intervals = z.number().int().positive();

/** Every figure of CEDAR's heuristic that the paper gives or leaves open, with the specification's defaults. */
export const cedarParameters = z.strictObject({
  latencyWeights: tierWeights([1, 0.5, 0.1], "Weight a of the estimated latency over the objective"),
  costWeights: tierWeights([0.1, 0.3, 0.5], "Weight b of the cost over its mean"),
  carbonWeights: tierWeights([0.1, 0.3, 0.5], "Weight g of the carbon over its mean"),
  oscillationWeight: z
    .number()
    .nonnegative()
    .default(0.1)
    .describe("Weight h of a group's realised share above its target"),
  marginFraction: z
    .number()
    .nonnegative()
    .default(0.1)
    .describe("Slack an endpoint has to leave, as a share of the tier's objective"),
  queueFullSeconds: z
    .number()
    .nonnegative()
    .default(2)
    .describe("An endpoint is full when its queued prompt tokens would take it longer, in seconds"),
  dispatchSeconds: z
    .number()
    .positive()
    .default(0.1)
    .describe("Seconds between two dispatches of held requests"),
  controlSeconds: z
    .number()
    .positive()
    .default(10)
    .describe("Seconds between two updates of the target weights"),
  shareWindowSeconds: z
    .number()
    .positive()
    .default(10)
    .describe("Seconds over which realised shares are counted"),
  weightStep: z
    .number()
    .positive()
    .max(1)
    .default(0.2)
    .describe("Largest change of a target weight in one control interval"),
  softminTemperature: z
    .number()
    .nonnegative()
    .default(0.1)
    .describe("Temperature of the softmin that turns scores into target weights"),
  referenceBatch: z
    .number()
    .int()
    .positive()
    .default(16)
    .describe("Batch at which an output token's share of time and power is taken for cost and carbon"),
  epsilon: z
    .union([z.number().min(0).max(1), z.literal("off")])
    .default(0.15)
    .describe('Share of violations allowed to each tier before the fallback, or "off"'),
  violationWindowSeconds: z
    .number()
    .positive()
    .default(60)
    .describe("Seconds over which violations are counted, in whole control intervals"),
  fallbackAfterIntervals: intervals
    .default(2)
    .describe("Control intervals in a row with a tier beyond epsilon before the fallback"),
  recoverAfterIntervals: intervals
    .default(3)
    .describe("Control intervals in a row with every tier inside epsilon before the fallback ends"),
  fallbackBy: z
    .enum(["outstanding", "utilisation", "tokens"])
    .default("outstanding")
    .describe("Load measure of the fallback, which is least-loaded"),
  scaling: z.boolean().default(false).describe("Whether to order and release replicas"),
  scaleUpWaitShare: z
    .number()
    .nonnegative()
    .default(0.5)
    .describe("Scale up where the predicted wait exceeds this share of the strictest tier's slack"),
  scaleUpIntervals: intervals.default(2).describe("Control intervals in a row before a replica is added"),
  scaleDownUtilisation: z
    .number()
    .min(0)
    .max(1)
    .default(0.3)
    .describe("Scale down where the utilisation is below this"),
  scaleDownIntervals: intervals
    .default(6)
    .describe("Control intervals in a row before a replica is released"),
});

export type CedarParameters = z.output<typeof cedarParameters>;
