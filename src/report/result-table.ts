/** From a result to the tables that its experiment asks for. */
import type { TableConfig } from "../experiment/output-schema.ts";
import type { ExperimentResult, ResultRow } from "../experiment/result.ts";
import { defaultTable, type MetricCell, type MetricColumn, metricTable } from "../experiment/result-rows.ts";
import { formatSignificant } from "./format-number.ts";
import type { Cell, Column, Row, Table } from "./table.ts";

/** The tables of an experiment; one of the chief metrics where it asks for none. */
export function resultTables(result: ExperimentResult, configs: readonly TableConfig[]): Table[] {
  const wanted = configs.length === 0 ? [defaultTable(result)] : configs;
  return wanted.map((config) => resultTable(result, config));
}

function resultTable(result: ExperimentResult, config: TableConfig): Table {
  const { title, caption, columns, rows } = metricTable(result, config);
  const shown = rows.map(({ row }) => row);
  const labels = [...new Set(shown.flatMap((row) => Object.keys(row.point)))];
  const keys = keysOf(columns, config.ratioTo !== undefined);
  const metrics = columns.map((column, i) => tableColumn(column, keys[i], config.ratioTo));
  return {
    title,
    caption: [caption, meaningOf(result, shown)].filter((text) => text !== undefined).join(" "),
    columns: [
      ...labels.map((label): Column => ({ key: `point:${label}`, header: label, rowHeader: true })),
      { key: "router", header: "router", rowHeader: true },
      ...metrics,
      { key: "rests_on", header: "rests on" },
    ],
    rows: rows.map(({ row, cells }) => tableRow(row, labels, columns, keys, cells, result.baseline)),
    notes: notesOf(result, shown, new Set(columns.map(({ metric }) => metric))),
  };
}

function tableRow(
  row: ResultRow,
  labels: readonly string[],
  columns: readonly MetricColumn[],
  keys: readonly string[],
  cells: Readonly<Record<string, MetricCell>>,
  baseline: string,
): Row {
  const values: Record<string, Cell> = { router: row.router, rests_on: row.provenance };
  for (const label of labels) {
    const value = row.point[label];
    values[`point:${label}`] =
      value === undefined ? null : typeof value === "string" ? value : JSON.stringify(value);
  }
  for (const [i, { metric }] of columns.entries()) {
    const { value, ci95, paper, verdict, reason } = cells[metric];
    values[keys[i]] = {
      value,
      ...(ci95 === null ? {} : { ci: ci95 }),
      ...(paper === undefined ? {} : { paper }),
      ...(verdict === undefined ? {} : { verdict }),
      ...(value === null && reason !== undefined ? { reason } : {}),
    };
  }
  return { cells: values, ...(row.router === baseline ? { style: "reference" } : {}) };
}

function tableColumn({ header, metric, unit, digits }: MetricColumn, key: string, ratioTo?: string): Column {
  const shown = ratioTo === undefined ? unit : "";
  // A metric's own name ends in its unit.
  const bare = header === metric && key === metric;
  return {
    key,
    header,
    ...(shown === "" || bare ? {} : { unit: shown }),
    ...(digits === undefined ? {} : { digits }),
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

/** What a number of the table is. */
function meaningOf(result: ExperimentResult, rows: readonly ResultRow[]): string | undefined {
  const counts = [...new Set(rows.map(({ runs }) => runs.done))];
  const [point] = result.provenance.points;
  const seeds = point.seeds.length;
  const starts = point.starts.length;
  const of = [
    `${seeds} ${seeds === 1 ? "seed" : "seeds"}`,
    ...(starts > 1 ? [`${starts} start times`] : []),
  ].join(" x ");
  if (counts.length !== 1 || counts[0] !== seeds * Math.max(1, starts)) return `Mean over the runs of ${of}.`;
  return counts[0] === 1
    ? "One run; no interval."
    : `Mean over ${counts[0]} runs (${of}) with the 95 % interval of the mean in brackets.`;
}

function notesOf(
  result: ExperimentResult,
  rows: readonly ResultRow[],
  metrics: ReadonlySet<string>,
): string[] {
  const incomplete = rows
    .filter(({ runs }) => runs.done < runs.planned)
    .map(({ router, runs }) => `${router}: only ${runs.done} of ${runs.planned} runs ended`);
  const ratios =
    rows.some(({ verdict }) => Object.keys(verdict).some((metric) => metrics.has(metric))) &&
    `Verdicts are of the ratio to ${result.baseline} where the paper gives both, else of the value: agrees within 20 % of the paper's.`;
  return [
    ...incomplete,
    ...(ratios === false ? [] : [ratios]),
    ...ranksOf(result, metrics),
    ...incomparables(rows, metrics),
    ...sharedNotes(rows),
    ...new Set(result.provenance.points.flatMap(({ notes }) => notes)),
  ].filter((note, i, all) => all.indexOf(note) === i);
}

function ranksOf(result: ExperimentResult, metrics: ReadonlySet<string>): string[] {
  const several = result.ranks.length > 1;
  return result.ranks.flatMap(({ point, ranks }) => {
    const shown = ranks.filter(({ metric, tau }) => metrics.has(metric) && tau !== null);
    if (shown.length === 0) return [];
    const where = several ? ` at ${Object.values(point).map(String).join(", ")}` : "";
    const list = shown.map(
      ({ metric, tau, systems }) => `${metric} ${formatSignificant(tau ?? 0, 2)} (${systems.length} routers)`,
    );
    return [`Order of the routers against the paper's, Kendall's tau${where}: ${list.join(", ")}`];
  });
}

/** The arithmetic behind every `not comparable`, routers of one reason together. */
function incomparables(rows: readonly ResultRow[], metrics: ReadonlySet<string>): string[] {
  return rows.flatMap(({ comparison }) =>
    comparison
      .filter(
        ({ metric, verdict, absoluteVerdict }) =>
          metrics.has(metric) && (verdict === "not comparable" || absoluteVerdict === "not comparable"),
      )
      .map(({ system, metric, note }) => `${metric} of ${system} is not comparable: ${note}`),
  );
}

/** Notes of all rows once, those of single rows under the router's name. */
function sharedNotes(rows: readonly ResultRow[]): string[] {
  const byNote = new Map<string, Set<string>>();
  for (const { router, notes } of rows) {
    for (const note of notes) byNote.set(note, (byNote.get(note) ?? new Set()).add(router));
  }
  const all = new Set(rows.map(({ router }) => router)).size;
  return [...byNote].map(([note, routers]) =>
    routers.size === all ? note : `${[...routers].join(", ")}: ${note}`,
  );
}
