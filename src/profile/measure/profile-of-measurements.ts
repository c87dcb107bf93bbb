import { quantileOf } from "../../numeric/quantile.ts";
import { mean } from "../../numeric/statistics.ts";
import { kvCapacityByFormula } from "../physical-checks.ts";
import { type Provenance, weakestProvenance } from "../provenance.ts";
import { PROFILE_SCHEMA_ID, type Profile } from "../schema.ts";
import { bandwidthUtilisation, computeUtilisation } from "./ceilings.ts";
import { type Cell, type Cells, cellsOf, type Grids, gridsOf } from "./grids.ts";
import { foreignLoad } from "./host-load.ts";
import { mixedRuleOf } from "./mixed.ts";
import { kvTokensThatFit } from "./plan.ts";
import { idleWatts, LOADED, powerOf } from "./power-block.ts";
import type { HeaderRecord, MeasureRecords, PointKey, TrialRecord } from "./records.ts";
import { type PointSummary, summaryOf } from "./summary.ts";

/** A profile, and what a user should know of it, in lines. */
export interface MeasuredProfile {
  readonly profile: Profile;
  readonly warnings: readonly string[];
}

/**
 * The profile that records amount to: a pure function of them.
 *
 * Decode: mean step at each batch and context, over trials. Prefill: mean latency of a prompt alone. Windows in which
 * others worked or the clock was held down are left out while three others remain, else the point is marked. Times that
 * fall within noise are replaced by the isotonic fit; `points` keeps what was measured.
 *
 * @param raw name of the file of records, relative to the profile
 * @throws UserError CANOPY_MEASURE_INCOMPLETE, CANOPY_MEASURE_CURVE, CANOPY_MEASURE_DEPTHS
 */
export function profileOfMeasurements(records: MeasureRecords, raw: string): MeasuredProfile {
  const { header, trials } = records;
  const { settings, model, host } = header;
  const points = summariesOf(records);
  const cells = cellsOf(points, settings, model.layers);
  const grids = gridsOf(cells, settings);
  const provenance = settings.layers.length === 1 ? "measured" : "extrapolated";
  const mixedPoints = points.filter(({ key }) => key.kind === "mixed");
  const { power, powerReason } = powerOf(records, points, grids, cells);
  const idle = idleWatts(records.idle, LOADED);
  const measuredPoints = [
    ...points.map((point) => pointOf(header, point, idle)),
    ...(settings.layers.length === 1 ? [] : extrapolatedPoints(header, cells, grids)),
  ];
  const mixed = mixedRuleOf(grids, mixedPoints);
  const contaminated = points.filter((point) => point.contaminated);
  const warnings = warningsOf(points, grids, contaminated);
  const blocks: Provenance[] = [provenance, ...measuredPoints.map((point) => point.provenance)];
  if (power !== null) blocks.push(power.provenance ?? provenance);
  const gpu = gpuOf(header);
  const capacity = kvCapacityOf(header, gpu.gpu);
  const profile: Profile = {
    schema: PROFILE_SCHEMA_ID,
    id: settings.id,
    provenance: weakestProvenance(blocks),
    ...gpu,
    host: {
      cpuModel: host.cpuModel,
      gpuModel: host.gpuModel,
      gpuUuid: host.gpuUuid,
      driver: host.driver,
      cuda: host.cuda,
      clocksMHz: clocksOf(trials) ?? host.maximumClocksMHz,
      powerLimitWatts: host.powerLimitWatts,
      persistenceMode: host.persistenceMode,
      ecc: host.ecc,
      mig: host.mig,
      otherProcesses: host.otherGpuProcesses,
      shared: contaminated.length > 0 || (host.otherGpuProcesses ?? 0) > 0,
      compilerFlags: host.compilerFlags,
      gitHash: host.gitHash,
      kernel: host.kernel,
      governor: host.governor,
      container: host.container,
      compiler: host.compiler,
      instructionSets: host.instructionSets,
      usableThreads: host.usableThreads,
      usableCores: host.usableCores,
      quotaCpus: host.quotaCpus,
      loadAverageBefore: host.loadAverage,
      memoryBytes: header.memoryBytes,
      threads: settings.threads,
    },
    measuredAt: header.measuredAt,
    model: {
      name: model.name,
      layers: model.layers,
      kvBytesPerToken: model.kvBytesPerToken,
      weightBytes: model.parameters * model.bytesPerParameter,
      weights: "synthetic",
    },
    precision: model.precision,
    tensorParallel: 1,
    engine: engineOf(records),
    maxModelTokens: model.maxTokens,
    ...(capacity > 0
      ? { kvCapacityTokens: capacity }
      : {
          kvCapacityTokens: null,
          kvCapacityTokensReason: "the whole model does not fit this host's memory",
        }),
    maxBatch: grids.decode.batch[grids.decode.batch.length - 1],
    decode: { provenance, ...grids.decode },
    prefill: { provenance, ...grids.prefill },
    ...mixed,
    power,
    ...(powerReason === undefined ? {} : { powerReason }),
    noise: noiseOf(points),
    protocol: protocolOf(records, points, grids, warnings),
    points: measuredPoints,
    sources: [
      {
        block: "decode, prefill, power",
        source: `canopy profile measure --backend ${settings.backend} --model ${settings.model}`,
        path: raw,
        commit: host.gitHash,
        licence: null,
        date: header.measuredAt,
        host: host.gpuModel ?? host.cpuModel,
        driver: host.driver,
        script: null,
      },
    ],
    raw,
    notes: notesOf(header),
  };
  return { profile, warnings };
}

