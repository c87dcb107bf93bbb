import { mean } from "../../numeric/statistics.ts";
import { energyOfWindow, joulesOf } from "../measure/window-energy.ts";
import type { Profile } from "../schema.ts";
import type { PointRecord, ServerRecords } from "./records.ts";
import type { Trial } from "./trial.ts";

/** Mean of the windows without a request; null where no energy could be read. */
export function idleWattsPerGpu(power: NonNullable<ServerRecords["power"]>): number | null {
  const watts = power.idle.flatMap(({ fromSeconds, toSeconds }) => {
    const joules = joulesOf(energyOfWindow(power.samples, fromSeconds, toSeconds));
    return joules === null ? [] : [joules / (toSeconds - fromSeconds) / power.samples.gpus.length];
  });
  return watts.length === 0 ? null : mean(watts);
}

/**
 * The block, or null with the reason.
 *
 * @param cells trials of each concurrency
 * @param prefillPoint whose window gives the power of prefill
 */
export function powerOf(
  records: ServerRecords,
  cells: ReadonlyMap<number, readonly Trial[]>,
  prefillPoint: PointRecord | undefined,
): Pick<Profile, "power" | "powerReason"> {
  const { power } = records;
  if (power === null) return { power: null, powerReason: records.powerReason ?? "not sampled" };
  const gpus = power.samples.gpus.length;
  const idle = idleWattsPerGpu(power);
  const longest = prefillPoint?.window;
  const prefill =
    longest == null ? null : joulesOf(energyOfWindow(power.samples, longest.fromSeconds, longest.toSeconds));
  const decode = [...cells].flatMap(([batch, trials]) => {
    const watts = trials.flatMap(({ energy, seconds }) => {
      const joules = joulesOf(energy);
      return joules === null ? [] : [joules / seconds / gpus];
    });
    return watts.length === 0 ? [] : [{ batch, wattsPerGpu: mean(watts) }];
  });
  if (idle === null || prefill === null || longest == null || decode.length === 0) {
    const failures = power.samples.gpus.flatMap((gpu) => gpu.failures.map(({ message }) => message));
    const why = failures[0] ?? "windows were shorter than the meters' refresh periods";
    return { power: null, powerReason: `NVML was sampled, but energies are missing: ${why}` };
  }
  const energies = [...cells.values()].flat().map(({ energy }) => energy);
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
