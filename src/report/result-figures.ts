/** From a result to the figures that its experiment asks for, as SVG. Plot is loaded only when one is drawn. */
import type { FigureConfig } from "../experiment/output-schema.ts";
import type { ExperimentResult, ResultRow } from "../experiment/result.ts";
import { samePoint } from "../experiment/result-rows.ts";
import { metricInfo } from "../metrics/metric-catalogue.ts";
import { arrivalFigures, epochFigures } from "./epoch-figures.ts";
import { type Drawing, FigureContext, nameOf, scaled } from "./figure-context.ts";
import type { Better, ScatterPoint } from "./figures/scatter.ts";
import { metricLabel, pointText } from "./result-names.ts";
import { seriesFigures } from "./series-figures.ts";
import { sweepFigures } from "./sweep-figures.ts";
import { timelineFigures } from "./timeline-figures.ts";

export interface ResultFigure {
  /** For the file's name: small letters, digits, dots and dashes; different for each figure of a result. */
  readonly name: string;
  readonly svg: string;
}

/**
 * The figures of an experiment, in its order; one that is of a single point is drawn for each point. A figure for which
 * the result has no numbers is left out.
 */
export async function resultFigures(
  result: ExperimentResult,
  configs: readonly FigureConfig[] = result.outputs.figures,
): Promise<ResultFigure[]> {
  const context = new FigureContext(result);
  const drawn: ResultFigure[] = [];
  const taken = new Set<string>();
  for (const config of configs) {
    for (const { suffix, svg } of await drawKind(config, context)) {
      const base = slug(`${config.title} ${suffix}`);
      let name = base;
      for (let i = 2; taken.has(name); i++) name = `${base}-${i}`;
      taken.add(name);
      drawn.push({ name, svg });
    }
  }
  return drawn;
}

/** What is said of the figures that an experiment asks for and that are not among the files of its result. */
export function undrawnNotes(
  { outputs }: Pick<ExperimentResult, "outputs">,
  files: readonly string[],
): string[] {
  return outputs.figures.flatMap(({ title }) =>
    files.some((name) => name.startsWith(`figure-${slug(title)}`))
      ? []
      : [`no figure "${title}": no row has the values that it shows`],
  );
}

function drawKind(config: FigureConfig, context: FigureContext): Promise<Drawing[]> {
  switch (config.kind) {
    case "scatter":
      return context.forEachPoint((rows, where) => scatter(config, rows, where, context));
    case "percentiles":
      return context.forEachPoint((rows, where) => percentiles(config, rows, where, context));
    case "bars":
      return bars(config, context);
    case "sweep":
      return sweepFigures(config, context);
    case "timeline":
      return timelineFigures(config, context);
    case "series":
      return seriesFigures(config, context);
    case "epochs":
      return epochFigures(config, context);
    case "arrivals":
      return arrivalFigures(config, context);
  }
}

type ScatterConfig = Extract<FigureConfig, { kind: "scatter" }>;

/** A router's place under one metric. */
interface Place {
  readonly value: number;
  readonly ci: readonly [number, number] | null;
  /** Undefined where the paper gives none, or none that can be compared. */
  readonly paper: number | undefined;
}

async function scatter(
  config: ScatterConfig,
  rows: readonly ResultRow[],
  where: string,
  context: FigureContext,
): Promise<string | undefined> {
  const { scatterFigure } = await import("./figures/scatter.ts");
  const { ratioTo } = config;
  const base = rows.find(({ router }) => router === ratioTo);
  const place = (row: ResultRow, metric: string) =>
    base === undefined ? absolutePlace(row, metric, context) : ratioPlace(row, metric, base, context);
  const points = rows.flatMap((row) => {
    const [x, y] = [place(row, config.x), place(row, config.y)];
    if (x === undefined || y === undefined) return [];
    return [
      {
        ...nameOf(row),
        x: x.value,
        y: y.value,
        ...(x.ci === null ? {} : { xCi: x.ci }),
        ...(y.ci === null ? {} : { yCi: y.ci }),
        ...(x.paper === undefined || y.paper === undefined ? {} : { paper: { x: x.paper, y: y.paper } }),
        ...rolesOf(row, context),
      },
    ];
  });
  if (points.length === 0) return undefined;
  const axis = (metric: string) =>
    base === undefined
      ? context.axis(metric)
      : { label: `${metricLabel(metric, context.result)}, relative to ${ratioTo}` };
  return scatterFigure({
    title: config.title,
    subtitle: context.subtitle(where, context.intervals("bars")),
    notes: context.notes(rows),
    x: axis(config.x),
    y: axis(config.y),
    points,
    better: { x: betterOf(config.x), y: betterOf(config.y) },
    ...(base === undefined ? {} : { reference: { x: 1, y: 1 } }),
  });
}

function betterOf(metric: string): Better {
  return metricInfo(metric)?.better ?? "neither";
}

/** What decides whether a row is named among many. */
function rolesOf(
  { router, about }: ResultRow,
  { result }: FigureContext,
): Pick<ScatterPoint, "isReference" | "isClairvoyant" | "group"> {
  return {
    isReference: router === result.baseline || about.group === "reference",
    isClairvoyant: about.clairvoyant,
    group: about.group,
  };
}

