/** Pareto fronts and hypervolumes of the families in a setting. */
import type { ResultRow } from "../../experiment/result.ts";
import { hypervolume } from "../../numeric/hypervolume.ts";
import { boundsOf, kneeIndex, nonDominated, normalise, thinFront } from "../../numeric/pareto.ts";
import { objectivesOf } from "./score.ts";
import type { Setting } from "./settings.ts";

export interface FamilyFront {
  readonly setting: string;
  readonly family: string;
  /** Rows of the family, and those that no other of the family dominates, of equal ones the first. */
  readonly rows: number;
  readonly front: readonly string[];
  /** Of those, what no row of any family dominates. */
  readonly onCommonFront: number;
  /** Share of the box between the best and the worst of every objective over all rows. */
  readonly hypervolume: number;
  /** Of as many points of the front as the smallest front of the setting has. */
  readonly sizeMatched: number;
  /** The row of least mean objective. */
  readonly knee: string;
}

/** Fronts of a setting's families over {@link OBJECTIVES}; clairvoyant rows take no part. */
export function familyFronts({ name, rows }: Pick<Setting, "name" | "rows">): FamilyFront[] {
  const known = rows.flatMap((row) => {
    const values = row.about.clairvoyant ? undefined : objectivesOf(row);
    return values === undefined ? [] : [{ row, values }];
  });
  if (known.length < 2) return [];
  const bounds = boundsOf(known.map(({ values }) => values));
  const scaled = known.map(({ row, values }) => ({ row, point: normalise(values, bounds) }));
  const common = new Set(nonDominated(scaled.map(({ point }) => point)).map((i) => scaled[i].row));
  const reference = bounds.ideal.map(() => 1);
  const families = new Map<string, { row: ResultRow; point: Float64Array }[]>();
  for (const entry of scaled) {
    const { family } = entry.row.about;
    families.set(family, [...(families.get(family) ?? []), entry]);
  }
  const fronts = [...families].map(([family, own]) => {
    const all = nonDominated(own.map(({ point }) => point)).map((i) => own[i]);
    // Weights that change no decision are one point.
    const keys = all.map(({ point }) => point.join());
    return { family, own, front: all.filter((_, i) => keys.indexOf(keys[i]) === i) };
  });
  const smallest = Math.min(...fronts.map(({ front }) => front.length));
  return fronts.map(({ family, own, front }) => {
    const points = front.map(({ point }) => point);
    const matched = thinFront(points, smallest).map((i) => points[i]);
    return {
      setting: name,
      family,
      rows: own.length,
      front: front.map(({ row }) => row.router),
      onCommonFront: front.filter(({ row }) => common.has(row)).length,
      hypervolume: hypervolume(points, reference),
      sizeMatched: hypervolume(matched, reference),
      knee: front[kneeIndex(points, { ideal: new Float64Array(reference.length), worst: reference })].row
        .router,
    };
  });
}
