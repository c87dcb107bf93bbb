/** What finished results say side by side. */
import type { ResultRow } from "../../experiment/result.ts";
import type { RequestBounds } from "../../metrics/request-bound.ts";
import type { OverheadFigures } from "./decision-times.ts";
import { type EqualAttainment, equalAttainments } from "./equal-attainment.ts";
import { type FamilyFront, familyFronts } from "./fronts.ts";
import { leadersOf, scoresOf } from "./score.ts";
import { isIncomplete, meanOf, type Setting, sweepsParameters } from "./settings.ts";
import { rankStability, type Verdict } from "./stability.ts";

export const LEADERBOARD_SCHEMA_ID = "canopy/leaderboard/1";

export interface LeaderboardOptions {
  /** Share of requests within their objective at which routers are compared. */
  readonly attainment: number;
  /** The bounds hold for requests that end this long after their arrival and the hold they may have. */
  readonly withinSeconds: number;
  /** Means of the lower bounds over the runs of the first setting; null with a reason where there are none. */
  readonly bound: RequestBounds["metrics"] | null;
  readonly boundReason: string | null;
  readonly overhead: OverheadFigures | null;
}

export interface LeaderboardRow {
  readonly row: ResultRow;
  /** Mean of violations, cost and carbon, each scaled to its range; null where one is not known. */
  readonly score: number | null;
  readonly leads: boolean;
  readonly equal: EqualAttainment | null;
  /** Net time of a decision in microseconds; null where it was not measured. */
  readonly decisionMicroseconds: number | null;
  /** Whether requests may have ended later than the bounds allow, or not at all. */
  readonly isOutsideBound: boolean;
  /** Whether runs of it failed: its figures are of fewer requests than the bound and the other rows. */
  readonly isIncomplete: boolean;
}

export interface Leaderboard {
  readonly options: LeaderboardOptions;
  readonly settings: readonly Setting[];
  readonly base: Setting;
  /** Of the first setting, by score. */
  readonly rows: readonly LeaderboardRow[];
  readonly fronts: readonly FamilyFront[];
  readonly verdicts: readonly Verdict[];
}

/** @param settings the first is that of the table; the others show how much depends on it */
export function leaderboard(settings: readonly Setting[], options: LeaderboardOptions): Leaderboard {
  const [base] = settings;
  const scores = scoresOf(base.rows);
  const leaders = new Set(leadersOf(base.rows, base.found.result.baseline));
  const equals = new Map(equalAttainments(settings, options.attainment).map((own) => [own.router, own]));
  const rows = base.rows.map((row): LeaderboardRow => {
    const { router } = row;
    return {
      row,
      score: scores.get(router) ?? null,
      leads: leaders.has(router),
      equal: equals.get(router) ?? null,
      decisionMicroseconds: options.overhead?.byRouter.get(row.id) ?? null,
      isOutsideBound: isOutside(row, options.withinSeconds),
      isIncomplete: isIncomplete(row),
    };
  });
  const last = Number.POSITIVE_INFINITY;
  return {
    options,
    settings,
    base,
    rows: rows.sort((a, b) => (a.score ?? last) - (b.score ?? last)),
    fronts: [base, ...settings.slice(1).filter(sweepsParameters)].flatMap(familyFronts),
    verdicts: rankStability(settings, options.attainment),
  };
}

/** One request in a thousand may be later without being seen here. */
function isOutside(row: ResultRow, withinSeconds: number): boolean {
  const lost = (meanOf(row, "rejected") ?? 0) + (meanOf(row, "unfinished") ?? 0);
  return lost > 0 || (meanOf(row, "e2e_p999_s") ?? 0) > withinSeconds;
}
