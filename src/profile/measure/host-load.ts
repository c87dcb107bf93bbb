import { readFileSync } from "node:fs";
import { monotonicSeconds } from "./clock.ts";

/** What the host did since it started, in processor-seconds; null where the system does not tell. */
export interface HostReading {
  readonly seconds: number;
  /** All work of all processes, this one included. */
  readonly busySeconds: number | null;
  /** Taken by the hypervisor for others. */
  readonly stolenSeconds: number | null;
  /** Of this process, all threads. */
  readonly ownSeconds: number;
  /** Processes on the measured GPU but for this one; null where unknown. */
  readonly otherGpuProcesses: number | null;
}

/** Share of the engine's threads' time that others may take before a stretch counts as contaminated. */
const FOREIGN_SHARE = 0.05;
const STOLEN_SHARE = 0.02;

/** Others' work between two readings, in processors; null where unknown. */
export function foreignLoad(
  before: HostReading,
  after: HostReading,
): { readonly busy: number | null; readonly stolen: number | null } {
  const seconds = after.seconds - before.seconds;
  const change = (a: number | null, b: number | null) => (a === null || b === null ? null : b - a);
  const busy = change(before.busySeconds, after.busySeconds);
  const stolen = change(before.stolenSeconds, after.stolenSeconds);
  const own = after.ownSeconds - before.ownSeconds;
  return {
    busy: busy === null ? null : Math.max(0, busy - own) / seconds,
    stolen: stolen === null ? null : Math.max(0, stolen) / seconds,
  };
}

/**
 * Whether others worked between two readings: took 5 % of the time of the engine's threads, the hypervisor 2 %, or had a
 * process on the GPU. What the system does not tell is not held against it.
 */
export function isContaminated(before: HostReading, after: HostReading, threads: number): boolean {
  const { busy, stolen } = foreignLoad(before, after);
  return (
    (busy ?? 0) > FOREIGN_SHARE * threads ||
    (stolen ?? 0) > STOLEN_SHARE * threads ||
    (after.otherGpuProcesses ?? 0) > 0
  );
}

/** Stretches between consecutive readings in which others worked. */
export function contaminatedStretches(
  readings: readonly HostReading[],
  threads: number,
): { readonly from: number; readonly to: number }[] {
  return readings.slice(1).flatMap((after, i) => {
    const before = readings[i];
    return isContaminated(before, after, threads) ? [{ from: before.seconds, to: after.seconds }] : [];
  });
}

/** The host now. Where others' processes on the GPU are counted is the caller's to say. */
export function readHostLoad(otherGpuProcesses: number | null): HostReading {
  const own = process.cpuUsage();
  const times = processorTimes(readProc("/proc/stat"));
  return {
    seconds: monotonicSeconds(),
    busySeconds: times?.busySeconds ?? null,
    stolenSeconds: times?.stolenSeconds ?? null,
    ownSeconds: (own.user + own.system) / 1e6,
    otherGpuProcesses,
  };
}

/** Ticks of /proc/stat: USER_HZ is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** The first line of /proc/stat: user nice system idle iowait irq softirq steal ...; guests are inside user and nice. */
export function processorTimes(
  stat: string | undefined,
): { readonly busySeconds: number; readonly stolenSeconds: number } | undefined {
  const ticks = /^cpu +(.*)$/m
    .exec(stat ?? "")?.[1]
    .split(/ +/)
    .map(Number);
  if (ticks === undefined || ticks.length < 8 || ticks.some(Number.isNaN)) return undefined;
  const [user, nice, system, , , irq, softirq, steal] = ticks;
  return {
    busySeconds: (user + nice + system + irq + softirq) / TICKS_PER_SECOND,
    stolenSeconds: steal / TICKS_PER_SECOND,
  };
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
