/** From a result to the tables that its experiment asks for. */
import type { ColumnConfig, TableConfig } from "../experiment/output-schema.ts";
import type { ExperimentResult, ResultRow } from "../experiment/result.ts";
import {
  defaultTable,
  type MetricCell,
  type MetricColumn,
  type MetricTable,
  metricTable,
} from "../experiment/result-rows.ts";
import type { ComparisonRow } from "../metrics/comparison.ts";
import { claimsTable } from "./claims-table.ts";
import { comparisonNotes, rankNotes, verdictCounts } from "./comparison-notes.ts";
import { epochHeaders } from "./epoch-headers.ts";
import { foundationNotes } from "./foundation-notes.ts";
import { metricLabel, readingUnit } from "./result-names.ts";
import { headCells, headColumns, pointKey, pointLabels } from "./row-heads.ts";
import type { Cell, Column, Row, Table } from "./table.ts";

/**
 * The tables of an experiment; one of the chief metrics where it asks for none. Where a paper's figures are compared
 * and no table shows ratios, a table of the ratios to the baseline is added; where it states ratios to others alone and
 * no table shows one, a table of these. What all tables rest on stands under the last one, which ends with the
 * rank agreement.
 *
 * @param configs in place of those that the experiment asks for
 */
export function resultTables(
  result: ExperimentResult,
  configs: readonly TableConfig[] = result.outputs.tables,
): Table[] {
  const wanted = configs.length === 0 ? [defaultTable(result)] : [...configs];
  const ratios = ratioTable(result, wanted);
  if (ratios !== undefined) wanted.push(ratios);
  const tables = wanted.map((config, i) => resultTable(result, config, i === 0));
  const isCompared =
    ratiosToBaseline(result).length > 0 || wanted.some((config) => hasVerdicts(result, config));
  const claims = isCompared ? undefined : claimsTable(result);
  if (claims !== undefined) tables.push(claims);
  const shown = new Set(
    wanted.flatMap(({ columns }) => columns.map((column) => withDefaults(column, result).metric)),
  );
  const last = tables.length - 1;
  return tables.map((table, i) =>
    i < last
      ? table
      : { ...table, notes: [...table.notes, ...foundationNotes(result, shown), ...rankNotes(result)] },
  );
}

/** Ratios to the baseline of all metrics for which the paper gives them; undefined where they are shown already. */
function ratioTable(result: ExperimentResult, configs: readonly TableConfig[]): TableConfig | undefined {
  if (configs.some(({ ratioTo }) => ratioTo !== undefined)) return undefined;
  const compared = ratiosToBaseline(result);
  if (compared.length === 0) return undefined;
  const columns = [...new Set(compared.map(({ metric }) => metric))];
  return { title: `Ratios to ${result.baseline}`, columns, ratioTo: result.baseline };
}

function hasVerdicts(result: ExperimentResult, config: TableConfig): boolean {
  return verdictCounts(metricTable(result, config), config.ratioTo !== undefined) !== undefined;
}

function ratiosToBaseline({ rows, baseline }: ExperimentResult): ComparisonRow[] {
  return rows.flatMap(({ comparison }) =>
    comparison.filter((entry) => entry.baseline === baseline && entry.ratioVerdict !== null),
  );
}

function resultTable(result: ExperimentResult, given: TableConfig, isFirst: boolean): Table {
  const config = { ...given, columns: given.columns.map((column) => withDefaults(column, result)) };
  const { ratioTo } = config;
  const table = metricTable(result, config);
  // The baseline's own ratios are all 1.
  const rows = table.rows.filter(({ row }) => row.router !== ratioTo);
  const labels = pointLabels(rows.map(({ row }) => row));
  const layout = new TableLayout(result, table.columns, labels, ratioTo);
  const shown = { ...table, rows };
  const samePaper = labels.length > 0 && paperIsShared(shown);
  return {
    title: config.title === result.experiment ? config.title : `${config.title} (${result.experiment})`,
    caption: captionOf(result, shown, isFirst, ratioTo !== undefined),
    columns: layout.columns(),
    rows: [...rows.map((row) => layout.row(row)), ...(samePaper ? layout.paperRows(rows) : [])],
    notes: comparisonNotes(result, shown, config, samePaper),
    arrange: samePaper ? "marked" : "stacked",
  };
}

/** A column with the name and the unit in which it is read. */
function withDefaults(config: ColumnConfig, result: ExperimentResult): Exclude<ColumnConfig, string> {
  const given = typeof config === "string" ? { metric: config } : config;
  const reading = given.factor === undefined && given.unit === undefined ? readingUnit(given.metric) : {};
  return { ...reading, ...given, header: given.header ?? metricLabel(given.metric, result) };
}

/** Whether a router's published figures are the same at every point, so that one row can hold them. */
function paperIsShared({ rows, columns }: MetricTable): boolean {
  const seen = new Map<string, string>();
  return rows.every(({ row, cells }) => {
    const paper = columns.map(({ metric }) => cells[metric].paper ?? null).join();
    const before = seen.get(row.router) ?? paper;
    seen.set(row.router, paper);
    return before === paper;
  });
}