/** In the order of depth, kind, batch and length, whatever that of the measurement was. */
function summariesOf({ header: { settings }, trials }: MeasureRecords): PointSummary[] {
  const groups = new Map<string, TrialRecord[]>();
  for (const trial of [...trials].sort(byKey)) {
    const name = [trial.kind, trial.layers, trial.batch, trial.contextTokens, trial.promptTokens].join("/");
    groups.set(name, [...(groups.get(name) ?? []), trial]);
  }
  return [...groups.values()].flatMap((group) => {
    const summary = summaryOf(group, settings.protocol, settings.threads);
    return summary === null ? [] : [summary];
  });
}

function byKey(a: PointKey & { readonly trial: number }, b: PointKey & { readonly trial: number }): number {
  return (
    a.layers - b.layers ||
    a.kind.localeCompare(b.kind, "en") ||
    a.batch - b.batch ||
    a.contextTokens - b.contextTokens ||
    a.promptTokens - b.promptTokens ||
    a.trial - b.trial
  );
}

type Point = NonNullable<Profile["points"]>[number];

function pointOf({ model, peaks }: HeaderRecord, point: PointSummary, idle: number | null): Point {
  const { key, energy } = point;
  const seconds = point.meanMs / 1e3;
  const isPrefill = key.kind === "prefill";
  const tokens = isPrefill ? key.promptTokens : key.batch;
  // Utilisations and tokens of steps that also read prompts depend on how many tokens each read.
  const pure = key.kind !== "mixed";
  const facts = { ...model, ...depthOf(model, key.layers) };
  const work = {
    tokens,
    sampled: isPrefill ? 1 : key.batch,
    contextTokens: isPrefill ? 0 : key.batch * point.contextTokens,
  };
  const perToken = (joules: number | null) =>
    joules === null || energy === null || !pure ? null : joules / (energy.samples * tokens);
  return {
    provenance: "measured",
    batch: key.batch,
    ...(key.layers === model.layers ? {} : { layers: key.layers }),
    promptTokens: key.kind === "decode" ? null : key.promptTokens,
    contextTokens: isPrefill ? null : Math.max(1, Math.round(point.contextTokens)),
    stepMs: {
      mean: point.meanMs,
      p50: point.p50,
      p90: point.p90,
      p99: point.p99,
      min: point.leastMs,
      max: point.mostMs,
      ciLow: point.interval?.low ?? null,
      ciHigh: point.interval?.high ?? null,
    },
    ttftMs: isPrefill ? point.meanMs : null,
    tpotMs: key.kind === "decode" ? point.meanMs : null,
    prefillTokensPerSecond: isPrefill ? tokens / seconds : null,
    decodeTokensPerSecond: key.kind === "decode" ? tokens / seconds : null,
    wattsPerGpu: energy === null ? null : energy.joules / energy.seconds,
    joulesPerToken: perToken(energy?.joules ?? null),
    joulesPerTokenNetOfIdle:
      idle === null || energy === null ? null : perToken(energy.joules - idle * energy.seconds),
    mbu: pure ? bandwidthUtilisation(facts, work, seconds, peaks) : null,
    mfu: pure ? computeUtilisation(facts, work, seconds, peaks) : null,
    trials: point.trials,
    relativeStandardError: point.relativeStandardError,
    throttledWindows: point.throttledWindows,
    contaminated: point.contaminated,
  };
}

