import type { Region } from "./fleet.ts";

const JOULES_PER_KWH = 3.6e6;

/**
 * Litres of a joule of IT energy: of the site's cooling, and of the grid for that joule and what comes to it at the
 * facility. NaN where the region's water is unknown.
 *
 * @param pue facility energy over IT energy; 1 counts the grid's water for the IT energy alone
 */
export function litresPerItJoule({ water }: Pick<Region, "water">, pue: number): number {
  if (water === null) return Number.NaN;
  return (water.siteLitresPerItKwh + pue * water.gridLitresPerKwh) / JOULES_PER_KWH;
}
