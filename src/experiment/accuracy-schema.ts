/** The `accuracy` key of an experiment file. */
import { z } from "zod";
import { name, share } from "./schema-parts.ts";

const percent = z.number().min(0).max(100);

export const accuracySchema = z
  .strictObject({
    table: z
      .union([name, z.record(name, z.record(name, percent))])
      .describe(
        "right answers in percent, by model and data set: a map, or a CSV file with columns model, dataset and accuracy (0 to 1)",
      ),
    source: name.exactOptional().describe("of a file with several tables: only rows of this source_id"),
    phi: z
      .union([share, z.record(name, share)])
      .default(0.5)
      .describe("correlation of right answers between two models, over all data sets or by data set"),
    datasets: z
      .record(name, name)
      .default({})
      .describe("data set of a task type, where the table names it otherwise"),
    models: z
      .record(name, name)
      .default({})
      .describe("model of the table that stands for one of the fleet, where it is named otherwise"),
  })
  .optional()
  .describe(
    "simulated correctness: every model answers every request rightly or not, by item response fitted to a table; the workload's task types are the data sets",
  );
export type AccuracyConfig = NonNullable<z.infer<typeof accuracySchema>>;
