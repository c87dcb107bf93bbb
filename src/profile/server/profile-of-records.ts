import { UserError } from "../../errors.ts";
import { mean } from "../../numeric/statistics.ts";
import { isotonicGrid, isotonicRow } from "../measure/isotonic.ts";
import { PROFILE_SCHEMA_ID, type Profile } from "../schema.ts";
import { pointOf } from "./measured-point.ts";
import { prefillOf } from "./prefill-curve.ts";
import type { ServerRecords } from "./records.ts";
import { gpuOf, hostOf } from "./server-host.ts";
import { powerOf } from "./server-power.ts";
import { noiseOf, notesOf, protocolOf } from "./server-protocol.ts";
import { usualTokensPerChunk } from "./steps.ts";
import { type Trial, trialOf } from "./trial.ts";

/**
 * The profile that a server's records amount to: a pure function of them.
 *
 * Decode: mean time of a step at each concurrency, while all streams decode, over the trials. The context of a column is
 * the mean over its cells, and each concurrency's times are read at it, on the line through its own contexts. Prefill:
 * median time to the first token of a prompt alone. Both are made non-decreasing (isotonic regression). Power: NVML's
 * counter over the windows, by the integral where there is none. Windows with a clock held down count only where a cell
 * has no others.
 *
 * @param raw name of the file that holds the records, relative to the profile
 * @throws UserError CANOPY_SERVER_NO_POINT where too little could be measured
 */
export function profileOfRecords(records: ServerRecords, raw: string): Profile {
  const { settings, server } = records;
  const decodes = records.points.filter(({ kind }) => kind === "decode");
  const usualPerChunk = usualTokensPerChunk(decodes.flatMap(({ requests }) => requests));
  const trials = decodes.map((point) => trialOf(records, point, usualPerChunk));
  const ofCell = (batch: number, prompt: number) =>
    trials.filter(
      ({ point, problem }) =>
        problem === undefined && point.concurrency === batch && point.promptTokens === prompt,
    );
  const cell = (batch: number, prompt: number) => {
    const all = ofCell(batch, prompt);
    const steady = all.filter(({ throttled }) => !throttled);
    return steady.length > 0 ? steady : all;
  };
  const prompts = [...settings.promptTokens].sort(ascending);
  const asked = [...settings.concurrency].sort(ascending);
  const batches = asked.filter((batch) => prompts.every((prompt) => cell(batch, prompt).length > 0));
  const prefill = prefillOf(records.points);
  const dropped = [
    ...trials.flatMap(({ problem }) => problem ?? []),
    ...asked
      .filter((batch) => !batches.includes(batch) && prompts.some((prompt) => cell(batch, prompt).length > 0))
      .map((batch) => leftOut(batch, prompts, cell)),
    ...prefill.dropped,
  ];
  if (batches.length === 0 || prefill.promptTokens.length < 2) {
    const what =
      batches.length === 0 ? "decode steps at no concurrency" : "prefill at fewer than two lengths";
    throw new UserError(
      "CANOPY_SERVER_NO_POINT",
      `${server.url}: ${what} could be measured: ${dropped.join("; ")}`,
      {
        exitCode: 1,
      },
    );
  }
  const cellContexts = batches.map((batch) =>
    prompts.map((prompt) => mean(cell(batch, prompt).map((trial) => trial.contextTokens))),
  );
  const contextTokens = prompts.map((_, p) => Math.round(mean(cellContexts.map((row) => row[p]))));
  const measured = batches.map((batch, b) => {
    const means = prompts.map((prompt) => mean(cell(batch, prompt).map(({ stepMs }) => stepMs)));
    return readAt(contextTokens, cellContexts[b], means);
  });
  const iterationMs = isotonicGrid(measured);
  const latencyMs = isotonicRow(prefill.latencyMs);
  const counted = new Map(batches.map((batch) => [batch, prompts.flatMap((prompt) => cell(batch, prompt))]));
  const good = [...counted.values()].flat();
  const quality = {
    pureShare: good.reduce((least, { steps }) => Math.min(least, steps.pureShare), 1),
    isotonicChange: Math.max(
      largestChange(measured, iterationMs),
      largestChange([prefill.latencyMs], [latencyMs]),
    ),
  };
  const powerBlock = powerOf(records, counted, prefill.longest);
  const points = asked.flatMap((batch) =>
    prompts.flatMap((prompt) => {
      const used = cell(batch, prompt);
      if (used.length === 0) return [];
      return [pointOf(records, used, ofCell(batch, prompt).filter(({ throttled }) => throttled).length)];
    }),
  );
  return {
    schema: PROFILE_SCHEMA_ID,
    id: settings.id,
    provenance: "measured",
    ...gpuOf(records),
    host: hostOf(records),
    measuredAt: records.measuredAt,
    model: {
      name: server.model,
      layers: null,
      layersReason: NOT_TOLD,
      kvBytesPerToken: null,
      kvBytesPerTokenReason: NOT_TOLD,
      weightBytes: null,
      weightBytesReason: NOT_TOLD,
      weights: null,
      weightsReason: NOT_TOLD,
    },
    precision: settings.precision,
    tensorParallel: settings.tensorParallel,
    engine: {
      name: server.metrics?.generation == null ? "unknown server" : "vllm",
      ...(server.version === null
        ? { version: null, versionReason: "the server has no /version" }
        : { version: server.version }),
      flags: null,
      flagsReason: NOT_TOLD,
      backend: "server",
      gemm: null,
      gemmReason: NOT_TOLD,
    },
    maxModelTokens:
      server.maxModelTokens ??
      Math.max(...settings.prefillTokens, ...prompts.map((p) => p + settings.outputTokens)),
    ...(server.metrics?.kvCapacityTokens == null
      ? { kvCapacityTokens: null, kvCapacityTokensReason: "the server's metrics do not tell" }
      : { kvCapacityTokens: server.metrics.kvCapacityTokens }),
    maxBatch: batches[batches.length - 1],
    decode: {
      batch: batches,
      contextTokens,
      iterationMs,
    },
    prefill: { promptTokens: [...prefill.promptTokens], latencyMs },
    mixed: { rule: "add" },
    overhead: null,
    overheadReason: "from outside, a server's overhead cannot be told from its steps",
    ...powerBlock,
    noise: noiseOf(good),
    protocol: protocolOf(records, trials, dropped, good.length, quality),
    points,
    sources: [
      {
        block: "decode, prefill, power",
        source: `canopy profile server ${server.url}`,
        path: raw,
        commit: records.host.gitHash,
        licence: null,
        date: records.measuredAt,
        host: records.host.cpuModel,
        driver: records.power?.description.nvml.driverVersion ?? null,
        script: null,
      },
    ],
    raw,
    notes: notesOf(records, quality),
  };
}

