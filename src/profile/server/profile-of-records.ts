import { UserError } from "../../errors.ts";
import { quantileOf } from "../../numeric/quantile.ts";
import { mean, sampleStd, studentInterval } from "../../numeric/statistics.ts";
import { isotonicGrid, isotonicRow } from "../measure/isotonic.ts";
import { energyOfWindow, joulesOf, type WindowEnergy } from "../measure/window-energy.ts";
import { PROFILE_SCHEMA_ID, type Profile } from "../schema.ts";
import type { PointRecord, RequestRecord, ServerRecords } from "./records.ts";
import { type PointSteps, stepsOf, tokensPerChunk, usualTokensPerChunk } from "./steps.ts";

/** A trial with fewer decode steps than this says nothing. */
const FEWEST_STEPS = 30;
/** Prompts of one length that have to come through. */
const FEWEST_PREFILLS = 3;

/**
 * The profile that a server's records amount to: a pure function of them.
 *
 * Decode: mean time of a step at each concurrency, while all streams decode, over the trials; the context of a column is
 * the mean context of its steps. Prefill: median time to the first token of a prompt alone. Both are made non-decreasing
 * (isotonic regression). Power: NVML's counter over the windows, by the integral where there is none.
 *
 * @param raw name of the file that holds the records, relative to the profile
 * @throws UserError CANOPY_SERVER_NO_POINT where too little could be measured
 */
export function profileOfRecords(records: ServerRecords, raw: string): Profile {
  const { settings, server } = records;
  const decodes = records.points.filter(({ kind }) => kind === "decode");
  const usualPerChunk = usualTokensPerChunk(decodes.flatMap(({ requests }) => requests));
  const trials = decodes.map((point) => trialOf(records, point, usualPerChunk));
  const dropped = trials.flatMap(({ problem }) => (problem === undefined ? [] : [problem]));
  const cells = new Map<string, Trial[]>();
  for (const trial of trials) {
    if (trial.problem !== undefined) continue;
    const key = cellKey(trial.point.concurrency, trial.point.promptTokens);
    cells.set(key, [...(cells.get(key) ?? []), trial]);
  }
  const cell = (batch: number, prompt: number) => cells.get(cellKey(batch, prompt)) ?? [];
  const prompts = [...settings.promptTokens].sort(ascending);
  const batches = [...settings.concurrency]
    .sort(ascending)
    .filter((batch) => prompts.every((prompt) => cell(batch, prompt).length > 0));
  const prefill = prefillOf(records.points, dropped);
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
  const measured = batches.map((batch) =>
    prompts.map((prompt) => mean(cell(batch, prompt).map(({ stepMs }) => stepMs))),
  );
  const iterationMs = isotonicGrid(measured);
  const powerBlock = powerOf(records, batches, cell, prompts);
  const points = batches.flatMap((batch) => prompts.map((prompt) => pointOf(records, cell(batch, prompt))));
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
      contextTokens: prompts.map((prompt) =>
        Math.round(
          mean(batches.flatMap((batch) => cell(batch, prompt).map(({ contextTokens }) => contextTokens))),
        ),
      ),
      iterationMs,
    },
    prefill: { promptTokens: prefill.promptTokens, latencyMs: isotonicRow(prefill.latencyMs) },
    mixed: { rule: "add" },
    overhead: null,
    overheadReason: "from outside, a server's overhead cannot be told from its steps",
    ...powerBlock,
    noise: noiseOf(trials),
    protocol: protocolOf(records, trials, dropped, largestChange(measured, iterationMs)),
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
    notes: notesOf(records),
  };
}

const NOT_TOLD = "a server does not tell it";

/** One trial of one cell; `problem` says why it does not count. */
interface Trial {
  readonly point: PointRecord;
  readonly steps: PointSteps;
  readonly stepMs: number;
  readonly contextTokens: number;
  readonly energy: WindowEnergy | null;
  readonly preempted: boolean;
  readonly problem: string | undefined;
}

