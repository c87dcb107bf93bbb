/** From results to the data of a report's page. */
import { readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import type { ExperimentResult, ResultRow } from "../../experiment/result.ts";
import { METRICS, metricInfo } from "../../metrics/metric-catalogue.ts";
import { PROVENANCES } from "../../profile/provenance.ts";
import { listRouters } from "../../routers/registry.ts";
import { assignStyles, symbolPath } from "../figures/style.ts";
import { foundationNotes } from "../foundation-notes.ts";
import { metricLabel, pointText, readingUnit } from "../result-names.ts";
import type { FoundResult, FoundTables } from "./find-results.ts";
import { commandFacts, manifestFacts } from "./manifest-facts.ts";
import type {
  NumberColumn,
  ReportComparisons,
  ReportData,
  ReportMetric,
  ReportResult,
  ReportRouter,
  ReportSheet,
} from "./report-data.ts";
import { curvesOf, timelineOf } from "./series-data.ts";

/** Rows whose latency curves a page holds at most: a curve takes as much room as 200 figures. */
const CURVE_ROWS = 1000;
/** Time series that a page holds at most. */
const TIMELINES = 200;
/** Points of a result whose setting is described one by one. */
const DESCRIBED_POINTS = 24;
/** Values of a parameter that a router's section names. */
const SHOWN_VALUES = 4;
/** Significant digits: more than any table shows. */
const DIGITS = 5;

/**
 * The data of a report; the same for the same results in the same places.
 *
 * @param home folder of the report, that links are relative to
 */
export function buildReportData(
  found: readonly FoundResult[],
  home: string,
  tables: readonly FoundTables[] = [],
): ReportData {
  const rows = found.flatMap(({ result }, place) => result.rows.map((row) => ({ row, place })));
  const routers = new RouterTable();
  const routerOf = rows.map(({ row }) => routers.add(row));
  const metrics = metricsOf(rows.map(({ row }) => row));
  const metricPlace = new Map(metrics.map(({ name }, i) => [name, i]));
  const texts = rows.map(({ row }) => pointText(row.point));
  const pointPlaces = found.map(() => new Map<string, number>());
  const pointOfRow = rows.map(({ place }, i) => {
    const places = pointPlaces[place];
    const known = places.get(texts[i]) ?? places.size;
    places.set(texts[i], known);
    return known;
  });
  const curves = rows.flatMap(({ row }, i) => (row.percentiles.quantiles.length > 0 ? [i] : []));
  const timelines = rows.flatMap(({ row }, i) => (row.timeline === null ? [] : [i]));
  const column = (pick: (row: ResultRow) => number | null | undefined): NumberColumn =>
    withoutTail(rows.map(({ row }) => rounded(pick(row))));
  return {
    schema: "canopy/report/1",
    tool: toolText(),
    results: found.map((one, place) => ({
      ...resultOf(one, home, [...pointPlaces[place].keys()]),
      ranks: one.result.ranks.flatMap(({ point, ranks }) =>
        ranks.flatMap(({ metric, tau }) => {
          const at = metricPlace.get(metric);
          return at === undefined
            ? []
            : [[pointPlaces[place].get(pointText(point)) ?? 0, at, rounded(tau)] as const];
        }),
      ),
    })),
    routers: routers.list(),
    metrics,
    provenances: PROVENANCES,
    rows: {
      result: rows.map(({ place }) => place),
      router: routerOf,
      label: rows.map(({ row }) => row.router),
      point: pointOfRow,
      provenance: rows.map(({ row }) => (PROVENANCES as readonly string[]).indexOf(row.provenance)),
      done: rows.map(({ row }) => row.runs.done),
      planned: rows.map(({ row }) => row.runs.planned),
      notes: rows.map(({ row }) => row.notes.join("; ")),
      mean: metrics.map(({ name }) => column(({ metrics: own }) => own[name]?.mean)),
      low: metrics.map(({ name }) => column(({ metrics: own }) => own[name]?.ci95?.[0])),
      high: metrics.map(({ name }) => column(({ metrics: own }) => own[name]?.ci95?.[1])),
    },
    comparisons: comparisonsOf(
      rows.map(({ row }) => row),
      metricPlace,
    ),
    curves: curvesOf(
      rows.map(({ row }) => row),
      curves.slice(0, CURVE_ROWS),
    ),
    timelines: timelines.slice(0, TIMELINES).map((i) => timelineOf(rows[i].row, i)),
    sheets: tables.map((one) => sheetOf(one, home)),
    omitted: [
      ...leftOut("Latency curves", curves.length, CURVE_ROWS),
      ...leftOut("Time series", timelines.length, TIMELINES),
    ],
  };
}

function leftOut(what: string, there: number, kept: number): string[] {
  return there <= kept
    ? []
    : [`${what} are shown for the first ${kept} of ${there} rows: make a report of fewer results.`];
}

/** The metrics that rows have: those of the catalogue in its order, then the others. */
function metricsOf(rows: readonly ResultRow[]): ReportMetric[] {
  const known = new Set<string>();
  for (const { metrics } of rows) {
    for (const name in metrics) if (metrics[name].mean !== null) known.add(name);
  }
  const order = new Map(METRICS.map((info, i) => [info, i]));
  const rankOf = (name: string) => order.get(metricInfo(name) as (typeof METRICS)[number]) ?? METRICS.length;
  return [...known]
    .sort((a, b) => rankOf(a) - rankOf(b))
    .map((name) => {
      const info = metricInfo(name);
      return {
        name,
        // The unit stands beside it.
        label: metricLabel(name).replace(/ tok s$/, ""),
        ...readingUnit(name),
        better: info?.better ?? "neither",
        description: info?.description ?? "a figure that the router reports",
      };
    });
}

function resultOf(
  { folder, result, manifest, files }: FoundResult,
  home: string,
  points: readonly string[],
): Omit<ReportResult, "ranks"> {
  return {
    experiment: result.experiment,
    description: result.description ?? "",
    paper: result.paper ?? "",
    baseline: result.baseline,
    points,
    notes: notesOf(result),
    facts: manifestFacts(result, manifest),
    inputs: manifest?.inputs ?? [],
    files: linksTo(folder, files, home),
  };
}

function sheetOf({ folder, content, manifest, files, figures }: FoundTables, home: string): ReportSheet {
  const { by, title, tables } = content;
  return {
    by,
    title,
    folder: relative(home, folder) || ".",
    tables,
    figures: figures.map(({ title: name, svg }) => [name, svg]),
    facts: commandFacts(manifest),
    files: linksTo(folder, files, home),
  };
}

function linksTo(folder: string, files: readonly string[], home: string): (readonly [string, string])[] {
  return files.map((name) => [name, linkTo(join(folder, name), home)] as const);
}

/** What the numbers rest on; of many points the first ones alone, and a sentence that says so. */
function notesOf(result: ExperimentResult): string[] {
  const { points } = result.provenance;
  const shown = new Set(result.rows.flatMap(({ comparison }) => comparison.map(({ metric }) => metric)));
  if (points.length <= DESCRIBED_POINTS) return foundationNotes(result, shown);
  const kept = points.slice(0, DESCRIBED_POINTS);
  const texts = new Set(kept.map(({ point }) => pointText(point)));
  const part = {
    ...result,
    rows: result.rows.filter(({ point }) => texts.has(pointText(point))),
    provenance: { ...result.provenance, points: kept },
  };
  return [
    `Of ${points.length} points the first ${kept.length} are described:`,
    ...foundationNotes(part, shown),
  ];
}

/** A relative link; `./` before it keeps a colon in a name from being read as a scheme. */
function linkTo(path: string, home: string): string {
  const parts = relative(home, path).split(sep).map(encodeURIComponent);
  return parts[0] === ".." ? parts.join("/") : `./${parts.join("/")}`;
}

function comparisonsOf(
  rows: readonly ResultRow[],
  metricPlace: ReadonlyMap<string, number>,
): ReportComparisons {
  const entries = rows.flatMap(({ comparison }, row) =>
    comparison.flatMap((entry) => {
      const metric = metricPlace.get(entry.metric);
      return metric === undefined ? [] : [{ row, metric, entry }];
    }),
  );
  return {
    row: entries.map(({ row }) => row),
    metric: entries.map(({ metric }) => metric),
    paper: entries.map(({ entry }) => rounded(entry.paper)),
    run: entries.map(({ entry }) => rounded(entry.run)),
    against: entries.map(({ entry }) => entry.baseline ?? ""),
    ratioPaper: entries.map(({ entry }) => rounded(entry.ratioToBaselinePaper)),
    ratioRun: entries.map(({ entry }) => rounded(entry.ratioToBaselineRun)),
    verdict: entries.map(({ entry }) => entry.verdict),
    note: entries.map(({ entry }) => entry.note),
  };
}

type About = ResultRow["about"];

/** Routers by what they are: the same id of another source is another router. */
class RouterTable {
  readonly #places = new Map<string, number>();
  readonly #entries: { id: string; about: About; values: Map<string, Set<string>> }[] = [];

  add({ id, about, parameters }: ResultRow): number {
    const key = JSON.stringify([id, about.family, about.status, about.source]);
    let place = this.#places.get(key);
    if (place === undefined) {
      place = this.#entries.length;
      this.#places.set(key, place);
      this.#entries.push({ id, about, values: new Map() });
    }
    const { values } = this.#entries[place];
    for (const name in parameters) {
      const seen = values.get(name) ?? new Set();
      if (seen.size <= SHOWN_VALUES) seen.add(JSON.stringify(parameters[name]));
      values.set(name, seen);
    }
    return place;
  }

  list(): ReportRouter[] {
    const styles = assignStyles(
      this.#entries.map(({ id, about }) => ({
        id,
        ...(about.family === "user" ? {} : { family: about.family }),
      })),
    );
    const summaries = new Map(listRouters().map((router) => [router.id, router]));
    return this.#entries.map(({ id, about, values }, i) => {
      const known = summaries.get(id);
      return {
        id,
        family: about.family,
        group: about.group,
        status: about.status,
        source: about.source,
        summary: known?.source === about.source ? known.summary : "",
        clairvoyant: about.clairvoyant,
        ablationOf: about.ablationOf ?? "",
        colour: styles[i].colour,
        mark: symbolPath(styles[i].symbol, 5),
        parameters: [...values].map(([name, seen]) => {
          const shown = [...seen].slice(0, SHOWN_VALUES).join(" or ");
          return [name, seen.size > SHOWN_VALUES ? `${shown} or others` : shown] as const;
        }),
      };
    });
  }
}

function rounded(value: number | null | undefined): number | null {
  return value === null || value === undefined || !Number.isFinite(value)
    ? null
    : Number(value.toPrecision(DIGITS));
}

/** Without the nulls at the end, which readers take for granted: a column that no row has is empty. */
function withoutTail(column: NumberColumn): NumberColumn {
  let length = column.length;
  while (length > 0 && column[length - 1] === null) length--;
  return length === column.length ? column : column.slice(0, length);
}

function toolText(): string {
  const text = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  const { name, version } = JSON.parse(text) as { name: string; version: string };
  return `${name} ${version}`;
}
