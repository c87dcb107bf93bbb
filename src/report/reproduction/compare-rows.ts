/** Whether figures that were made again are those that were committed. */
import { canonicalJson } from "../../experiment/canonical-json.ts";
import type { ExperimentResult } from "../../experiment/result.ts";

/** The means of a row by metric, with their intervals where they are known. */
export interface ComparedRow {
  readonly router: string;
  readonly point: ExperimentResult["rows"][number]["point"];
  readonly metrics: Readonly<Record<string, number | null>>;
  readonly intervals?: Readonly<Record<string, readonly [number, number] | null>>;
}

/**
 * - `same`: the same number, or both unknown
 * - `within interval`: another number, inside the committed 95 % interval
 * - `drift`: outside it, or there is none; unknown on one side
 * - `gone`: a metric, or a whole row, that is no longer there
 */
export type FigureState = "same" | "within interval" | "drift" | "gone";

export interface FigureChange {
  readonly router: string;
  readonly point: ComparedRow["point"];
  /** Empty for a whole row. */
  readonly metric: string;
  readonly state: Exclude<FigureState, "same">;
  readonly committed: number | null;
  readonly now: number | null;
}

export interface RowsComparison {
  readonly figures: number;
  readonly same: number;
  readonly within: number;
  /** All that are not the same. */
  readonly changes: readonly FigureChange[];
  /** Metrics that the committed result does not have, each once. */
  readonly added: readonly string[];
}

/** Times of the machine, which are no figures to be made again. */
const TIMES: ReadonlySet<string> = new Set(["planning_s_per_epoch"]);

export function rowsOf({ rows }: ExperimentResult, withIntervals = false): ComparedRow[] {
  return rows.map(({ router, point, metrics }) => ({
    router,
    point,
    metrics: mapped(metrics, ({ mean }) => mean),
    ...(withIntervals ? { intervals: mapped(metrics, ({ ci95 }) => ci95) } : {}),
  }));
}

/** Every committed figure against the one made now; rows are matched by point and router. */
export function compareRows(committed: readonly ComparedRow[], now: readonly ComparedRow[]): RowsComparison {
  const keyOf = ({ router, point }: ComparedRow) => canonicalJson([router, point]);
  const byKey = new Map(now.map((row) => [keyOf(row), row]));
  const changes: FigureChange[] = [];
  const added = new Set<string>();
  let figures = 0;
  let within = 0;
  for (const row of committed) {
    const { router, point } = row;
    const other = byKey.get(keyOf(row));
    for (const [metric, value] of Object.entries(row.metrics)) {
      figures++;
      const found = other?.metrics[metric];
      const state = found === undefined ? "gone" : stateOf(value, found, row.intervals?.[metric] ?? null);
      if (state === "same") continue;
      if (state === "within interval") within++;
      changes.push({ router, point, metric, state, committed: value, now: found ?? null });
    }
    for (const metric in other?.metrics) if (!Object.hasOwn(row.metrics, metric)) added.add(metric);
  }
  return { figures, same: figures - changes.length, within, changes, added: [...added] };
}

function stateOf(
  committed: number | null,
  now: number | null,
  interval: readonly [number, number] | null,
): Exclude<FigureState, "gone"> {
  if (committed === now) return "same";
  if (committed === null || now === null || interval === null) return "drift";
  return now >= interval[0] && now <= interval[1] ? "within interval" : "drift";
}

function mapped<In, Out>(record: Readonly<Record<string, In>>, of: (value: In) => Out): Record<string, Out> {
  const lasting = Object.entries(record).filter(([key]) => !TIMES.has(key));
  return Object.fromEntries(lasting.map(([key, value]) => [key, of(value)]));
}