function trialOf({ power }: ServerRecords, point: PointRecord, usualPerChunk: number): Trial {
  const steps = stepsOf(point, usualPerChunk);
  const { window, metricsBefore, metricsAfter } = point;
  const preemptions = (metricsAfter?.preemptions ?? 0) - (metricsBefore?.preemptions ?? 0);
  return {
    point,
    steps,
    stepMs: 1e3 * mean(steps.steps.map(({ seconds }) => seconds)),
    contextTokens: mean(steps.steps.map(({ contextTokens }) => contextTokens)),
    energy:
      power === null || window === null
        ? null
        : energyOfWindow(power.samples, window.fromSeconds, window.toSeconds),
    preempted: preemptions > 0,
    problem: problemOf(point, steps),
  };
}

function problemOf(point: PointRecord, { steps, mostDecoding }: PointSteps): string | undefined {
  const where = `concurrency ${point.concurrency}, prompts of ${point.promptTokens} tokens, trial ${point.trial + 1}`;
  if (point.window === null) {
    const failures = new Map<string, number>();
    for (const { message } of point.requests) {
      if (message !== "") failures.set(message, (failures.get(message) ?? 0) + 1);
    }
    const [worst] = [...failures].sort((a, b) => b[1] - a[1]);
    const why =
      worst === undefined ? "the first tokens were too long in coming" : `${worst[1]} x ${worst[0]}`;
    return `${where}: not every stream got a token (${why})`;
  }
  if (mostDecoding < point.concurrency) {
    return `${where}: only ${mostDecoding} streams decoded at once; the server may be limited to a smaller batch`;
  }
  if (steps.length < FEWEST_STEPS) {
    return `${where}: ${steps.length} steps without a prompt beside them in the window, expected ${FEWEST_STEPS}; give a longer --window or more --output-tokens`;
  }
  return undefined;
}

function prefillOf(points: readonly PointRecord[], dropped: string[]) {
  const promptTokens: number[] = [];
  const latencyMs: number[] = [];
  for (const point of points
    .filter(({ kind }) => kind === "prefill")
    .sort((a, b) => a.promptTokens - b.promptTokens)) {
    const counted = countedPrefills(point);
    if (counted.length < FEWEST_PREFILLS) {
      const [failure] = point.requests.filter(({ message }) => message !== "");
      dropped.push(
        `prefill of ${point.promptTokens} tokens: ${counted.length} of ${FEWEST_PREFILLS} prompts came through${failure === undefined ? "" : ` (${failure.message})`}`,
      );
      continue;
    }
    promptTokens.push(point.promptTokens);
    latencyMs.push(quantileOf(counted.map(ttftMs), 0.5));
  }
  return { promptTokens, latencyMs };
}

/** Those inside the window with a first token. */
function countedPrefills({ requests, window }: PointRecord): RequestRecord[] {
  return requests.filter(
    ({ sentSeconds, chunkSeconds }) => chunkSeconds.length > 0 && sentSeconds >= (window?.fromSeconds ?? 0),
  );
}

function ttftMs({ chunkSeconds, sentSeconds }: RequestRecord): number {
  return 1e3 * (chunkSeconds[0] - sentSeconds);
}

