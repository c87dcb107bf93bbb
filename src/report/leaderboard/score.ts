/** Which routers stand for their families. */
import type { ResultRow } from "../../experiment/result.ts";
import { boundsOf, normalise } from "../../numeric/pareto.ts";
import { meanOf } from "./settings.ts";

/** What a score and the fronts weigh against each other, all to be small. */
export const OBJECTIVES = ["slo_violation", "cost_usd_per_request", "carbon_server_g_per_request"] as const;

/** The objectives of a row; undefined where one of them is not known. */
export function objectivesOf(row: ResultRow): number[] | undefined {
  const values = OBJECTIVES.map((metric) => meanOf(row, metric));
  return values.every((value) => value !== undefined) ? values : undefined;
}

/** By router: the mean of the objectives, each scaled to its range over all rows. */
export function scoresOf(rows: readonly ResultRow[]): Map<string, number> {
  const known = rows.flatMap((row) => {
    const values = objectivesOf(row);
    return values === undefined ? [] : [{ row, values }];
  });
  if (known.length === 0) return new Map();
  const bounds = boundsOf(known.map(({ values }) => values));
  return new Map(
    known.map(({ row, values }) => {
      const scaled = normalise(values, bounds);
      return [row.router, scaled.reduce((sum, value) => sum + value, 0) / scaled.length];
    }),
  );
}

const MOST_LEADERS = 12;

/**
 * The routers that lead their families: of every family its best system and its best baseline by score, the reference
 * router, and the next best systems and baselines up to twelve. Ablations, reference routers and those that are
 * clairvoyant lead nothing; of routers that are equal in every objective the first counts.
 */
export function leadersOf(rows: readonly ResultRow[], reference: string): string[] {
  const scores = scoresOf(rows);
  const seen = new Set<string>();
  const eligible = rows
    .filter(({ about }) => !about.clairvoyant && (about.group === "system" || about.group === "baseline"))
    .filter(({ router }) => scores.has(router))
    .filter((row) => {
      const key = JSON.stringify(objectivesOf(row));
      const isNew = !seen.has(key);
      seen.add(key);
      return isNew;
    })
    .sort((a, b) => (scores.get(a.router) ?? 0) - (scores.get(b.router) ?? 0));
  const leaders = new Set<string>();
  const represented = new Set<string>();
  for (const { router, about } of eligible) {
    const part = `${about.family}/${about.group}`;
    if (represented.has(part)) continue;
    represented.add(part);
    leaders.add(router);
  }
  if (rows.some(({ router }) => router === reference)) leaders.add(reference);
  for (const { router } of eligible) {
    if (leaders.size >= MOST_LEADERS) break;
    leaders.add(router);
  }
  return rows.map(({ router }) => router).filter((router) => leaders.has(router));
}
