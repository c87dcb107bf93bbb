import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { loadavg, release } from "node:os";
import type { AddonDescription } from "../../native/addon.ts";
import type { GpuPowerDescription } from "../../native/power-addon.ts";

/** The machine and the build before a measurement; null = not known. */
export interface HostRecord {
  readonly cpuModel: string | null;
  readonly instructionSets: readonly string[];
  readonly usableThreads: number;
  readonly usableCores: number;
  readonly quotaCpus: number | null;
  readonly kernel: string | null;
  readonly governor: string | null;
  /** What shows that this is a container: docker, podman, kubernetes, lxc. */
  readonly container: string | null;
  readonly loadAverage: number | null;
  readonly compiler: string;
  readonly compilerFlags: string;
  readonly gitHash: string | null;
  readonly gpuModel: string | null;
  readonly gpuUuid: string | null;
  readonly driver: string | null;
  readonly cuda: string | null;
  readonly maximumClocksMHz: Readonly<Record<string, number>> | null;
  readonly powerLimitWatts: number | null;
  readonly persistenceMode: boolean | null;
  readonly ecc: boolean | null;
  readonly mig: boolean | null;
  /** On the GPU, before this process opened it. */
  readonly otherGpuProcesses: number | null;
}

/** @param gpu the measured one; undefined for a CPU */
export function hostRecord(
  { build, cpu }: AddonDescription,
  gpu: GpuPowerDescription | undefined,
  driver: string | null,
): HostRecord {
  return {
    cpuModel: cpu.model,
    instructionSets: cpu.instructionSets,
    usableThreads: cpu.usableThreads,
    usableCores: cpu.usableCores,
    quotaCpus: cpu.quotaCpus,
    kernel: release(),
    governor: readLine("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
    container: containerKind(),
    loadAverage: loadavg()[0],
    compiler: build.compiler,
    compilerFlags: build.flags,
    gitHash: build.commit ?? gitHash(),
    gpuModel: gpu?.name ?? null,
    gpuUuid: gpu?.uuid ?? null,
    driver: gpu === undefined ? null : driver,
    cuda: gpu === undefined ? null : build.cuda,
    maximumClocksMHz:
      gpu?.maximumSmClockMHz == null || gpu.maximumMemoryClockMHz === null
        ? null
        : { sm: gpu.maximumSmClockMHz, memory: gpu.maximumMemoryClockMHz },
    powerLimitWatts: gpu?.powerLimitWatts ?? null,
    persistenceMode: gpu?.persistenceMode ?? null,
    ecc: gpu?.ecc ?? null,
    mig: gpu?.mig ?? null,
    otherGpuProcesses: gpu?.computeProcesses?.length ?? null,
  };
}

/** Commit of this copy of Canopy; null outside a clone. */
export function gitHash(): string | null {
  try {
    const args = ["-C", import.meta.dirname, "rev-parse", "HEAD"];
    return (
      execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim() || null
    );
  } catch {
    return null;
  }
}

function containerKind(): string | null {
  if (existsSync("/.dockerenv")) return "docker";
  if (existsSync("/run/.containerenv")) return "podman";
  if (process.env["KUBERNETES_SERVICE_HOST"] !== undefined) return "kubernetes";
  const groups = readText("/proc/1/cgroup") ?? "";
  return /\b(docker|kubepods|lxc|containerd)\b/.exec(groups)?.[1] ?? null;
}

function readLine(path: string): string | null {
  return readText(path)?.trim() || null;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