/** What a model of fewer layers weighs. */
function depthOf(
  model: HeaderRecord["model"],
  layers: number,
): Pick<HeaderRecord["model"], "layers" | "parameters" | "kvBytesPerToken"> {
  const outside = model.embeddingParameters + model.headParameters;
  return {
    layers,
    parameters: outside + ((model.parameters - outside) * layers) / model.layers,
    kvBytesPerToken: (model.kvBytesPerToken * layers) / model.layers,
  };
}

function extrapolatedPoints(
  { model, peaks }: HeaderRecord,
  cells: Cells,
  { decode, prefill }: Grids,
): Point[] {
  const point = (
    cell: Cell,
    batch: number,
    promptTokens: number | null,
    contextTokens: number | null,
  ): Point => {
    const tokens = promptTokens ?? batch;
    const work = {
      tokens,
      sampled: batch,
      contextTokens: contextTokens === null ? 0 : batch * contextTokens,
    };
    const seconds = cell.meanMs / 1e3;
    const { meanMs: ms } = cell;
    return {
      provenance: "extrapolated",
      batch,
      promptTokens,
      contextTokens,
      stepMs: { mean: ms, p50: ms, p90: ms, p99: ms, min: ms, max: ms, ciLow: null, ciHigh: null },
      ttftMs: promptTokens === null ? null : ms,
      tpotMs: promptTokens === null ? ms : null,
      prefillTokensPerSecond: promptTokens === null ? null : tokens / seconds,
      decodeTokensPerSecond: promptTokens === null ? tokens / seconds : null,
      wattsPerGpu: null,
      joulesPerToken: null,
      joulesPerTokenNetOfIdle: null,
      mbu: bandwidthUtilisation(model, work, seconds, peaks),
      mfu: computeUtilisation(model, work, seconds, peaks),
      trials: Math.min(...cell.from.map(({ trials }) => trials)),
      relativeStandardError: cell.standardErrorMs / ms,
      throttledWindows: 0,
      contaminated: false,
    };
  };
  return [
    ...decode.batch.flatMap((batch) =>
      decode.contextTokens.flatMap((context) => {
        const cell = cells.decode(batch, context);
        return cell === undefined ? [] : [point(cell, batch, null, context)];
      }),
    ),
    ...prefill.promptTokens.flatMap((tokens) => {
      const cell = cells.prefill(tokens);
      return cell === undefined ? [] : [point(cell, 1, tokens, null)];
    }),
  ];
}

function gpuOf({ gpu }: HeaderRecord): Pick<Profile, "gpu" | "gpuReason"> {
  if (gpu === null) return { gpu: null };
  return {
    gpu: {
      sku: gpu.name,
      count: 1,
      memoryBytes: gpu.memoryBytes,
      ...(gpu.tdpWatts === null
        ? { tdpWatts: null, tdpWattsReason: "the driver does not tell the default power limit" }
        : { tdpWatts: gpu.tdpWatts }),
    },
  };
}

function kvCapacityOf({ model, memoryBytes }: HeaderRecord, gpu: Profile["gpu"]): number {
  if (gpu === null) return kvTokensThatFit(model, memoryBytes);
  const weightBytes = model.parameters * model.bytesPerParameter;
  const byFormula = kvCapacityByFormula({
    gpu,
    model: {
      name: model.name,
      layers: model.layers,
      kvBytesPerToken: model.kvBytesPerToken,
      weightBytes,
      weights: null,
    },
  });
  return byFormula ?? 0;
}

function engineOf({ header, engines }: MeasureRecords): Profile["engine"] {
  const description = engines.at(-1)?.description ?? {};
  const { gitHash } = header.host;
  const gemm = description["gemm"];
  const flags = Object.entries(description)
    .filter(([key]) => key !== "gemm")
    .map(([key, value]) => `${key}=${value}`);
  return {
    name: "canopy",
    ...(gitHash === null
      ? { version: null, versionReason: "built outside a clone" }
      : { version: gitHash.slice(0, 12) }),
    ...(flags.length === 0
      ? { flags: null, flagsReason: "the engine describes none" }
      : { flags: flags.join(" ") }),
    backend: header.settings.backend,
    ...(gemm === undefined || gemm === "" ? { gemm: null, gemmReason: "the engine names none" } : { gemm }),
  };
}