function pointOf(
  { power, settings }: ServerRecords,
  trials: readonly Trial[],
): NonNullable<Profile["points"]>[number] {
  const [{ point }] = trials;
  const milliseconds = trials.flatMap(({ steps }) => steps.steps.map(({ seconds }) => 1e3 * seconds));
  const means = trials.map(({ stepMs }) => stepMs);
  const interval = means.length < 2 ? null : studentInterval(means);
  const windowed = trials.flatMap(({ point: { requests, window } }) =>
    requests.filter(({ chunkSeconds }) => inWindow(chunkSeconds[0], window)),
  );
  const finished = trials.flatMap(({ point: { requests, window } }) =>
    requests.filter(
      ({ outcome, chunkSeconds }) =>
        outcome === "completed" && chunkSeconds.length > 1 && inWindow(chunkSeconds.at(-1), window),
    ),
  );
  const seconds = trials.length * settings.windowSeconds;
  const tokens = trials.reduce((sum, { steps }) => sum + steps.tokens, 0);
  const promptTokens = windowed.reduce((sum, request) => sum + request.promptTokens, 0);
  const joules = power === null ? null : sumOrNull(trials.map(({ energy }) => joulesOf(energy)));
  const gpus = power?.samples.gpus.length ?? 0;
  const idle = power === null ? null : idleWattsPerGpu(power);
  return {
    provenance: "measured",
    batch: point.concurrency,
    promptTokens: point.promptTokens,
    contextTokens: Math.round(mean(trials.map(({ contextTokens }) => contextTokens))),
    stepMs: {
      mean: mean(means),
      p50: quantileOf(milliseconds, 0.5),
      p90: quantileOf(milliseconds, 0.9),
      p99: quantileOf(milliseconds, 0.99),
      min: milliseconds.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY),
      max: milliseconds.reduce((most, value) => Math.max(most, value), 0),
      ciLow: interval?.low ?? null,
      ciHigh: interval?.high ?? null,
    },
    ttftMs: windowed.length === 0 ? null : mean(windowed.map(ttftMs)),
    tpotMs: finished.length === 0 ? null : mean(finished.map(tpotMs)),
    prefillTokensPerSecond: promptTokens / seconds,
    decodeTokensPerSecond: tokens / seconds,
    wattsPerGpu: joules === null ? null : joules / seconds / gpus,
    joulesPerToken: joules === null || tokens === 0 ? null : joules / tokens,
    joulesPerTokenNetOfIdle:
      joules === null || idle === null || tokens === 0 ? null : (joules - idle * gpus * seconds) / tokens,
    mbu: null,
    mfu: null,
    trials: trials.length,
    relativeStandardError: relativeStandardError(trials),
    throttledWindows: trials.filter(({ energy }) => energy?.throttled).length,
    contaminated: trials.some(({ preempted, point: { metricsAfter, concurrency } }) => {
      return preempted || (metricsAfter?.running ?? 0) > concurrency;
    }),
  };
}

function inWindow(seconds: number | undefined, window: PointRecord["window"]): boolean {
  return (
    seconds !== undefined && window !== null && seconds >= window.fromSeconds && seconds < window.toSeconds
  );
}

function tpotMs(request: RequestRecord): number {
  const { chunkSeconds } = request;
  const last = chunkSeconds[chunkSeconds.length - 1];
  return (1e3 * (last - chunkSeconds[0])) / ((chunkSeconds.length - 1) * tokensPerChunk(request));
}

/** Of means over seconds: single steps of one batch are not independent. */
function relativeStandardError(trials: readonly Trial[]): number | null {
  const means: number[] = [];
  for (const { steps } of trials) {
    const bySecond = new Map<number, number[]>();
    for (const { atSeconds, seconds } of steps.steps) {
      const second = Math.floor(atSeconds);
      const of = bySecond.get(second);
      if (of === undefined) bySecond.set(second, [seconds]);
      else of.push(seconds);
    }
    for (const values of bySecond.values()) means.push(mean(values));
  }
  return means.length < 3 ? null : sampleStd(means) / Math.sqrt(means.length) / mean(means);
}

function idleWattsPerGpu(power: NonNullable<ServerRecords["power"]>): number | null {
  const watts = power.idle.flatMap(({ fromSeconds, toSeconds }) => {
    const joules = joulesOf(energyOfWindow(power.samples, fromSeconds, toSeconds));
    return joules === null ? [] : [joules / (toSeconds - fromSeconds) / power.samples.gpus.length];
  });
  return watts.length === 0 ? null : mean(watts);
}