function absolutePlace(row: ResultRow, metric: string, context: FigureContext): Place | undefined {
  const summary = row.metrics[metric];
  if (summary === undefined || summary.mean === null) return undefined;
  const { factor } = context.axis(metric);
  const figure = row.comparison.find((entry) => entry.metric === metric && entry.paper !== null);
  const comparable = figure !== undefined && figure.absoluteVerdict !== "not comparable";
  return {
    value: summary.mean * factor,
    ci: scaled(summary.ci95, factor),
    paper: comparable ? (figure.paper ?? 0) * factor : undefined,
  };
}

function ratioPlace(
  row: ResultRow,
  metric: string,
  base: ResultRow,
  { result }: FigureContext,
): Place | undefined {
  const value = row.metrics[metric]?.mean ?? null;
  const divisor = base.metrics[metric]?.mean ?? null;
  if (value === null || divisor === null || !(divisor > 0)) return undefined;
  const [paper, paperBase] = [row.published[metric], base.published[metric]];
  // Intervals of ratios are known for the experiment's own baseline alone.
  const difference = base.router === result.baseline ? row.differences[metric] : undefined;
  return {
    value: value / divisor,
    ci: difference?.ratioCi95 ?? null,
    paper: row === base || paper === undefined || !(paperBase > 0) ? undefined : paper / paperBase,
  };
}

const PERCENTILES = [
  [0.5, "p50"],
  [0.9, "p90"],
  [0.95, "p95"],
  [0.99, "p99"],
  [0.999, "p999"],
] as const;

async function percentiles(
  config: Extract<FigureConfig, { kind: "percentiles" }>,
  rows: readonly ResultRow[],
  where: string,
  context: FigureContext,
): Promise<string | undefined> {
  const { percentilesFigure } = await import("./figures/percentiles.ts");
  const { points } = context.result.provenance;
  const setting = points.find(({ point }) => pointText(point) === pointText(rows[0].point)) ?? points[0];
  const bound = setting.latency === config.of;
  const published = (row: ResultRow, name: string) =>
    row.published[`${config.of}_${name}_s`] ??
    (bound ? row.published[`latency_${name}_s`] : undefined) ??
    null;
  const series = rows.map((row) => {
    const paper = PERCENTILES.map(([, name]) => published(row, name));
    return {
      ...nameOf(row),
      values: PERCENTILES.map(([, name]) => row.metrics[`${config.of}_${name}_s`]?.mean ?? null),
      ci: PERCENTILES.map(([, name]) => row.metrics[`${config.of}_${name}_s`]?.ci95 ?? null),
      ...(paper.every((value) => value === null) ? {} : { paper }),
    };
  });
  if (series.every(({ values }) => values.every((value) => value === null))) return undefined;
  const limits = bound
    ? setting.tiers.map(({ name, sloS }) => ({ value: sloS, label: `objective ${name}` }))
    : [];
  return percentilesFigure({
    title: config.title,
    subtitle: context.subtitle(where, context.intervals("bars")),
    notes: context.notes(rows),
    percentiles: PERCENTILES.map(([quantile]) => quantile),
    y: { label: config.of === "ttft" ? "time to first token" : "time to last token", unit: "s" },
    series,
    limits,
  });
}

async function bars(
  config: Extract<FigureConfig, { kind: "bars" }>,
  context: FigureContext,
): Promise<Drawing[]> {
  const { barsFigure } = await import("./figures/bars.ts");
  const { rows } = context.result;
  const places = [...new Set(rows.map(({ point }) => pointText(point)))];
  const routers = [...new Map(rows.map((row) => [row.router, row])).values()];
  const { ratioTo } = config;
  const { factor: _, ...absolute } = context.axis(config.metric);
  const x = ratioTo === undefined ? absolute : { label: `${absolute.label}, relative to ${ratioTo}` };
  const placeOf = (row: ResultRow) => {
    if (ratioTo === undefined) return absolutePlace(row, config.metric, context);
    const base = rows.find((other) => other.router === ratioTo && samePoint(other, row));
    return base === undefined ? undefined : ratioPlace(row, config.metric, base, context);
  };
  const series = places.map((where) => ({
    id: where === "" ? config.metric : where,
    bars: routers.map(({ router }) => {
      const row = rows.find((other) => other.router === router && pointText(other.point) === where);
      const place = row === undefined ? undefined : placeOf(row);
      return {
        value: place?.value ?? null,
        ...(place === undefined || place.ci === null ? {} : { ci: place.ci }),
        ...(place?.paper === undefined ? {} : { paper: place.paper }),
      };
    }),
  }));
  const svg = await barsFigure({
    title: config.title,
    subtitle: context.subtitle("", context.intervals("whiskers")),
    notes: context.notes(rows),
    categories: routers.map(nameOf),
    series,
    x,
  });
  return [{ suffix: "", svg }];
}

function slug(text: string): string {
  return text
    .toLowerCase()
    .normalize("NFKD")
    .replace(/[^a-z0-9.]+/g, "-")
    .replace(/^[-.]+|[-.]+$/g, "");
}