function noiseOf(points: readonly PointSummary[]): Profile["noise"] {
  const ratios = points.flatMap(({ key, meanMs, samples }) =>
    key.kind === "decode" ? samples.map(({ seconds }) => (1e3 * seconds) / meanMs) : [],
  );
  return ratios.length === 0
    ? undefined
    : {
        p50Ratio: quantileOf(ratios, 0.5),
        p95Ratio: quantileOf(ratios, 0.95),
        p99Ratio: quantileOf(ratios, 0.99),
      };
}

function protocolOf(
  { header: { settings, peaks }, trials, idle }: MeasureRecords,
  points: readonly PointSummary[],
  grids: Grids,
  warnings: readonly string[],
): NonNullable<Profile["protocol"]> {
  const { protocol } = settings;
  const byError = trials.filter(({ stopReason }) => stopReason === "error").length;
  const background = idle.flatMap(({ host }) => {
    const { busy } = foreignLoad(host[0], host[host.length - 1]);
    return busy === null ? [] : [busy];
  });
  return {
    preset: protocol.preset,
    clockMode: settings.lockedClockMHz === null ? "floating" : "locked",
    lockedClockMHz: settings.lockedClockMHz,
    warmupSeconds: Math.max(...trials.map(({ warmUpSeconds }) => warmUpSeconds)),
    windowSeconds: protocol.windowSeconds,
    trials: protocol.trials,
    stopReason: `standard error below ${100 * protocol.targetError} %: ${byError} trials; ${protocol.mostSeconds} s: ${trials.length - byError}`,
    discardedWindows: points.reduce((sum, point) => sum + point.discardedWindows, 0),
    unsettledTrials: trials.filter(({ settled }) => !settled).length,
    leastWindows: protocol.leastWindows,
    leastSteps: protocol.leastSteps,
    mostSeconds: protocol.mostSeconds,
    decodeAfterPrompts: protocol.decodeAfterPrompts,
    seed: settings.seed,
    order: "shuffled",
    backgroundProcessors: background.length === 0 ? null : mean(background),
    peakBytesPerSecond: peaks.bytesPerSecond,
    peakFlopsPerSecond: peaks.flopsPerSecond,
    peaksFrom: peaks.source,
    ...(settings.layers.length === 1 ? {} : { extrapolatedFromLayers: settings.layers }),
    ...(settings.powerModel === null ? {} : { powerModel: settings.powerModel }),
    droppedPoints: grids.dropped,
    largestIsotonicChange: grids.largestChange,
    warnings,
  };
}

function warningsOf(
  points: readonly PointSummary[],
  grids: Grids,
  contaminated: readonly PointSummary[],
): string[] {
  const throttled = points.filter(({ throttledWindows }) => throttledWindows > 0).length;
  return [
    ...grids.dropped.map((what) => `not in the profile: ${what}`),
    ...grids.falls.map(({ message }) => `${message}: the isotonic fit stands in the grid`),
    ...(contaminated.length === 0
      ? []
      : [
          `others worked on the host during ${contaminated.length} of ${points.length} points: they are marked`,
        ]),
    ...(throttled === 0 ? [] : [`the clock was held down by heat or hardware at ${throttled} points`]),
  ];
}

/** Mean SM and memory clocks under load. */
function clocksOf(trials: readonly TrialRecord[]): Record<string, number> | null {
  const mhz = (column: "smClockMHz" | "memoryClockMHz") =>
    trials.flatMap(({ power }) =>
      (power?.gpus ?? []).flatMap(({ columns }) =>
        [...columns[column]].filter((value) => !Number.isNaN(value)),
      ),
    );
  const sm = mhz("smClockMHz");
  const memory = mhz("memoryClockMHz");
  if (sm.length === 0 || memory.length === 0) return null;
  return { sm: Math.round(mean(sm)), memory: Math.round(mean(memory)) };
}

function notesOf({ settings, gpu }: HeaderRecord): string {
  return [
    "Synthetic weights.",
    ...(gpu === null
      ? ["The weights of a small model stay in the processor's caches between steps: a large one gains less."]
      : ["Power is that of the GPU's board."]),
    ...(settings.layers.length === 1
      ? []
      : [`Times are the line through those of ${settings.layers.join(" and ")} layers.`]),
    ...(settings.powerModel === null
      ? []
      : ["Power is a formula of the utilisation, not a reading: see protocol.powerModel."]),
  ].join(" ");
}