/** The block, or null with the reason. */
function powerOf(
  records: ServerRecords,
  batches: readonly number[],
  cell: (batch: number, prompt: number) => Trial[],
  prompts: readonly number[],
): Pick<Profile, "power" | "powerReason"> {
  const { power } = records;
  if (power === null) return { power: null, powerReason: records.powerReason ?? "not sampled" };
  const gpus = power.samples.gpus.length;
  const idle = idleWattsPerGpu(power);
  const longest = records.points.filter(({ kind }) => kind === "prefill").at(-1)?.window;
  const prefill =
    longest == null ? null : joulesOf(energyOfWindow(power.samples, longest.fromSeconds, longest.toSeconds));
  const decode = batches.flatMap((batch) => {
    const watts = prompts.flatMap((prompt) =>
      cell(batch, prompt).flatMap(({ energy }) => {
        const joules = joulesOf(energy);
        return joules === null ? [] : [joules / records.settings.windowSeconds / gpus];
      }),
    );
    return watts.length === 0 ? [] : [{ batch, wattsPerGpu: mean(watts) }];
  });
  if (idle === null || prefill === null || longest == null || decode.length === 0) {
    const failures = power.samples.gpus.flatMap((gpu) => gpu.failures.map(({ message }) => message));
    const why = failures[0] ?? "windows were shorter than the meters' refresh periods";
    return { power: null, powerReason: `NVML was sampled, but energies are missing: ${why}` };
  }
  const energies = batches.flatMap((batch) =>
    prompts.flatMap((prompt) => cell(batch, prompt).map(({ energy }) => energy)),
  );
  const counted = energies.every((energy) => energy?.countedJoules != null);
  const integrated = energies.every((energy) => energy?.integratedJoules != null);
  return {
    power: {
      idleUnloadedWattsPerGpu: null,
      idleUnloadedWattsPerGpuReason: "the server had its model loaded",
      idleLoadedWattsPerGpu: idle,
      prefillWattsPerGpu: prefill / (longest.toSeconds - longest.fromSeconds) / gpus,
      decode,
      energyMethod: counted && integrated ? "both" : counted ? "counter" : "integrated",
    },
  };
}

function gpuOf({ power, settings }: ServerRecords): Pick<Profile, "gpu" | "gpuReason"> {
  const sampled = power?.description.nvml.gpus.filter(({ index }) => settings.gpus.includes(index)) ?? [];
  const sku = settings.gpuName ?? sampled[0]?.name;
  if (sku === undefined) return { gpu: null, gpuReason: "neither NVML nor --gpu-name told it" };
  const memoryBytes = sampled[0]?.memoryBytes ?? null;
  const tdpWatts = sampled[0]?.defaultPowerLimitWatts ?? null;
  return {
    gpu: {
      sku: sku.replace(/^NVIDIA /, ""),
      count: sampled.length || settings.gpus.length || settings.tensorParallel,
      memoryBytes,
      ...(memoryBytes === null ? { memoryBytesReason: "NVML was not read" } : {}),
      tdpWatts,
      ...(tdpWatts === null ? { tdpWattsReason: "NVML was not read" } : {}),
    },
  };
}

function hostOf({ host, power, settings }: ServerRecords): NonNullable<Profile["host"]> {
  const nvml = power?.description.nvml;
  const gpus = nvml?.gpus.filter(({ index }) => settings.gpus.includes(index)) ?? [];
  const [gpu] = gpus;
  const cuda = nvml?.cudaDriverVersion ?? null;
  const processes = gpus.flatMap(({ computeProcesses }) => computeProcesses ?? []);
  return {
    cpuModel: host.cpuModel,
    gpuModel: gpu?.name ?? null,
    gpuUuid: gpus.length === 0 ? null : gpus.map(({ uuid }) => uuid).join(" "),
    driver: nvml?.driverVersion ?? null,
    cuda: cuda === null ? null : `${Math.floor(cuda / 1000)}.${Math.floor((cuda % 1000) / 10)}`,
    clocksMHz:
      gpu?.maximumSmClockMHz == null || gpu.maximumMemoryClockMHz === null
        ? null
        : { smMaximum: gpu.maximumSmClockMHz, memoryMaximum: gpu.maximumMemoryClockMHz },
    powerLimitWatts: gpu?.powerLimitWatts ?? null,
    persistenceMode: gpu?.persistenceMode ?? null,
    ecc: gpu?.ecc ?? null,
    mig: gpu?.mig ?? null,
    otherProcesses: null,
    shared: null,
    compilerFlags: null,
    gitHash: host.gitHash,
    kernel: host.kernel,
    governor: null,
    container: null,
    /** The server's own among them: from outside they cannot be told apart. */
    gpuProcesses: gpus.length === 0 ? null : processes.length,
  };
}

