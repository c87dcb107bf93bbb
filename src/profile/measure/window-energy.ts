import type { PowerSamples } from "../../native/power-addon.ts";
import { energyBetween, integralBetween } from "./energy.ts";

/** Reasons for a lower clock that are no everyday ones: hardware slowdown, thermal by software or hardware, power brake. */
const THROTTLED = 0x8 | 0x20 | 0x40 | 0x80;

/** Joules of all sampled meters together over a window, by both methods; null where the samples of one do not tell. */
export interface WindowEnergy {
  /** By the counters of GPUs and CPU packages. */
  readonly countedJoules: number | null;
  /** By the momentary power of GPUs; packages have none. */
  readonly integratedJoules: number | null;
  /** Whether a GPU's clock was held down by heat or hardware. */
  readonly throttled: boolean;
}

export function energyOfWindow(samples: PowerSamples, fromSeconds: number, toSeconds: number): WindowEnergy {
  const { gpus, zones } = samples;
  return {
    countedJoules: total([
      ...gpus.map(({ columns }) =>
        times(energyBetween(columns.energySeconds, columns.energyMillijoules, fromSeconds, toSeconds), 1e-3),
      ),
      ...zones.map(({ seconds, microjoules }) =>
        times(energyBetween(seconds, microjoules, fromSeconds, toSeconds), 1e-6),
      ),
    ]),
    integratedJoules: total([
      ...gpus.map(({ columns }) =>
        times(integralBetween(columns.powerSeconds, columns.powerMilliwatts, fromSeconds, toSeconds), 1e-3),
      ),
      ...zones.map(() => null),
    ]),
    throttled: throttledBetween(samples, fromSeconds, toSeconds),
  };
}

/** The counter's figure, else the integral. */
export function joulesOf(energy: WindowEnergy | null): number | null {
  return energy === null ? null : (energy.countedJoules ?? energy.integratedJoules);
}

function throttledBetween({ gpus }: PowerSamples, fromSeconds: number, toSeconds: number): boolean {
  return gpus.some(({ columns }) =>
    columns.eventReasons.some(
      (reasons, i) =>
        (reasons & THROTTLED) !== 0 &&
        columns.powerSeconds[i] >= fromSeconds &&
        columns.powerSeconds[i] <= toSeconds,
    ),
  );
}

function times(value: number | null, factor: number): number | null {
  return value === null ? null : value * factor;
}

function total(values: readonly (number | null)[]): number | null {
  if (values.length === 0) return null;
  return values.reduce((sum, value) => (sum === null || value === null ? null : sum + value), 0);
}
