/** The settings that a leaderboard lays side by side: every point of every result. */
import type { ExperimentResult, PointProvenance, ResultRow } from "../../experiment/result.ts";
import { samePoint } from "../../experiment/result-rows.ts";
import {
  identitiesOf,
  type RunIdentity,
  type RunValues,
  unpackSamples,
} from "../../experiment/run-samples.ts";
import type { FoundResult } from "../html/find-results.ts";
import { pointText } from "../result-names.ts";

export interface Setting {
  /** The experiment, and its point where it has several. */
  readonly name: string;
  readonly found: FoundResult;
  readonly point: PointProvenance;
  readonly rows: readonly ResultRow[];
}

/** Paths of an experiment along which only the load changes. */
const LOADS = ["workload.arrival.ratePerS", "workload.rateFactor", "workload.copies"];

/** Every point of the results, in their order. Planners of epochs have no requests to compare and are left out. */
export function settingsOf(results: readonly FoundResult[]): Setting[] {
  return results.flatMap((found) => {
    const { result } = found;
    if (result.provenance.kind === "epochs") return [];
    return result.provenance.points.map((point) => ({
      name: nameOf(result, point),
      found,
      point,
      rows: result.rows.filter((row) => samePoint(row, point) && row.runs.done > 0),
    }));
  });
}

function nameOf({ experiment, provenance }: ExperimentResult, point: PointProvenance): string {
  return provenance.points.length === 1 ? experiment : `${experiment}: ${pointText(point.point)}`;
}

/** The load of a setting, where its points are loads of one experiment and of nothing else. */
export function loadOf({ point }: Setting): number | undefined {
  const [[label, value] = [], ...more] = Object.entries(point.point);
  const isLoad = label !== undefined && more.length === 0 && LOADS.includes(label);
  return isLoad && typeof value === "number" ? value : undefined;
}

/** Whether a router stands there several times, under different parameters. */
export function sweepsParameters({ rows }: Pick<Setting, "rows">): boolean {
  return new Set(rows.map(({ id }) => id)).size < rows.length;
}

/** The mean of a metric; undefined where it is not known. */
export function meanOf({ metrics }: ResultRow, metric: string): number | undefined {
  return metrics[metric]?.mean ?? undefined;
}

/** Values of a metric by run, and which runs those are. */
export function runsOf(
  { point }: Setting,
  row: ResultRow,
  metric: string,
): { readonly values: RunValues | undefined; readonly runs: readonly RunIdentity[] } {
  return { values: unpackSamples(row)?.get(metric), runs: identitiesOf(point) };
}
