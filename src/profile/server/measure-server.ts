import { randomUUID } from "node:crypto";
import { cpus, hostname, networkInterfaces, release } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../../errors.ts";
import { loadAddon } from "../../native/load-addon.ts";
import type {
  ClockLock,
  GpuPowerDescription,
  PowerAddon,
  PowerDescription,
} from "../../native/power-addon.ts";
import { Stream } from "../../numeric/random.ts";
import { monotonicSeconds } from "../measure/clock.ts";
import { gitHash } from "../measure/host-record.ts";
import { ServerClient } from "./client.ts";
import { type Load, measureDecode, measurePrefill } from "./closed-loop.ts";
import { PromptSource } from "./prompt-source.ts";
import type { PointRecord, PowerRecord, ServerRecords, ServerSettings } from "./records.ts";
import { stepsOf } from "./steps.ts";

const SAMPLING_PERIOD_MS = 20;
/** Windows without load, before and after. */
const IDLE_SECONDS = 5;
/** Power samples on either side of a window, for its counter's changes. */
const MARGIN_SECONDS = 0.5;

export interface MeasureOptions {
  readonly url: string;
  readonly model: string | undefined;
  readonly settings: Omit<ServerSettings, "seed">;
  readonly signal: AbortSignal;
  /** Told a line at each point. */
  readonly onProgress: (line: string) => void;
  /** Given what is done when the rest fails or is interrupted. */
  readonly onCutOff?: (records: ServerRecords) => Promise<void>;
}

/**
 * Drives a server through all points of the settings: prefill at each length, then decode at each concurrency and prompt
 * length, trial by trial in an order of its own.
 *
 * @throws UserError of {@link ServerClient}; CANOPY_OPTION_VALUE for lengths beyond the model's; CANOPY_SERVER_GPUS for
 *   GPUs that cannot be metered though they were asked for
 */
export async function measureServer(options: MeasureOptions): Promise<ServerRecords> {
  const { signal } = options;
  const settings: ServerSettings = { ...options.settings, seed: randomUUID() };
  const client = new ServerClient(options.url, settings.timeoutSeconds);
  const { id: model, maxModelTokens } = await client.model(options.model);
  checkLengths(settings, maxModelTokens);
  const local = isLocal(new URL(client.url).hostname);
  const server = {
    url: client.url,
    local,
    model,
    maxModelTokens,
    version: await client.version(),
    metrics: await client.metrics(),
  };
  const measuredAt = new Date().toISOString();
  const meter = startMeter(settings, local);
  const load: Load = {
    client,
    model,
    prompts: new PromptSource(settings.seed, settings.vocabulary),
    settings,
    signal,
  };
  const points: PointRecord[] = [];
  const total =
    settings.prefillTokens.length +
    settings.trials * settings.concurrency.length * settings.promptTokens.length;
  const began = monotonicSeconds();
  const onProgress = (line: string) => {
    const minutes = ((monotonicSeconds() - began) / points.length) * ((total - points.length) / 60);
    options.onProgress(`[${points.length}/${total}, ${Math.ceil(minutes)} min left] ${line}`);
  };
  const recordsNow = (): ServerRecords => ({
    schema: "canopy/server-records/1",
    measuredAt,
    settings,
    server,
    host: {
      cpuModel: local ? (cpus()[0]?.model ?? null) : null,
      kernel: local ? release() : null,
      gitHash: gitHash(),
    },
    points,
    ...meter.stop(),
  });
  try {
    await meter.idle(signal);
    const prefills = [...settings.prefillTokens].sort((a, b) => a - b);
    for (const promptTokens of prefills) {
      // The longest prompts give the power of prefill, which takes seconds to read.
      const isLongest = promptTokens === prefills[prefills.length - 1];
      const leastSeconds = meter.samples && isLongest ? settings.windowSeconds : 0;
      const point = await measurePrefill(load, promptTokens, leastSeconds);
      points.push(point);
      onProgress(`prefill of ${promptTokens} tokens: ${point.requests.length} prompts`);
    }
    const order = new Stream(settings.seed, "server-order");
    for (let trial = 0; trial < settings.trials; trial++) {
      const cells = settings.concurrency.flatMap((concurrency) =>
        settings.promptTokens.map((promptTokens) => ({ concurrency, promptTokens, trial })),
      );
      for (let left = cells.length; left > 0; left--) {
        const [cell] = cells.splice(order.below(left), 1);
        const point = await measureDecode(load, cell);
        points.push(point);
        onProgress(lineOf(point, settings));
        await sleep(1e3 * settings.coolDownSeconds, undefined, { signal });
      }
    }
    await meter.idle(signal);
    return recordsNow();
  } catch (error) {
    if (points.length > 0) await options.onCutOff?.(recordsNow());
    throw error;
  } finally {
    meter.stop();
  }
}

function lineOf(point: PointRecord, { trials }: ServerSettings): string {
  const { steps } = stepsOf(point);
  const failed = point.requests.filter(({ message }) => message !== "").length;
  const sum = steps.reduce((total, { seconds }) => total + seconds, 0);
  const time = steps.length === 0 ? "no steps" : `${((1e3 * sum) / steps.length).toFixed(2)} ms a step`;
  const failures = failed === 0 ? "" : `, ${failed} requests failed`;
  return `decode at ${point.concurrency} x ${point.promptTokens} tokens, trial ${point.trial + 1} of ${trials}: ${time}${failures}`;
}

