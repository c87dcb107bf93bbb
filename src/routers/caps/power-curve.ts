const JOULES_PER_KWH = 3.6e6;

/** Power of a GPU over its utilisation, as CAPS has it. */
export interface PowerCurve {
  readonly idleWatts: number;
  readonly peakWatts: number;
  readonly exponent: number;
}

/** P(u) = P_idle + (P_peak - P_idle) u^eta in watts, for a utilisation of 0 to 1 (CAPS, section on energy). */
export function watts(curve: PowerCurve, utilisation: number): number {
  return curve.idleWatts + (curve.peakWatts - curve.idleWatts) * utilisation ** curve.exponent;
}

/** P(u) / P_peak at `steps + 1` utilisations from 0 to 1: a power is too dear for every decision. */
export function relativeWatts(curve: PowerCurve, steps: number): Float64Array {
  return Float64Array.from({ length: steps + 1 }, (_, i) => watts(curve, i / steps) / curve.peakWatts);
}

/**
 * Carbon of one request in grams (CAPS, equation 3): gamma P(u) tau. The paper leaves the factor out that turns
 * g/kWh times joules into grams.
 *
 * @param intensity gamma in g/kWh
 */
export function carbonGrams(intensity: number, powerWatts: number, seconds: number): number {
  return (intensity * powerWatts * seconds) / JOULES_PER_KWH;
}
