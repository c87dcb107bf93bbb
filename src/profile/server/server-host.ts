import type { Profile } from "../schema.ts";
import type { ServerRecords } from "./records.ts";

/** The GPUs, as far as NVML or the user told. */
export function gpuOf({ power, settings }: ServerRecords): Pick<Profile, "gpu" | "gpuReason"> {
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

/** The machine, where the server runs on this one. */
export function hostOf({ host, power, settings }: ServerRecords): NonNullable<Profile["host"]> {
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
