import { z } from "zod";

/** Columns of the telemetry that a process may be sent: those of the contract's view, by endpoint. */
export const TELEMETRY_COLUMNS = [
  "up",
  "replicas",
  "running",
  "waiting",
  "outstanding",
  "queuedPrefillTokens",
  "outstandingTokens",
  "contextTokens",
  "decoding",
  "kvFraction",
  "utilisation",
  "timeFactor",
] as const;
export type TelemetryColumn = (typeof TELEMETRY_COLUMNS)[number];

const word = z.string().min(1);

export const externalParameters = z.strictObject({
  command: z
    .array(word)
    .min(1)
    .describe("program and its words; it runs in the folder of the file that names it"),
  files: z
    .array(word)
    .default([])
    .describe(
      "files that its decisions depend on, beside those that the command names: their content is part of a run's key",
    ),
  options: z
    .record(word, z.json())
    .default({})
    .describe("handed to the process at the start, e.g. parameters of its own to sweep"),
  decide: z
    .enum(["arrival", "tick"])
    .default("arrival")
    .describe(
      "arrival: a frame for each request as it comes; tick: all of them in one frame at dispatch ticks",
    ),
  dispatchSeconds: z.number().positive().default(0.1).describe("between two ticks, while requests are held"),
  telemetry: z
    .array(z.enum(TELEMETRY_COLUMNS))
    .default([...TELEMETRY_COLUMNS])
    .describe("columns that go with every frame; fewer make shorter frames"),
  completions: z.boolean().default(false).describe("send the requests that have ended, with the next frame"),
  timeoutSeconds: z
    .number()
    .positive()
    .default(10)
    .describe("of the wall clock, for an answer: a process that takes longer ends the run"),
  startTimeoutSeconds: z.number().positive().default(60).describe("the same for its first answer"),
});
export type ExternalParameters = z.output<typeof externalParameters>;
