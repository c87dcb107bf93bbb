/** What the page of a report is made from: columns of numbers and tables of words, plain JSON. */

import type { PlainTable } from "../plain-table.ts";

/** A column with a place for each row; null where the row has no such number. */
export type NumberColumn = readonly (number | null)[];

export interface ReportData {
  readonly schema: "canopy/report/1";
  readonly tool: string;
  readonly results: readonly ReportResult[];
  readonly routers: readonly ReportRouter[];
  readonly metrics: readonly ReportMetric[];
  /** Words of provenance, strongest first. */
  readonly provenances: readonly string[];
  readonly rows: ReportRows;
  readonly comparisons: ReportComparisons;
  readonly curves: ReportCurves;
  readonly timelines: readonly ReportTimeline[];
  readonly sheets: readonly ReportSheet[];
  /** What was left out to keep the page small, in sentences. */
  readonly omitted: readonly string[];
}

export interface ReportResult {
  readonly experiment: string;
  readonly description: string;
  /** `cedar/table-1`; empty without a paper. */
  readonly paper: string;
  readonly baseline: string;
  /** Points in words; the only one of an experiment is empty. */
  readonly points: readonly string[];
  /** What the numbers rest on, in sentences. */
  readonly notes: readonly string[];
  /** Facts of the manifest, in the order in which they are shown. */
  readonly facts: readonly (readonly [string, string])[];
  readonly inputs: readonly { readonly role: string; readonly name: string; readonly sha256: string }[];
  /** Files beside the result: name, and link relative to the report. */
  readonly files: readonly (readonly [string, string])[];
  /** How far paper and run agree on the order of routers: point, metric, Kendall's tau. */
  readonly ranks: readonly (readonly [number, number, number | null])[];
}

/** What another command than `canopy run` has written. */
export interface ReportSheet {
  /** The command, e.g. `overhead`. */
  readonly by: string;
  readonly title: string;
  /** Relative to the report. */
  readonly folder: string;
  readonly tables: readonly PlainTable[];
  /** Titles of figures, and their SVG. */
  readonly figures: readonly (readonly [string, string])[];
  readonly facts: readonly (readonly [string, string])[];
  readonly files: readonly (readonly [string, string])[];
}

export interface ReportRouter {
  readonly id: string;
  readonly family: string;
  readonly group: string;
  readonly status: string;
  readonly source: string;
  readonly summary: string;
  readonly clairvoyant: boolean;
  readonly ablationOf: string;
  readonly colour: string;
  /** Mark around the origin, as the path of an SVG. */
  readonly mark: string;
  /** Values that the results have, a few of each parameter. */
  readonly parameters: readonly (readonly [string, string])[];
}

export interface ReportMetric {
  readonly name: string;
  readonly label: string;
  /** Unit in which values are to be read, and the factor that takes them there. */
  readonly unit: string;
  readonly factor: number;
  readonly better: "lower" | "higher" | "neither";
  readonly description: string;
}

/** Rows of all results, result after result. Indices are places in the lists of {@link ReportData}. */
export interface ReportRows {
  readonly result: readonly number[];
  readonly router: readonly number[];
  readonly label: readonly string[];
  readonly point: readonly number[];
  readonly provenance: readonly number[];
  readonly done: readonly number[];
  readonly planned: readonly number[];
  readonly notes: readonly string[];
  /** By metric, then row. Ends of the 95 % intervals are empty where no row has one. */
  readonly mean: readonly NumberColumn[];
  readonly low: readonly NumberColumn[];
  readonly high: readonly NumberColumn[];
}

/** Published figures beside the run's. */
export interface ReportComparisons {
  readonly row: readonly number[];
  readonly metric: readonly number[];
  readonly paper: NumberColumn;
  readonly run: NumberColumn;
  readonly against: readonly string[];
  readonly ratioPaper: NumberColumn;
  readonly ratioRun: NumberColumn;
  readonly verdict: readonly string[];
  readonly note: readonly string[];
}

/** Latency in seconds by quantile, of some rows. */
export interface ReportCurves {
  readonly row: readonly number[];
  /** By row. */
  readonly quantiles: readonly (readonly number[])[];
  readonly ttft: readonly NumberColumn[];
  readonly e2e: readonly NumberColumn[];
}

/** Placements and power by group over time of a row's first run, and the carbon intensity that it saw. */
export interface ReportTimeline {
  readonly row: number;
  readonly widthSeconds: number;
  readonly groups: readonly string[];
  /** By group, then bucket. */
  readonly counts: readonly (readonly number[])[];
  readonly carbon: readonly {
    readonly region: string;
    readonly times: readonly number[];
    readonly values: readonly number[];
  }[];
  /** Null of results of before it was kept. */
  readonly power: ReportPower | null;
}

/** Mean watts by group, then bucket; the last bucket ends at `endSeconds`. A group is null where it is not known. */
export interface ReportPower {
  readonly widthSeconds: number;
  readonly endSeconds: number;
  /** GPUs while they work. */
  readonly gpu: readonly (readonly number[] | null)[];
  /** GPUs working and idle, and their hosts. */
  readonly server: readonly (readonly number[] | null)[];
}