const NOT_TOLD = "a server does not tell it";

/** Why a concurrency at which something was measured has no row in the grid. */
function leftOut(
  batch: number,
  prompts: readonly number[],
  cell: (batch: number, prompt: number) => readonly Trial[],
): string {
  const lacking = prompts.filter((prompt) => cell(batch, prompt).length === 0).join(", ");
  return `concurrency ${batch}: no row in the grid, for want of prompts of ${lacking} tokens`;
}

/** Values of a curve through (x, y) at other places: piecewise linear, the end pieces continued. */
function readAt(places: readonly number[], x: readonly number[], y: readonly number[]): number[] {
  if (x.some((value, i) => i > 0 && value <= x[i - 1])) return [...y];
  return places.map((place, i) => {
    const above = x.findIndex((value) => value >= place);
    const high = Math.max(1, above === -1 ? x.length - 1 : above);
    const share = (place - x[high - 1]) / (x[high] - x[high - 1]);
    const value = y[high - 1] + share * (y[high] - y[high - 1]);
    return value > 0 ? value : y[i];
  });
}

/** Largest relative change that the isotonic regression made. */
function largestChange(
  before: readonly (readonly number[])[],
  after: readonly (readonly number[])[],
): number {
  return before.reduce(
    (most, row, i) =>
      row.reduce((inner, value, j) => Math.max(inner, Math.abs(after[i][j] / value - 1)), most),
    0,
  );
}

function ascending(a: number, b: number): number {
  return a - b;
}