/** How the rows of one table are laid over its columns. */
class TableLayout {
  readonly #result: ExperimentResult;
  readonly #metrics: readonly MetricColumn[];
  readonly #labels: readonly string[];
  readonly #keys: readonly string[];
  readonly #ratioTo: string | undefined;

  constructor(
    result: ExperimentResult,
    metrics: readonly MetricColumn[],
    labels: readonly string[],
    ratioTo: string | undefined,
  ) {
    this.#result = result;
    this.#metrics = metrics;
    this.#labels = labels;
    this.#ratioTo = ratioTo;
    this.#keys = keysOf(metrics, ratioTo !== undefined);
  }

  columns(): Column[] {
    return [
      ...headColumns(this.#result, this.#labels),
      ...this.#metrics.map(({ header, unit, digits }, i): Column => {
        const shown = this.#ratioTo === undefined ? unit : "";
        return {
          key: this.#keys[i],
          header,
          align: "decimal",
          ...(shown === "" ? {} : { unit: shown }),
          ...(digits === undefined ? {} : { digits }),
        };
      }),
      { key: "runs", header: "runs", csvOnly: true },
      { key: "rests_on", header: "rests on", csvOnly: true },
    ];
  }

  row({ row, cells }: MetricTable["rows"][number]): Row {
    const values: Record<string, Cell> = {
      ...headCells(row),
      runs: row.runs.done,
      rests_on: row.provenance,
    };
    for (const [i, { metric }] of this.#metrics.entries()) {
      if (this.#isReported(row, metric)) values[this.#keys[i]] = cellOf(cells[metric]);
    }
    return { cells: values, ...(row.router === this.#result.baseline ? { style: "reference" } : {}) };
  }

  /** False for a figure that other routers report of themselves: no row but theirs has one. */
  #isReported({ metrics }: ResultRow, metric: string): boolean {
    return (
      metrics[metric] !== undefined || this.#result.rows.every((row) => row.metrics[metric] === undefined)
    );
  }

  /** The paper's figures of each router, once for all points; none where the paper gives none. */
  paperRows(rows: MetricTable["rows"]): Row[] {
    const first = new Map(rows.toReversed().map((row) => [row.row.router, row]));
    return [...new Set(rows.map(({ row }) => row.router))].flatMap((router): Row[] => {
      const { cells } = first.get(router) as MetricTable["rows"][number];
      const papers = this.#metrics.map(({ metric }) => cells[metric].paper ?? null);
      if (papers.every((paper) => paper === null)) return [];
      const values: Record<string, Cell> = { router, [pointKey(this.#labels[0])]: "published" };
      for (const [i, paper] of papers.entries()) if (paper !== null) values[this.#keys[i]] = paper;
      return [{ cells: values, style: "paper" }];
    });
  }
}

function cellOf({ value, ci95, paper, verdict, reason }: MetricCell): Cell {
  return {
    value,
    ...(ci95 === null ? {} : { ci: ci95 }),
    ...(paper === undefined ? {} : { paper }),
    ...(verdict === undefined ? {} : { verdict }),
    ...(value === null && reason !== undefined ? { reason } : {}),
  };
}

/** Names for machines: the metric's where the value is in the metric's unit. */
function keysOf(columns: readonly MetricColumn[], ratio: boolean): string[] {
  const taken = new Set<string>();
  return columns.map(({ metric, factor, unit }) => {
    const suffix = ratio ? "_ratio" : factor === 1 ? "" : `_${unitWord(unit)}`;
    let key = metric + suffix;
    for (let i = 2; taken.has(key); i++) key = `${metric}${suffix}_${i}`;
    taken.add(key);
    return key;
  });
}

function unitWord(unit: string): string {
  const word = unit
    .replace("%", "percent")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_");
  return word.replace(/^_+|_+$/g, "") || "scaled";
}

/** What is shown (said once), what a number is, and what the comparison comes to. */
function captionOf(result: ExperimentResult, table: MetricTable, isFirst: boolean, ratios: boolean): string {
  const sentences = [
    table.caption,
    isFirst ? result.description : null,
    ...epochHeaders(result),
    runsText(result, table),
    verdictCounts(table, ratios),
  ];
  return sentences
    .filter((text) => text !== undefined && text !== null)
    .map((text) => (/[.!?]$/.test(text) ? text : `${text}.`))
    .join(" ");
}

function runsText(result: ExperimentResult, { rows }: MetricTable): string {
  const points = result.provenance.points.map(({ seeds, starts }) => {
    const parts = [`${seeds.length} ${seeds.length === 1 ? "seed" : "seeds"}`];
    if (starts.length > 1) parts.push(`${starts.length} start times`);
    return parts.join(" x ");
  });
  const runs = [...new Set(rows.map(({ row }) => row.runs.done))];
  const same = runs.length === 1 && new Set(points).size === 1;
  if (same && runs[0] === 1) return "One run each, without interval";
  const each = same
    ? `${runs[0]} runs each (${points[0]})`
    : `${Math.min(...runs)} to ${Math.max(...runs)} runs each`;
  const several = (of: "seeds" | "starts") => result.provenance.points.some((point) => point[of].length > 1);
  const over =
    several("seeds") && several("starts")
      ? ", seeds and start times resampled apart"
      : several("starts")
        ? " over the start times, for one seed"
        : "";
  return `Means of ${each} with the 95 % interval of the mean${over}`;
}
