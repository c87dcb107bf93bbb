import type { MarlinParameters } from "./parameters.ts";

/** What of {@link MarlinParameters} the capitals depend on. */
export type CapitalParameters = Pick<
  MarlinParameters,
  "capitalDecay" | "bonusWeight" | "capitalScale" | "performanceFloor" | "performanceCap" | "bonusFloor"
>;

/**
 * How far the consensus stays from the best that an agent's plan had, in units of the agent's own distance from it. The
 * agent that holds the minimum has none: `performanceFloor` takes its place.
 *
 * @param best least of the metric over the agents' own plans; at least 0, as are the others
 */
export function performance(
  best: number,
  own: number,
  consensus: number,
  parameters: CapitalParameters,
): number {
  const miss = Math.abs(best - consensus);
  if (miss === 0) return 0;
  const unit = Math.max(Math.abs(best - own), parameters.performanceFloor * Math.abs(best));
  return Math.min(parameters.performanceCap, miss / unit);
}

/** 1 where the consensus is, in the agent's metric, what its own plan has; less by the relative distance. */
export function bonus(own: number, consensus: number, parameters: CapitalParameters): number {
  const miss = Math.abs(own - consensus);
  return miss === 0 ? 1 : Math.max(parameters.bonusFloor, 1 - miss / Math.abs(own));
}

/** C' = eta C + (1 - eta) scale (Perf + beta Bonus). */
export function nextCapital(
  capital: number,
  perf: number,
  extra: number,
  parameters: CapitalParameters,
): number {
  const { capitalDecay: eta, capitalScale, bonusWeight } = parameters;
  return eta * capital + (1 - eta) * capitalScale * (perf + bonusWeight * extra);
}

/**
 * Updates all capitals, in place.
 *
 * @param own metrics of each agent's own plan, [agent][metric]; agent j is for metric j
 * @param consensus metrics of the plan that was agreed on
 */
export function updateCapitals(
  capitals: Float64Array,
  own: readonly Float64Array[],
  consensus: Float64Array,
  parameters: CapitalParameters,
): void {
  for (let j = 0; j < capitals.length; j++) {
    let best = Number.POSITIVE_INFINITY;
    for (const metrics of own) if (metrics[j] < best) best = metrics[j];
    const perf = performance(best, own[j][j], consensus[j], parameters);
    capitals[j] = nextCapital(capitals[j], perf, bonus(own[j][j], consensus[j], parameters), parameters);
  }
}
