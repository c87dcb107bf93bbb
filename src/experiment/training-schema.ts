/** The `training` key of an experiment file. */
import { z } from "zod";
import { count, instant, name, positive } from "./schema-parts.ts";
import { signalSource } from "./signal-schema.ts";
import { regimesSchema } from "./workload-schema.ts";

/** Far from the seeds of evaluated runs, which count from 1. */
export const TRAINING_SEED = 1_000_003;

export const trainingSchema = z
  .strictObject({
    durationS: positive
      .exactOptional()
      .describe("seconds of requests to train on; of a trace: its beginning, after which evaluation starts"),
    requests: count.exactOptional().describe("how many requests to train on; not of a trace"),
    seed: z.int().min(0).default(TRAINING_SEED).describe("seed of the training requests, not one of seeds"),
    start: instant
      .exactOptional()
      .describe("time of the signals at which training begins; default: the first start"),
    regimes: regimesSchema.describe("changes of load and mix in training; default: the workload's"),
    carbon: z
      .record(name, signalSource)
      .exactOptional()
      .describe("carbon intensity in training, by region; default: that of signals.carbon"),
  })
  .optional()
  .describe(
    "routers that learn are trained once, on requests of the same kind that no evaluated run sees; default: none, artefacts come from files",
  );
export type TrainingConfig = NonNullable<z.infer<typeof trainingSchema>>;
