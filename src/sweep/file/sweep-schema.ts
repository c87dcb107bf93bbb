/** The sweep file: a base experiment, and which values of it are varied how. Every default stands in this schema. */
import { z } from "zod";
import { pointSchema } from "../../experiment/head-schema.ts";
import { count, name, positive } from "../../experiment/schema-parts.ts";

export const SWEEP_SCHEMA_ID = "canopy/sweep/1";

const ends = {
  from: z.number(),
  to: z.number(),
  scale: z
    .enum(["linear", "log"])
    .default("linear")
    .describe("log: equal ratios between neighbours; both ends are positive then"),
  whole: z.boolean().default(false).describe("rounded to whole numbers, each once"),
};

const rangeSchema = z.strictObject({
  ...ends,
  count: count.optional().describe("how many values, both ends among them"),
  step: positive.optional().describe("in place of count: distance of neighbours on the linear scale"),
});
export type RangeConfig = z.infer<typeof rangeSchema>;

const intervalSchema = z.strictObject(ends);
export type IntervalConfig = z.infer<typeof intervalSchema>;

const listSchema = z.array(z.json()).min(1);

const sampleSchema = z.strictObject({
  method: z
    .enum(["latin-hypercube", "random"])
    .default("latin-hypercube")
    .describe(
      "latin-hypercube: each axis is cut into as many equal parts as there are points, and each part has one point; random: independent draws",
    ),
  count: count.describe("how many points"),
  seed: z.union([z.int().min(0), name]).default(1),
  axes: z
    .record(name, z.union([listSchema, intervalSchema]))
    .refine((axes) => Object.keys(axes).length > 0, "expected at least one path")
    .describe("path: an interval, or a list of which each value is as likely"),
});
export type SampleConfig = z.infer<typeof sampleSchema>;

const oneLine = z.string().regex(/^[^\r\n]*$/, "expected one line");
const word = z.string().regex(/^[\w:.,@%+=/-]+$/, "expected one word");

/** Seconds of a time limit as sbatch reads it: minutes, minutes:seconds, or with hours, or after days from hours on. */
function slurmSeconds(text: string): number {
  const [days, rest] = text.includes("-") ? text.split("-") : [undefined, text];
  const parts = rest.split(":").map(Number);
  const [hours, minutes, seconds] =
    days !== undefined || parts.length === 3
      ? [parts[0], parts[1] ?? 0, parts[2] ?? 0]
      : [0, parts[0], parts[1] ?? 0];
  return 86_400 * Number(days ?? 0) + 3600 * hours + 60 * minutes + seconds;
}

const slurmSchema = z
  .strictObject({
    time: z
      .string()
      .regex(/^(\d+-)?\d+(:\d{2}){0,2}$/, "expected minutes or [days-]hours:minutes:seconds")
      .refine((text) => slurmSeconds(text) === 0 || slurmSeconds(text) > 60, {
        error: "expected more than a minute: a shard is told to stop a minute before its end",
      })
      .default("01:00:00")
      .describe("limit of a shard, which is told to stop a minute before"),
    memory: z
      .string()
      .regex(/^\d+[KMGTkmgt]?$/, "expected megabytes, or a number and K, M, G or T")
      .default("4G")
      .describe("of a shard, as sbatch --mem takes it"),
    cpus: count.default(1).describe("cores of a shard, which are its worker threads"),
    concurrent: count.optional().describe("shards that run at once; default: as many as there is room for"),
    partition: word.optional(),
    account: word.optional(),
    qos: word.optional(),
    constraint: word.optional(),
    gres: word.optional().describe("e.g. gpu:1, for runs that need a device"),
    retries: z
      .int()
      .min(0)
      .default(2)
      .describe("times that shards which did not come to their end are submitted again"),
    setup: z.array(oneLine).default([]).describe("lines of shell before the work, e.g. module load nodejs"),
    options: z
      .array(oneLine)
      .default([])
      .describe("further options of sbatch for the shards, e.g. --nice=100"),
  })
  .prefault({})
  .describe("for --engine slurm");
export type SlurmConfig = z.infer<typeof slurmSchema>;

export const sweepSchema = z.strictObject({
  $schema: z.string().optional().describe("for editors"),
  sweep: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "expected letters, digits, dot, dash or underscore")
    .describe("id, in results and file names"),
  description: z.string().optional(),
  experiment: name.describe("the experiment that is varied, a file beside this one"),
  set: z.record(name, z.json()).default({}).describe("path: value, for all points; as --set"),
  points: z
    .array(pointSchema)
    .default([])
    .describe("named variants, in place of those of the experiment; every other axis is crossed with them"),
  axes: z
    .record(name, z.union([listSchema, rangeSchema]))
    .default({})
    .describe(
      "path: list of values, or a range; every combination is run. An axis of the experiment over the same path gives way",
    ),
  sample: sampleSchema.optional().describe("points drawn at random, each at every combination of the axes"),
  shards: z
    .int()
    .min(1)
    .max(100_000)
    .default(1)
    .describe("pieces that are done and kept apart; --engine slurm takes 16 where nothing is given"),
  slurm: slurmSchema,
});
export type SweepConfig = z.infer<typeof sweepSchema>;

/** JSON Schema (2020-12) of the sweep file, published as `docs/schema/sweep.schema.json` for editors. */
export function sweepJsonSchema(): object {
  const { $schema, ...rest } = z.toJSONSchema(sweepSchema, { io: "input" });
  return {
    $schema,
    title: SWEEP_SCHEMA_ID,
    description: "What Canopy varies of an experiment: axes, samples, shards.",
    ...rest,
  };
}
