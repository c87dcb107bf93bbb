import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { suggestion, UserError } from "../../errors.ts";
import type { NativeAddon } from "../../native/addon.ts";
import { AddonBench, type AddonTarget, factsOf, lockClocks, meterOf } from "./addon-bench.ts";
import type { Bench } from "./bench.ts";
import { gpuPeaks } from "./ceilings.ts";
import { cpuPeaks } from "./cpu-ceilings.ts";
import { hostRecord } from "./host-record.ts";
import { planOf, protocolFor } from "./plan.ts";
import { type HeaderRecord, MEASURE_RECORDS_ID, type PowerModel, type Preset } from "./records.ts";

export interface RunRequest {
  readonly id: string;
  readonly backend: "cpu" | "cuda";
  readonly model: string;
  readonly preset: Preset;
  /** Two depths to extrapolate from; undefined = the whole model. */
  readonly layers: readonly [number, number] | undefined;
  /** CPU: undefined = one for each physical core that this process may use. */
  readonly threads: number | undefined;
  /** CUDA's index. */
  readonly device: number;
  readonly lockedClockMHz: number | null;
  readonly powerModel: PowerModel | null;
}

/** A run that can begin: the bench, its header, and what to undo at its end. */
export interface PreparedRun {
  readonly bench: Bench;
  readonly header: HeaderRecord;
  release(): void;
}

/**
 * Looks at the host, measures its ceilings, and fixes what a run is.
 *
 * @throws UserError CANOPY_MEASURE_MODEL, CANOPY_MEASURE_DEVICE, CANOPY_MEASURE_CLOCKS, CANOPY_MEASURE_MEMORY,
 *   CANOPY_OPTION_VALUE
 */
export async function prepareRun(addon: NativeAddon, request: RunRequest): Promise<PreparedRun> {
  const names = addon.presetShapeNames();
  if (!names.includes(request.model)) {
    throw new UserError(
      "CANOPY_MEASURE_MODEL",
      `--model ${request.model} is not known${suggestion(request.model, names)}`,
    );
  }
  const shape = addon.presetShape(request.model);
  const layers = depthsOf(request, shape.layers);
  const description = addon.describe();
  const power = addon.describePower();
  const device = request.backend === "cuda" ? cudaDevice(addon, request.device) : undefined;
  const { meter, reason } =
    device === undefined ? { meter: null, reason: null } : meterOf(power, device.uuid);
  if (meter?.mig === true) throw new UserError("CANOPY_MEASURE_DEVICE", `${meter.name} is in MIG mode`);
  const { usableCores, usableThreads } = description.cpu;
  const threads = request.threads ?? usableCores;
  if (request.backend === "cpu" && threads > usableThreads) {
    throw new UserError(
      "CANOPY_OPTION_VALUE",
      `--threads ${threads}: this process may run on ${usableThreads} processors: expected at most as many`,
    );
  }
  const target: AddonTarget = {
    backend: request.backend,
    model: request.model,
    threads,
    gpu: device === undefined ? null : { index: device.index, meter },
    rapl: power.rapl.reason === null,
  };
  const lock =
    request.lockedClockMHz === null
      ? undefined
      : lockClocks(addon, requireMeter(meter, request.backend, reason), request.lockedClockMHz);
  try {
    const memoryBytes = device?.memoryBytes ?? freeMemoryBytes();
    const bench = new AddonBench(addon, target);
    const header: HeaderRecord = {
      kind: "header",
      schema: MEASURE_RECORDS_ID,
      measuredAt: new Date().toISOString(),
      settings: {
        id: request.id,
        backend: request.backend,
        model: request.model,
        protocol: protocolFor(request.preset, shape),
        layers,
        threads,
        lockedClockMHz: request.lockedClockMHz,
        powerModel: request.powerModel,
        seed: randomUUID(),
      },
      host: hostRecord(description, meter ?? undefined, power.nvml.driverVersion),
      model: factsOf(shape, shape.layers),
      peaks:
        device === undefined
          ? await cpuPeaks(addon, threads, memoryBytes)
          : gpuPeaks(device.name, device.memoryBytes),
      memoryBytes,
      gpu:
        device === undefined
          ? null
          : {
              name: device.name,
              memoryBytes: device.memoryBytes,
              tdpWatts: meter?.defaultPowerLimitWatts ?? null,
            },
      power,
      powerReason: device === undefined ? power.rapl.reason : reason,
    };
    planOf(header.settings, (depth) => bench.model(depth), memoryBytes);
    return { bench, header, release: () => lock?.release() };
  } catch (error) {
    lock?.release();
    throw error;
  }
}

/**
 * Whether a run that was cut off may go on here.
 *
 * @throws UserError CANOPY_MEASURE_RESUME, which names what differs
 */
export function checkSameRun(old: HeaderRecord, now: HeaderRecord, path: string): void {
  const facts = ({ settings, host }: HeaderRecord): Record<string, unknown> => ({
    "--backend": settings.backend,
    "--model": settings.model,
    preset: settings.protocol.preset,
    "--layers": settings.layers.join(","),
    "--threads": settings.threads,
    "--lock-clocks": settings.lockedClockMHz,
    "--power-model": JSON.stringify(settings.powerModel),
    processor: host.cpuModel,
    GPU: host.gpuUuid,
    kernel: host.kernel,
    driver: host.driver,
    "compiler flags": host.compilerFlags,
  });
  const before = facts(old);
  for (const [name, value] of Object.entries(facts(now))) {
    if (before[name] === value) continue;
    throw new UserError(
      "CANOPY_MEASURE_RESUME",
      `${path} is a run of another kind: ${name} was ${String(before[name])} and is ${String(value)}: expected the same host, build and options`,
    );
  }
}

function depthsOf({ layers, model }: RunRequest, whole: number): readonly number[] {
  if (layers === undefined) return [whole];
  const [n1, n2] = layers;
  if (n1 >= 1 && n1 < n2 && n2 <= whole) return layers;
  throw new UserError(
    "CANOPY_OPTION_VALUE",
    `--layers ${n1},${n2}: expected two depths of ${model}, which has ${whole} layers, the smaller first`,
  );
}

function cudaDevice(addon: NativeAddon, index: number) {
  const { devices, reason } = addon.describeCuda();
  const device = devices.find((each) => each.index === index);
  if (device !== undefined) return device;
  const why =
    reason ?? `there is no device ${index}: expected one of ${devices.map((each) => each.index).join(", ")}`;
  throw new UserError("CANOPY_MEASURE_DEVICE", `--backend cuda: ${why}`);
}

function requireMeter<T>(meter: T | null, backend: string, reason: string | null): T {
  if (meter !== null) return meter;
  const why = backend === "cpu" ? "only GPUs have clocks that can be locked" : reason;
  throw new UserError("CANOPY_MEASURE_CLOCKS", `--lock-clocks: ${why}`);
}

/** Memory that a process may still take here: what the system calls available, within the container's limit. */
function freeMemoryBytes(): number {
  const limit = process.constrainedMemory();
  const available = availableBytes() ?? totalmem();
  return limit > 0 && limit < totalmem() ? Math.min(available, limit) : available;
}

function availableBytes(): number | undefined {
  try {
    const kib = /^MemAvailable: +(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1];
    return kib === undefined ? undefined : 1024 * Number(kib);
  } catch {
    return undefined;
  }
}
