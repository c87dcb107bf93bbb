import type { GpuSamples } from "../../native/power-addon.ts";
import { energyBetween, integralBetween } from "../measure/energy.ts";
import type { PowerRecord } from "./records.ts";

/** Reasons for a lower clock that are no everyday ones: hardware slowdown, thermal by software or hardware, power brake. */
const THROTTLED = 0x8 | 0x20 | 0x40 | 0x80;

/** Joules of all GPUs together over a window, by both methods; null where one GPU's samples do not tell. */
export interface WindowEnergy {
  readonly countedJoules: number | null;
  readonly integratedJoules: number | null;
  /** Whether a GPU's clock was held down by heat or hardware. */
  readonly throttled: boolean;
}

export function energyOfWindow(power: PowerRecord, fromSeconds: number, toSeconds: number): WindowEnergy {
  const { gpus } = power.samples;
  const total = (joules: (gpu: GpuSamples) => number | null): number | null => {
    let sum = 0;
    for (const gpu of gpus) {
      const one = joules(gpu);
      if (one === null) return null;
      sum += one / 1e3;
    }
    return sum;
  };
  return {
    countedJoules: total(({ columns }) =>
      energyBetween(columns.energySeconds, columns.energyMillijoules, fromSeconds, toSeconds),
    ),
    integratedJoules: total(({ columns }) =>
      integralBetween(columns.powerSeconds, columns.powerMilliwatts, fromSeconds, toSeconds),
    ),
    throttled: gpus.some(({ columns }) =>
      columns.eventReasons.some(
        (reasons, i) =>
          (reasons & THROTTLED) !== 0 &&
          columns.powerSeconds[i] >= fromSeconds &&
          columns.powerSeconds[i] <= toSeconds,
      ),
    ),
  };
}
