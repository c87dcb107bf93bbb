/** Rows of a result as plain data, in the order and with the columns that a table of the experiment asks for. */
import { metricInfo } from "../metrics/metric-catalogue.ts";
import { canonicalJson } from "./canonical-json.ts";
import type { ColumnConfig, TableConfig } from "./output-schema.ts";
import type { ExperimentResult, ResultRow } from "./result.ts";

/** A column of a table of metrics. */
export interface MetricColumn {
  readonly metric: string;
  readonly header: string;
  readonly unit: string;
  readonly factor: number;
  readonly digits: number | undefined;
}

export interface MetricCell {
  readonly value: number | null;
  readonly ci95: readonly [number, number] | null;
  readonly paper: number | undefined;
  /** Of the value, or in a table of ratios of the ratio. */
  readonly verdict: string | undefined;
  /** Why there is no value. */
  readonly reason: string | undefined;
}

export interface MetricTableRow {
  readonly row: ResultRow;
  /** By metric, in the unit of the column. */
  readonly cells: Readonly<Record<string, MetricCell>>;
}

export interface MetricTable {
  readonly title: string;
  readonly caption: string | undefined;
  readonly columns: readonly MetricColumn[];
  readonly rows: readonly MetricTableRow[];
}

const CHIEF_OF_EPOCHS = [
  "ttft_plan_s",
  "carbon_kg",
  "water_l",
  "cost_usd",
  "objective",
  "objective_above_bound_fraction",
  "hypervolume",
  "off_fraction",
  "excess_fraction",
  "calls_per_epoch",
  "planning_s_per_epoch",
];

/** The table of an experiment that asks for none: the chief figures, and the share of tokens of each model. */
export function defaultTable(result: ExperimentResult): TableConfig {
  const isKnown = (name: string) => result.rows.some((row) => (row.metrics[name]?.mean ?? null) !== null);
  if (result.provenance.kind === "epochs") {
    return { title: result.experiment, columns: CHIEF_OF_EPOCHS.filter(isKnown) };
  }
  const names = new Set(result.rows.flatMap((row) => Object.keys(row.metrics)));
  const chief = [
    "ttft_p50_s",
    "ttft_p95_s",
    "e2e_p95_s",
    "slo_violation",
    "cost_usd_per_request",
    "energy_j_per_request",
    "carbon_g_per_request",
    "oscillation",
    "outside_grid_fraction",
  ];
  const shares = [...names].filter((name) => name.startsWith("tokens_share_"));
  const known = chief.filter(isKnown);
  return { title: result.experiment, columns: [...known, ...(shares.length > 1 ? shares : [])] };
}

/** The rows of a table: every router at every point, or those that the table names. */
export function metricTable(result: ExperimentResult, config: TableConfig): MetricTable {
  const columns = config.columns.map(columnOf);
  const order = config.rows;
  const rows = result.rows
    .filter((row) => order === undefined || order.includes(row.router))
    .map((row, place) => ({ row, place, rank: order?.indexOf(row.router) ?? 0 }));
  if (order !== undefined) {
    const pointOf = (row: ResultRow) => result.rows.findIndex((other) => samePoint(other, row));
    rows.sort((a, b) => pointOf(a.row) - pointOf(b.row) || a.rank - b.rank || a.place - b.place);
  }
  return {
    title: config.title,
    caption: config.caption,
    columns,
    rows: rows.map(({ row }) => ({ row, cells: cellsOf(row, columns, config, result) })),
  };
}

function columnOf(config: ColumnConfig): MetricColumn {
  const given = typeof config === "string" ? { metric: config } : config;
  const { metric, header, factor, unit, digits } = given;
  return {
    metric,
    header: header ?? metric,
    unit: unit ?? metricInfo(metric)?.unit ?? "",
    factor: factor ?? 1,
    digits,
  };
}

/** The row whose values the others are divided by, at the same point. */
function baseOf(result: ExperimentResult, row: ResultRow, { ratioTo }: TableConfig): ResultRow | undefined {
  if (ratioTo === undefined) return undefined;
  return result.rows.find((other) => other.router === ratioTo && samePoint(other, row));
}

/** Whether two rows belong to one point, also in a result that was read from a file. */
export function samePoint(a: Pick<ResultRow, "point">, b: Pick<ResultRow, "point">): boolean {
  return canonicalJson(a.point) === canonicalJson(b.point);
}

function paperRatio(row: ResultRow, base: ResultRow, metric: string): number | undefined {
  const [value, divisor] = [row.published[metric], base.published[metric]];
  return row === base || value === undefined || !(divisor > 0) ? undefined : value / divisor;
}

function cellsOf(
  row: ResultRow,
  columns: readonly MetricColumn[],
  config: TableConfig,
  result: ExperimentResult,
): Record<string, MetricCell> {
  const { baseline } = result;
  const base = baseOf(result, row, config);
  const cells: Record<string, MetricCell> = {};
  for (const { metric, factor } of columns) {
    const summary = row.metrics[metric];
    const divisor = base?.metrics[metric]?.mean ?? null;
    const scale = base === undefined ? factor : divisor !== null && divisor > 0 ? 1 / divisor : Number.NaN;
    const scaled = (value: number) => (Number.isFinite(value * scale) ? value * scale : null);
    const figure = row.comparison.find((entry) => entry.metric === metric && entry.paper !== null);
    const paper = figure === undefined || figure.paper === null ? undefined : figure.paper * factor;
    const ratio = row.comparison.find(
      (entry) => entry.metric === metric && entry.baseline === config.ratioTo && entry.ratioVerdict !== null,
    );
    // Intervals of ratios are known for the experiment's own baseline alone.
    const paired = config.ratioTo === baseline ? (row.differences[metric]?.ratioCi95 ?? null) : null;
    const ci95 = base === undefined ? (summary?.ci95 ?? null) : paired;
    cells[metric] = {
      value: summary === undefined || summary.mean === null ? null : scaled(summary.mean),
      ci95: ci95 === null || base !== undefined ? ci95 : [ci95[0] * factor, ci95[1] * factor],
      paper: base === undefined ? paper : (ratio?.ratioToBaselinePaper ?? paperRatio(row, base, metric)),
      verdict: (base === undefined ? figure?.absoluteVerdict : ratio?.ratioVerdict) ?? undefined,
      reason: summary === undefined ? `${row.router} reports no such figure` : summary.reason,
    };
  }
  return cells;
}
