import { UserError } from "../../errors.ts";
import type { PowerModel } from "./records.ts";

/** Watts of the replica at a utilisation from 0 to 1. */
export function modelledWatts({ idleWatts, peakWatts, exponent }: PowerModel, utilisation: number): number {
  return idleWatts + (peakWatts - idleWatts) * Math.min(1, Math.max(0, utilisation)) ** exponent;
}

/**
 * `idle,peak,exponent` as the user wrote it.
 *
 * @throws UserError CANOPY_OPTION_VALUE
 */
export function parsePowerModel(text: string): PowerModel {
  const [idleWatts, peakWatts, exponent, ...more] = text.split(",").map((word) => Number(word.trim() || "?"));
  const sound = idleWatts >= 0 && peakWatts > idleWatts && exponent > 0 && exponent <= 2 && more.length === 0;
  if (sound && Number.isFinite(peakWatts)) return { idleWatts, peakWatts, exponent };
  throw new UserError(
    "CANOPY_OPTION_VALUE",
    `--power-model ${text}: expected idle watts, peak watts above them and an exponent up to 2, e.g. 60,180,0.7`,
  );
}