function noiseOf(trials: readonly Trial[]): NonNullable<Profile["noise"]> {
  const good = trials.filter(({ problem }) => problem === undefined);
  const ratio = (q: number) =>
    mean(
      good.map(({ steps, stepMs }) =>
        quantileOf(
          steps.steps.map(({ seconds }) => (1e3 * seconds) / stepMs),
          q,
        ),
      ),
    );
  // A server that sends several chunks at once shows steps of no time at all.
  const positive = (key: string, value: number) => (value > 0 ? { [key]: value } : {});
  return {
    ...positive("p50Ratio", ratio(0.5)),
    ...positive("p95Ratio", ratio(0.95)),
    ...positive("p99Ratio", ratio(0.99)),
  };
}

function protocolOf(
  { settings, points, server, power }: ServerRecords,
  trials: readonly Trial[],
  dropped: readonly string[],
  isotonicChange: number,
): NonNullable<Profile["protocol"]> {
  const requests = points.flatMap((point) => point.requests);
  const count = (test: (request: RequestRecord) => boolean) => requests.filter(test).length;
  const ratios = trials.flatMap(({ energy }) =>
    energy?.countedJoules == null || energy.integratedJoules === null
      ? []
      : [energy.integratedJoules / energy.countedJoules],
  );
  return {
    preset: "server",
    clockMode: settings.lockedClockMHz === null ? "floating" : "locked",
    lockedClockMHz: settings.lockedClockMHz,
    warmupSeconds: settings.warmUpSeconds,
    windowSeconds: settings.windowSeconds,
    trials: settings.trials,
    stopReason: "end of the window",
    discardedWindows: trials.filter(({ problem }) => problem !== undefined).length,
    coolDownSeconds: settings.coolDownSeconds,
    timeoutSeconds: settings.timeoutSeconds,
    outputTokens: settings.outputTokens,
    droppedPoints: dropped,
    requests: {
      completed: count(({ outcome }) => outcome === "completed"),
      cancelledAtWindowEnd: count(({ outcome }) => outcome === "cancelled"),
      timeout: count(({ outcome }) => outcome === "timeout"),
      dropped: count(({ outcome }) => outcome === "dropped"),
      status429: count(({ status }) => status === 429),
      status5xx: count(({ status }) => status >= 500),
      shortOutput: count(isShort),
      withoutUsage: count(({ outcome, usage }) => outcome === "completed" && usage === null),
    },
    smallestPureShare: trials.reduce((least, { steps, problem }) => {
      return problem === undefined ? Math.min(least, steps.pureShare) : least;
    }, 1),
    largestIsotonicChange: isotonicChange,
    vllmMetrics: server.metrics?.generation ?? null,
    integratedOverCounted: ratios.length === 0 ? null : quantileOf(ratios, 0.5),
    powerSource: power?.samples.gpus[0]?.powerSource ?? null,
    samplerMissedDeadlines: power?.samples.missedDeadlines ?? null,
  };
}

/** The server ended before the length that was asked for, in spite of ignore_eos. */
function isShort({ outcome, usage, maxTokens, chunkSeconds }: RequestRecord): boolean {
  return outcome === "completed" && (usage?.completionTokens ?? chunkSeconds.length) < maxTokens;
}

function notesOf({ points, server }: ServerRecords): string {
  const notes = [
    "Times are those of a client: network and HTTP are in them.",
    "The rule for mixed steps is an assumption, not a measurement.",
  ];
  if (server.maxModelTokens === null) notes.push("maxModelTokens is the longest sequence that was sent.");
  const requests = points.flatMap((point) => point.requests);
  if (requests.some(isShort)) {
    notes.push("The server ends outputs early in spite of ignore_eos: contexts are shorter than asked for.");
  }
  if (requests.some(({ outcome, usage }) => outcome === "completed" && usage === null)) {
    notes.push("The server tells no usage: each chunk is taken as one token.");
  }
  if (usualTokensPerChunk(requests) > 1.05) {
    notes.push("Chunks carry several tokens: a step's time is that of its chunk, shared out.");
  }
  return notes.join(" ");
}

function sumOrNull(values: readonly (number | null)[]): number | null {
  return values.reduce<number | null>(
    (sum, value) => (sum === null || value === null ? null : sum + value),
    0,
  );
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

function cellKey(batch: number, promptTokens: number): string {
  return `${batch}/${promptTokens}`;
}

function ascending(a: number, b: number): number {
  return a - b;
}