function checkLengths(settings: ServerSettings, maxModelTokens: number | null): void {
  if (maxModelTokens === null) return;
  const beyond = settings.promptTokens.find((tokens) => tokens + settings.outputTokens > maxModelTokens);
  if (beyond !== undefined) {
    throw new UserError(
      "CANOPY_OPTION_VALUE",
      `--prompt-tokens ${beyond} and --output-tokens ${settings.outputTokens} exceed the model's ${maxModelTokens} tokens`,
    );
  }
  const long = settings.prefillTokens.find((tokens) => tokens + 1 > maxModelTokens);
  if (long !== undefined) {
    throw new UserError(
      "CANOPY_OPTION_VALUE",
      `--prefill-tokens ${long} and a token of output exceed the model's ${maxModelTokens} tokens`,
    );
  }
}

/** Whether an address is one of this host's. */
function isLocal(name: string): boolean {
  const bare = name.replace(/^\[|\]$/g, "");
  if (bare === "localhost" || bare === hostname() || bare.startsWith("127.")) return true;
  return Object.values(networkInterfaces()).some((entries) =>
    entries?.some(({ address }) => address === bare),
  );
}

interface Meter {
  readonly samples: boolean;
  /** Waits through a window without load. */
  idle(signal: AbortSignal): Promise<void>;
  /** Ends sampling and lets clocks float; a second call returns the same. */
  stop(): Pick<ServerRecords, "power" | "powerReason">;
}

function startMeter(settings: ServerSettings, local: boolean): Meter {
  const found = loadAddon();
  const reason =
    settings.gpus.length === 0
      ? "no GPUs were named with --gpus"
      : !local
        ? "the server is on another host"
        : found.state !== "loaded"
          ? `the native addon is ${found.state}: ${found.reason}`
          : undefined;
  if (reason !== undefined || found.state !== "loaded") {
    if (settings.lockedClockMHz !== null) {
      throw new UserError("CANOPY_SERVER_GPUS", `--lock-clocks cannot be had: ${reason}`);
    }
    const result = { power: null, powerReason: reason ?? null };
    return { samples: false, idle: async () => undefined, stop: () => result };
  }
  const description = found.addon.describePower();
  if (description.nvml.reason !== null) {
    throw new UserError("CANOPY_SERVER_GPUS", `--gpus ${settings.gpus}: ${description.nvml.reason}`);
  }
  return sampling(found.addon, settings, description, namedGpus(settings, description));
}

/** NVML's indices, which nvidia-smi shows, as devices. */
function namedGpus(settings: ServerSettings, { nvml }: PowerDescription): GpuPowerDescription[] {
  return settings.gpus.map((index) => {
    const gpu = nvml.gpus.find((entry) => entry.index === index);
    const problem =
      gpu === undefined
        ? (nvml.unopened.find((entry) => entry.index === index)?.reason ??
          `there is no such GPU: expected one of ${nvml.gpus.map((entry) => entry.index).join(", ")}`)
        : gpu.refusal;
    if (gpu !== undefined && problem === null) return gpu;
    throw new UserError("CANOPY_SERVER_GPUS", `--gpus ${index}: ${problem}`);
  });
}

function sampling(
  addon: PowerAddon,
  settings: ServerSettings,
  description: PowerDescription,
  gpus: readonly GpuPowerDescription[],
): Meter {
  const uuids = gpus.map(({ uuid }) => uuid);
  let lock: ClockLock | undefined;
  if (settings.lockedClockMHz !== null) {
    try {
      lock = new addon.ClockLock({ gpus: uuids, smClockMHz: settings.lockedClockMHz });
    } catch (error) {
      throw new UserError("CANOPY_SERVER_GPUS", `--lock-clocks: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
  const cells = settings.trials * settings.concurrency.length * settings.promptTokens.length;
  const cellSeconds = settings.warmUpSeconds + settings.windowSeconds + settings.coolDownSeconds;
  // Room for streams that are slow to begin; pages that are never reached cost nothing.
  const seconds = 3600 + 3 * cells * (cellSeconds + settings.timeoutSeconds);
  const sampler = new addon.PowerSampler({
    gpus: uuids,
    cpu: false,
    periodMs: SAMPLING_PERIOD_MS,
    capacity: Math.min(1e8, Math.ceil((1e3 * seconds) / SAMPLING_PERIOD_MS)),
  });
  sampler.start();
  const idle: { fromSeconds: number; toSeconds: number }[] = [];
  let result: { power: PowerRecord; powerReason: null } | undefined;
  return {
    samples: true,
    async idle(signal) {
      await sleep(1e3 * MARGIN_SECONDS, undefined, { signal });
      const fromSeconds = monotonicSeconds();
      await sleep(1e3 * IDLE_SECONDS, undefined, { signal });
      idle.push({ fromSeconds, toSeconds: monotonicSeconds() });
      await sleep(1e3 * MARGIN_SECONDS, undefined, { signal });
    },
    stop() {
      if (result === undefined) {
        lock?.release();
        result = { power: { description, samples: sampler.stop(), idle }, powerReason: null };
      }
      return result;
    },
  };
}
