import { boundsOf, dominates, kneeIndex, nonDominated, nonDominatedFronts } from "../../numeric/pareto.ts";
import type { Candidate } from "./calls.ts";

/** Excess below this is rounding (ours). */
export const SAME_EXCESS = 1e-9;

/** Deb's constrained domination: less excess first, then metrics. */
export function constrainedDominates(a: Candidate, b: Candidate): boolean {
  const left = a.excess > SAME_EXCESS ? a.excess : 0;
  const right = b.excess > SAME_EXCESS ? b.excess : 0;
  if (left !== right) return left < right;
  return left === 0 && dominates(a.metrics, b.metrics);
}

/**
 * Indices in fronts: of the candidates within capacity by domination, then the others, each amount of excess for
 * itself, least first.
 */
export function constrainedFronts(candidates: readonly Candidate[]): number[][] {
  const within = indicesWhere(candidates, ({ excess }) => excess <= SAME_EXCESS);
  const beyond = indicesWhere(candidates, ({ excess }) => excess > SAME_EXCESS);
  const fronts = nonDominatedFronts(within.map((i) => candidates[i].metrics)).map((front) =>
    front.map((place) => within[place]),
  );
  beyond.sort((a, b) => candidates[a].excess - candidates[b].excess || a - b);
  let last = Number.NaN;
  for (const i of beyond) {
    if (candidates[i].excess === last) fronts[fronts.length - 1].push(i);
    else fronts.push([i]);
    last = candidates[i].excess;
  }
  return fronts;
}

/**
 * The candidates that no other dominates, in their order, the first of several with the same metrics: those within
 * capacity, or the one with least excess.
 */
export function paretoSet(candidates: readonly Candidate[]): Candidate[] {
  const within = candidates.filter(({ excess }) => excess <= SAME_EXCESS);
  if (within.length > 0) {
    const seen = new Set<string>();
    return nonDominated(within.map(({ metrics }) => metrics))
      .map((i) => within[i])
      .filter(({ metrics }) => !seen.has(metrics.join()) && seen.add(metrics.join()));
  }
  const least = Math.min(...candidates.map(({ excess }) => excess));
  return candidates.filter(({ excess }) => excess === least).slice(0, 1);
}

/** The knee of a front: least mean of the metrics, each from 0 to 1 over the front. */
export function kneeOf(front: readonly Candidate[]): Candidate {
  const metrics = front.map((one) => one.metrics);
  return front[kneeIndex(metrics, boundsOf(metrics))];
}

function indicesWhere<T>(items: readonly T[], test: (item: T) => boolean): number[] {
  return items.flatMap((item, i) => (test(item) ? [i] : []));
}
