/** The `workload`, `tiers` and `floors` keys of an experiment file. */
import { z } from "zod";
import { GENERIC_COLUMNS } from "../workload/read/generic.ts";
import { TRACE_FORMATS } from "../workload/read/read-trace.ts";
import { count, name, notNegative, positive, share } from "./schema-parts.ts";

const distributionLeaf = z.discriminatedUnion("dist", [
  z
    .strictObject({
      dist: z.literal("lognormal"),
      mu: z.number().describe("mean of the logarithm"),
      sigma: notNegative.describe("standard deviation of the logarithm"),
      min: notNegative.exactOptional().describe("smaller draws become this"),
      max: notNegative.exactOptional().describe("larger draws become this"),
    })
    .describe("exp(mu + sigma Z)"),
  z.strictObject({ dist: z.literal("constant"), value: notNegative }),
  z.strictObject({ dist: z.literal("uniform"), min: notNegative, max: notNegative }),
  z.strictObject({
    dist: z.literal("empirical"),
    values: z.array(notNegative).min(1),
    weights: z.array(notNegative).exactOptional().describe("as many as values; all equal when absent"),
  }),
]);

const distribution = z
  .discriminatedUnion("dist", [
    ...distributionLeaf.options,
    z.strictObject({
      dist: z.literal("mixture"),
      parts: z.array(z.strictObject({ share, of: distributionLeaf })).min(1),
    }),
  ])
  .describe("a distribution of token counts or of seconds");

export type DistributionConfig = z.infer<typeof distribution>;

const arrival = z
  .strictObject({
    process: z.enum(["poisson", "constant", "gamma"]).default("poisson"),
    ratePerS: positive.describe("requests (or sessions) per second outside bursts"),
    cv: positive.exactOptional().describe("coefficient of variation of the gaps; required by gamma"),
    burst: z
      .strictObject({
        factor: notNegative.describe("multiplies the rate while a burst lasts"),
        durationS: positive,
        periodS: positive.exactOptional().describe("from burst to burst; a single burst when absent"),
        firstAtS: notNegative.default(0),
      })
      .exactOptional(),
    dayShape: z
      .array(notNegative)
      .length(24)
      .exactOptional()
      .describe("weight of each hour of the day, from midnight"),
    dayStartHour: z
      .union([notNegative, z.literal("start")])
      .default(0)
      .describe("hour of the day at time 0; start: that of the run's start, in UTC"),
  })
  .describe("when requests arrive");

const lengths = {
  prompt: distribution.exactOptional().describe("prompt tokens"),
  output: distribution.exactOptional().describe("output tokens"),
  total: z
    .strictObject({ of: distribution, outputShare: share })
    .exactOptional()
    .describe("prompt and output together, divided: instead of prompt and output"),
  lengthFactor: positive.default(1).describe("multiplies every length (kappa of CEDAR's calibrated reading)"),
};

const taskTypes = z
  .array(z.strictObject({ name, share }))
  .exactOptional()
  .describe("kinds of task and their shares");
const taskTypesWithLengths = z
  .array(
    z.strictObject({
      name,
      share,
      prompt: distribution.exactOptional().describe("prompt tokens of this kind; default: the workload's"),
      output: distribution.exactOptional().describe("output tokens of this kind; default: the workload's"),
      outputEffect: z
        .number()
        .exactOptional()
        .describe("outputFeatures: how much longer outputs of this kind are, in any unit; default 0"),
    }),
  )
  .exactOptional()
  .describe("kinds of task, their shares, and lengths of their own");
const tenants = z
  .strictObject({
    count: count.default(60).describe("how many"),
    zipf: notNegative.default(1.1).describe("tenant i sends a share proportional to i^-zipf of the requests"),
    tierPer: z
      .enum(["tenant", "request"])
      .default("tenant")
      .describe(
        "tenant: one tier for good, shares met as nearly as whole tenants allow; request: drawn for each",
      ),
  })
  .exactOptional()
  .describe("who sends the requests; default: nobody in particular");
const turns = z
  .strictObject({ mean: z.number().min(1).max(1000).describe("mean of the geometric distribution") })
  .exactOptional()
  .describe("turns of the conversation up to a prompt, from 1; default: 1");
const outputFeatures = z
  .strictObject({
    rho: share.default(0.98).describe("correlation of log output tokens with what the features tell of it"),
    weights: z
      .strictObject({
        prompt: notNegative.exactOptional().describe("logarithm of the prompt's tokens"),
        turns: notNegative.exactOptional().describe("logarithm of the turns"),
        taskType: notNegative.exactOptional().describe("outputEffect of the task type"),
        tenant: notNegative.exactOptional().describe("effect of the tenant"),
      })
      .exactOptional()
      .describe("weights of the standardised features; default: 1, turns 0.5"),
  })
  .exactOptional()
  .describe("makes output tokens depend on what a gateway can see of a request, at the same distribution");
const nameOfWorkload = name
  .exactOptional()
  .describe("shown in tables; default: the kind of workload or the file");

const regimes = z
  .array(
    z.strictObject({
      fromS: notNegative.describe("seconds from the start of the run"),
      rateFactor: positive.default(1).describe("multiplies the rate from then on"),
      tierShares: z
        .record(name, share)
        .exactOptional()
        .describe("shares of the tiers from then on, all of them; default: those of tiers"),
    }),
  )
  .min(1)
  .refine(
    (list) => list.every(({ fromS }, i) => i === 0 || fromS > list[i - 1].fromS),
    "expected times that increase",
  );
