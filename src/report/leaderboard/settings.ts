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

/** Paths of an experiment along which only the load changes, and what a load is along each. */
const LOADS: Readonly<Record<string, LoadAxis>> = {
  "workload.arrival.ratePerS": { label: "rate", unit: "1/s" },
  "workload.rateFactor": { label: "multiple of the trace's rate" },
  "workload.copies": { label: "copies of the trace" },
};

export interface LoadAxis {
  readonly label: string;
  readonly unit?: string;
}

/** A sweep of loads: the settings of one result, by rising load. */
export interface LoadSweep {
  readonly axis: LoadAxis;
  readonly loads: readonly { readonly load: number; readonly setting: Setting }[];
}

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

/**
 * The first result that sweeps the load and nothing else. Loads of another one are of other requests, fleets or units:
 * they are no points of the same curve.
 */
export function loadSweepOf(settings: readonly Setting[]): LoadSweep | undefined {
  const first = settings.find((setting) => loadOf(setting) !== undefined);
  if (first === undefined) return undefined;
  const loads = settings.flatMap((setting) => {
    const load = setting.found === first.found ? loadOf(setting) : undefined;
    return load === undefined ? [] : [{ load, setting }];
  });
  const [label] = Object.keys(first.point.point);
  return { axis: LOADS[label], loads: loads.sort((a, b) => a.load - b.load) };
}

function loadOf({ point }: Setting): number | undefined {
  const [[label, value] = [], ...more] = Object.entries(point.point);
  const isLoad = label !== undefined && more.length === 0 && Object.hasOwn(LOADS, label);
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

/** Whether some runs of a row are missing from its figures. */
export function isIncomplete({ runs }: ResultRow): boolean {
  return runs.done < runs.planned;
}

/** Values of a metric by run, and which runs those are. */
export function runsOf(
  { point }: Setting,
  row: ResultRow,
  metric: string,
): { readonly values: RunValues | undefined; readonly runs: readonly RunIdentity[] } {
  return { values: unpackSamples(row)?.get(metric), runs: identitiesOf(point) };
}
