/** The `signals` and `starts` keys of an experiment file. */
import { z } from "zod";
import { count, instant, name, notNegative, positive } from "./schema-parts.ts";

const changes = {
  rescale: z
    .tuple([z.number(), z.number()])
    .optional()
    .describe("map the series' range affinely onto this one"),
  factor: positive.optional().describe("multiplies every value"),
};

const presetSource = z.strictObject({
  preset: name.describe("a synthetic series with a real grid's statistics"),
  seed: z.union([z.int(), name]).default(1).describe("of the series, independent of the run's seed"),
  stepS: positive.optional().describe("length of a step, default 300"),
  ...changes,
});

const fileSource = z.strictObject({
  path: name.describe("CSV file; data:FOLDER/FILE lies in the folder of reference data"),
  column: name.optional().describe("value column; default: told from the layout"),
  zone: name.optional().describe("zone of a file with several"),
  timeZone: name.optional().describe("of times without an offset, e.g. Europe/Dublin; default UTC"),
  unit: z.enum(["g/kWh", "kg/MWh", "lbs/MWh", "usd/kWh", "usd/MWh"]).optional(),
  signal: z.enum(["average", "marginal"]).optional(),
  accounting: z.enum(["lifecycle", "direct"]).optional(),
  fill: z.enum(["hold", "linear"]).optional().describe("accept gaps; default: a gap is an error"),
  fillLimitS: positive.optional(),
  ...changes,
  otherwise: z
    .union([name, presetSource])
    .optional()
    .describe("preset that stands in where the folder of reference data is not there; the result says so"),
});

const stepsSource = z.strictObject({
  steps: z
    .array(z.tuple([notNegative, z.number()]))
    .min(1)
    .refine((steps) => steps[0][0] === 0, "expected the first step at 0 s")
    .refine(
      (steps) => steps.every(([t], i) => i === 0 || t > steps[i - 1][0]),
      "expected times that increase",
    )
    .describe("[seconds from the start of the run, value]; each holds until the next, the last for ever"),
});

export const signalSource = z
  .union([name, z.number(), presetSource, fileSource, stepsSource])
  .describe("a preset's name, a constant, {preset}, {path, column} or {steps}");
export type SignalSource = z.infer<typeof signalSource>;
export type SignalFileSource = z.infer<typeof fileSource>;

export const signalsSchema = z
  .strictObject({
    signal: z
      .enum(["average", "marginal"])
      .default("average")
      .describe("which series these are; printed everywhere"),
    refreshS: positive.default(300).describe("seconds between the gateway's fetches"),
    carbon: z.record(name, signalSource).default({}).describe("carbon intensity in g/kWh, by region"),
    price: z.record(name, signalSource).default({}).describe("electricity price in USD/kWh, by region"),
    forecast: z
      .union([
        z.enum(["perfect", "persistence"]),
        z.strictObject({
          noisy: z
            .strictObject({
              deviation1h: notNegative.default(0.03).describe("relative standard deviation 1 h ahead"),
              deviation96h: notNegative.default(0.12).describe("relative standard deviation 96 h ahead"),
              seed: z.union([z.int(), name]).default(1),
            })
            .describe("the truth times 1 + AR(1) noise that grows with the time ahead"),
        }),
      ])
      .default("perfect")
      .describe("what routers are told of the future: the truth, yesterday's value, or the truth with noise"),
  })
  .prefault({})
  .describe("carbon intensity and electricity price");

export const startsSchema = z
  .union([
    z.array(instant).min(1),
    z
      .strictObject({
        from: instant,
        to: instant,
        days: count.describe("sampled days, evenly spread over [from, to)"),
        hoursPerDay: z
          .int()
          .min(1)
          .max(24)
          .default(1)
          .describe(
            "starts on each day, evenly spread; shifted from day to day so that few starts see all hours",
          ),
      })
      .describe("an ensemble of start times"),
  ])
  .optional()
  .describe("times of the signals at which runs begin; default: where the series begin together");