export const regimesSchema = regimes
  .exactOptional()
  .describe("changes of load and mix: each holds until the next, none of them before the first");
export type RegimeConfig = z.infer<typeof regimes>[number];

export const syntheticWorkloadSchema = z
  .strictObject({
    name: nameOfWorkload,
    requests: count
      .exactOptional()
      .describe("how many requests; this or durationS, or both: whichever ends first"),
    durationS: positive.exactOptional().describe("seconds in which requests arrive"),
    arrival,
    ...lengths,
    taskTypes: taskTypesWithLengths,
    tenants,
    turns,
    outputFeatures,
    regimes: regimesSchema,
  })
  .describe("requests drawn from distributions");

export const sessionWorkloadSchema = z
  .strictObject({
    name: nameOfWorkload,
    requests: count
      .exactOptional()
      .describe("how many requests in all sessions; this, durationS or sessions.count: whichever ends first"),
    durationS: positive.exactOptional().describe("seconds in which sessions begin"),
    arrival: arrival.describe("when sessions begin: ratePerS counts sessions"),
    sessions: z
      .strictObject({
        count: count.exactOptional().describe("how many sessions"),
        steps: distribution.exactOptional().describe("calls of a session"),
        firstContext: distribution
          .exactOptional()
          .describe("tokens that a session begins with, besides the prompt"),
        prompt: distribution.exactOptional().describe("new prompt tokens of each call"),
        output: distribution.exactOptional().describe("output tokens of each call"),
        thinkS: distribution.exactOptional().describe("seconds from a call's last token to the next call"),
        contextGrowth: z
          .boolean()
          .default(true)
          .describe("each prompt holds all earlier prompts and outputs: a prefix cache can reuse them"),
        maxContextTokens: count
          .exactOptional()
          .describe("a longer prompt begins again from the first context"),
        classesPer: z
          .enum(["session", "step"])
          .default("session")
          .describe("what tier and task type are drawn for"),
        independent: z
          .boolean()
          .default(false)
          .describe("the same calls as an open process that does not wait for earlier calls"),
      })
      .describe("lengths not given are those of 710 public coding-agent sessions"),
    lengthFactor: lengths.lengthFactor,
    taskTypes,
  })
  .describe("agents: sessions of calls that depend on each other");

export const traceWorkloadSchema = z
  .strictObject({
    name: nameOfWorkload,
    trace: name.describe(
      "CSV, JSON Lines or Parquet file; data:FOLDER/FILE lies in the folder of reference data",
    ),
    format: z
      .enum(TRACE_FORMATS)
      .exactOptional()
      .describe("layout of the file; default: told from its columns"),
    columns: z
      .partialRecord(z.enum(GENERIC_COLUMNS), name)
      .exactOptional()
      .describe(
        "names of the file's columns, by generic name: arrival_s, prompt_tokens, output_tokens, tier, …",
      ),
    requests: count.exactOptional().describe("only the first requests"),
    fromS: notNegative.exactOptional().describe("drop what arrives before; time 0 moves here"),
    durationS: positive.exactOptional().describe("drop what arrives later than this after the first"),
    rateFactor: positive
      .default(1)
      .describe("divides the gaps between arrivals: 2 doubles the rate, the same requests in half the time"),
    copies: count
      .default(1)
      .describe("superposes copies shifted in time: multiplies the rate, keeps the pattern"),
    repeat: count.default(1).describe("plays the trace this many times, one after the other"),
    sessionsPerS: positive.exactOptional().describe("agent-sessions: sessions started per second"),
    agents: z.enum(["main", "all"]).exactOptional().describe("agent-sessions: with or without sub-agents"),
    dependent: z.boolean().exactOptional().describe("agent-sessions: steps wait for the step before"),
    largeModels: z
      .array(name)
      .exactOptional()
      .describe("burstgpt, agent-sessions: models whose requests need the large one"),
    drawTiers: z
      .boolean()
      .exactOptional()
      .describe("draw tiers by their shares; default: when the file has none"),
    lengthFactor: lengths.lengthFactor,
    otherwise: syntheticWorkloadSchema
      .exactOptional()
      .describe("stands in where the folder of reference data is not there; the result says so"),
  })
  .describe("requests of a file");

export const workloadSchema = z.union([syntheticWorkloadSchema, sessionWorkloadSchema, traceWorkloadSchema]);
export type WorkloadConfig = z.infer<typeof workloadSchema>;
export type SyntheticWorkloadConfig = z.infer<typeof syntheticWorkloadSchema>;
export type SessionWorkloadConfig = z.infer<typeof sessionWorkloadSchema>;
export type TraceWorkloadConfig = z.infer<typeof traceWorkloadSchema>;

export const tiersSchema = z
  .array(
    z.strictObject({
      name,
      share: share.exactOptional().describe("part of the requests; not needed where the trace names tiers"),
      sloS: positive.describe("latency objective in seconds"),
      deferrable: z.boolean().default(false).describe("may wait on purpose, up to its deadline"),
      deferralS: notNegative
        .exactOptional()
        .describe("how long a request of a deferrable tier may be held on purpose; default: sloS"),
    }),
  )
  .min(1)
  .exactOptional()
  .describe("service classes, strictest first; default: one without an objective");
export type TierConfig = NonNullable<z.infer<typeof tiersSchema>>[number];

export const floorsSchema = z
  .union([z.enum(["paper", "mixed", "off", "all-large"]), z.record(name, share)])
  .default("off")
  .describe(
    "which requests only a large model may serve: paper (HIGH 1, MED 1, LOW 0), mixed (0, 1, 0.5), off, all-large, or a share for each tier",
  );
