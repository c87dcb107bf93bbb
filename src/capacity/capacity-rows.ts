import type { ExperimentPlan } from "../experiment/expand.ts";
import { meanIntervals } from "../experiment/intervals.ts";
import { type Provenance, weakestProvenance } from "../profile/provenance.ts";
import type { CapacityLevel, CapacityRow, CapacitySearch } from "./result.ts";

/**
 * Searches of a plan as a row for each router and point.
 *
 * @param searches in the order of the plan's runs
 */
export function capacityRows(
  { points, runs }: Pick<ExperimentPlan, "points" | "runs">,
  searches: readonly CapacitySearch[],
  levels: readonly number[],
): CapacityRow[] {
  return points.flatMap(({ point, routers }, place) =>
    routers.map(({ label, id, parameters, about }) => {
      const own = searches.filter((_, i) => runs[i].planned === place && runs[i].router.label === label);
      return {
        router: label,
        point: point.labels,
        id,
        parameters,
        about,
        provenance: provenanceOf(own),
        levels: levels.map((level, i) => levelOf(level, i, own)),
      };
    }),
  );
}

/** Weakest over the runs at the rates found. */
function provenanceOf(searches: readonly CapacitySearch[]): string {
  const words = searches.flatMap(({ findings, probes }) => {
    const found = findings.map(({ rate }) => rate);
    return probes.flatMap(({ rate, provenance }) => (found.includes(rate) ? (provenance as Provenance) : []));
  });
  return words.length === 0 ? "unknown" : weakestProvenance(words);
}

function levelOf(level: number, index: number, searches: readonly CapacitySearch[]): CapacityLevel {
  const ended = searches.filter(({ failure }) => failure === null);
  const findings = ended.map((search) => search.findings[index]);
  const attained = findings.filter(({ rate }) => rate !== null);
  const common = {
    level,
    attained: attained.length,
    n: ended.length,
    notMonotone: findings.filter(({ monotone }) => !monotone).length,
    lowestFactor:
      ended.length === 0 ? null : ended.reduce((most, { probes }) => Math.max(most, probes[0].factor), 0),
    atLowestProbed:
      ended.length === 0
        ? null
        : ended.reduce((sum, { probes }) => sum + probes[0].attainment, 0) / ended.length,
  };
  if (ended.length === 0 || attained.length < ended.length) {
    const state = ended.length === 0 ? "failed" : attained.length === 0 ? "not attained" : "not in all runs";
    return { ...common, state, rate: null, ci95: null };
  }
  const crossing = { seeds: ended.map(({ seed }) => seed), starts: ended.map(({ start }) => start) };
  const [{ mean, ci95 }] = meanIntervals([findings.map(({ rate }) => rate)], crossing);
  const state = attained.some((finding) => finding.state === "at least") ? "at least" : "found";
  return { ...common, state, rate: mean, ci95 };
}
