import { z } from "zod";
import { PROVENANCES } from "./provenance.ts";
import { count, milliseconds, tokens, watts } from "./schema-parts.ts";

/** The machine of a measured file; null = not known. Further keys are kept as they are. */
export const hostSchema = z
  .looseObject({
    cpuModel: z.string().nullable(),
    gpuModel: z.string().nullable(),
    gpuUuid: z.string().nullable(),
    driver: z.string().nullable(),
    cuda: z.string().nullable(),
    clocksMHz: z.record(z.string(), z.number()).nullable().describe("e.g. {sm: 1410, memory: 1593}"),
    powerLimitWatts: watts.nullable(),
    persistenceMode: z.boolean().nullable(),
    ecc: z.boolean().nullable(),
    mig: z.boolean().nullable(),
    otherProcesses: z.int().nonnegative().nullable().describe("foreign processes seen on the device"),
    shared: z.boolean().nullable().describe("whether others used the host"),
    compilerFlags: z.string().nullable(),
    gitHash: z.string().nullable(),
    kernel: z.string().nullable().describe("operating system kernel"),
    governor: z.string().nullable(),
    container: z.string().nullable(),
  })
  .describe("measured files: the machine");

/** How each point of a measured file was taken. Further keys are kept as they are. */
export const protocolSchema = z
  .looseObject({
    preset: z.string(),
    clockMode: z.enum(["floating", "locked"]),
    lockedClockMHz: z.number().positive().nullable(),
    warmupSeconds: z.number().nonnegative(),
    windowSeconds: z.number().positive(),
    trials: count,
    stopReason: z.string(),
    discardedWindows: z.int().nonnegative(),
  })
  .describe("measured files: how each point was taken");

/** One measured point; null = not taken at this point. */
export const pointSchema = z.strictObject({
  provenance: z.enum(PROVENANCES),
  batch: count,
  layers: count.optional().describe("run with fewer layers than the model has"),
  promptTokens: tokens.nullable(),
  contextTokens: tokens.nullable(),
  stepMs: z
    .strictObject({
      mean: milliseconds,
      p50: milliseconds,
      p90: milliseconds,
      p99: milliseconds,
      min: milliseconds,
      max: milliseconds,
      ciLow: z.number().nullable(),
      ciHigh: z.number().nullable(),
    })
    .nullable(),
  ttftMs: milliseconds.nullable(),
  tpotMs: milliseconds.nullable(),
  prefillTokensPerSecond: z.number().nonnegative().nullable(),
  decodeTokensPerSecond: z.number().nonnegative().nullable(),
  wattsPerGpu: watts.nullable(),
  joulesPerToken: z.number().nonnegative().nullable(),
  joulesPerTokenNetOfIdle: z.number().nullable(),
  mbu: z.number().nonnegative().nullable().describe("share of peak memory bandwidth used"),
  mfu: z.number().nonnegative().nullable().describe("share of peak FLOP/s used"),
  trials: count,
  relativeStandardError: z.number().nonnegative().nullable(),
  throttledWindows: z.int().nonnegative(),
  contaminated: z.boolean().describe("other work ran on the host"),
});
