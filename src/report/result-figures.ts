/** From a result to the figures that its experiment asks for, as SVG. Plot is loaded only when one is drawn. */
import type { ExperimentPlan } from "../experiment/expand.ts";
import type { PlainValue } from "../experiment/located-tree.ts";
import type { FigureConfig, TableConfig } from "../experiment/output-schema.ts";
import { trackOf } from "../experiment/resolve-signals.ts";
import type { ExperimentResult, ResultRow } from "../experiment/result.ts";
import { metricInfo } from "../metrics/metric-catalogue.ts";
import type { Track } from "../signal/series.ts";

export interface ResultFigure {
  /** For the file's name: small letters, digits and dashes; different for each figure of a result. */
  readonly name: string;
  readonly svg: string;
}

/** The figures of an experiment, in its order; one that is of a single point is drawn for each point. */
export async function resultFigures(result: ExperimentResult, plan: ExperimentPlan): Promise<ResultFigure[]> {
  const { figures, tables } = plan.points[0].point.experiment.outputs;
  const context = new FigureContext(result, plan, tables);
  const drawn: ResultFigure[] = [];
  const taken = new Set<string>();
  for (const config of figures) {
    for (const { suffix, svg } of await drawKind(config, context)) {
      const base = slug(`${config.title}${suffix}`);
      let name = base;
      for (let i = 2; taken.has(name); i++) name = `${base}-${i}`;
      taken.add(name);
      drawn.push({ name, svg });
    }
  }
  return drawn;
}

interface Drawing {
  readonly suffix: string;
  readonly svg: string;
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
      return sweep(config, context);
    case "timeline":
      return config.of === "shares" ? shares(config, context) : carbon(config, context);
  }
}

/** What the drawings have in common. */
class FigureContext {
  readonly result: ExperimentResult;
  readonly plan: ExperimentPlan;
  readonly #tables: readonly TableConfig[];

  constructor(result: ExperimentResult, plan: ExperimentPlan, tables: readonly TableConfig[]) {
    this.result = result;
    this.plan = plan;
    this.#tables = tables;
  }

  /** Rows of each point; `where` is empty when there is one point only. */
  async forEachPoint(
    draw: (rows: readonly ResultRow[], where: string) => Promise<string>,
  ): Promise<Drawing[]> {
    const points = [...new Set(this.result.rows.map((row) => row.point))];
    const drawings: Drawing[] = [];
    for (const point of points) {
      const where = points.length === 1 ? "" : pointText(point);
      const svg = await draw(
        this.result.rows.filter((row) => row.point === point),
        where,
      );
      drawings.push({ suffix: where === "" ? "" : ` ${where}`, svg });
    }
    return drawings;
  }

  /** A metric as an axis: the name that a table of the experiment gives it, or one made of its own. */
  axis(metric: string): { label: string; unit?: string } {
    const headers = this.#tables.flatMap(({ columns }) =>
      columns.flatMap((column) =>
        typeof column === "object" && column.metric === metric && column.header !== undefined
          ? [column.header]
          : [],
      ),
    );
    const unit = metricInfo(metric)?.unit ?? "";
    return { label: headers[0] ?? readableName(metric), ...(unit === "" ? {} : { unit }) };
  }

  subtitle(where: string, ...more: string[]): string {
    const { provenance } = this.result;
    const [{ seeds, starts, signal }] = provenance.points;
    const runs = `${seeds.length} ${seeds.length === 1 ? "seed" : "seeds"}${starts.length > 1 ? ` x ${starts.length} start times` : ""}`;
    return [this.result.experiment, where, runs, `${signal} carbon intensity`, ...more]
      .filter((text) => text !== "")
      .join(", ");
  }

  /** What the rows rest on. */
  notes(rows: readonly ResultRow[]): string[] {
    const words = [...new Set(rows.map(({ provenance }) => provenance))];
    return [
      `Profiles: ${words.join(", ")}.`,
      ...new Set(this.result.provenance.points.flatMap(({ notes }) => notes)),
    ];
  }
}

async function scatter(
  config: Extract<FigureConfig, { kind: "scatter" }>,
  rows: readonly ResultRow[],
  where: string,
  context: FigureContext,
): Promise<string> {
  const { scatterFigure } = await import("./figures/scatter.ts");
  const points = rows.flatMap((row) => {
    const x = row.metrics[config.x];
    const y = row.metrics[config.y];
    if (x === undefined || y === undefined || x.mean === null || y.mean === null) return [];
    const paper = paperPoint(row, config.x, config.y);
    return [
      {
        ...nameOf(row),
        x: x.mean,
        y: y.mean,
        ...(x.ci95 === null ? {} : { xCi: x.ci95 }),
        ...(y.ci95 === null ? {} : { yCi: y.ci95 }),
        ...(paper === undefined ? {} : { paper }),
      },
    ];
  });
  return scatterFigure({
    title: config.title,
    subtitle: context.subtitle(where, "bars: 95 % intervals"),
    notes: context.notes(rows),
    x: context.axis(config.x),
    y: context.axis(config.y),
    points,
  });
}

/** The paper's point, where both of its values may be compared with the run's. */
function paperPoint(row: ResultRow, x: string, y: string): { x: number; y: number } | undefined {
  const comparable = (metric: string) =>
    row.comparison.some((entry) => entry.metric === metric && entry.absoluteVerdict === "not comparable")
      ? undefined
      : row.published[metric];
  const [px, py] = [comparable(x), comparable(y)];
  return px === undefined || py === undefined ? undefined : { x: px, y: py };
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
): Promise<string> {
  const { percentilesFigure } = await import("./figures/percentiles.ts");
  const { tiers, latency } = context.plan.points[0].point.experiment;
  const bound = latency === config.of;
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
  const limits = bound
    ? (tiers ?? []).flatMap(({ name, sloS }) =>
        typeof sloS === "number" ? [{ value: sloS, label: name }] : [],
      )
    : [];
  return percentilesFigure({
    title: config.title,
    subtitle: context.subtitle(where, "bars: 95 % intervals"),
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
  const points = [...new Set(rows.map(({ point }) => point))];
  const routers = [...new Map(rows.map((row) => [row.router, row])).values()];
  const series = points.map((point, i) => ({
    id: points.length === 1 ? config.metric : pointText(point) || `point ${i + 1}`,
    bars: routers.map(({ router }) => {
      const row = rows.find((other) => other.router === router && other.point === point);
      const summary = row?.metrics[config.metric];
      const paper = row?.published[config.metric];
      return {
        value: summary?.mean ?? null,
        ...(summary?.ci95 == null ? {} : { ci: summary.ci95 }),
        ...(paper === undefined ? {} : { paper }),
      };
    }),
  }));
  const svg = await barsFigure({
    title: config.title,
    subtitle: context.subtitle("", "whiskers: 95 % intervals"),
    notes: context.notes(rows),
    categories: routers.map(nameOf),
    series,
    x: context.axis(config.metric),
  });
  return [{ suffix: "", svg }];
}

/** A line for each router over one axis; the other labels of a point make figures of their own. */
async function sweep(
  config: Extract<FigureConfig, { kind: "sweep" }>,
  context: FigureContext,
): Promise<Drawing[]> {
  const { linesFigure } = await import("./figures/lines.ts");
  const others = (row: ResultRow) =>
    pointText(Object.fromEntries(Object.entries(row.point).filter(([label]) => label !== config.axis)));
  const drawings: Drawing[] = [];
  for (const other of new Set(context.result.rows.map(others))) {
    const rows = context.result.rows.filter(
      (row) => others(row) === other && typeof row.point[config.axis] === "number",
    );
    const series = [...new Set(rows.map(({ router }) => router))].map((router) => {
      const own = rows
        .filter((row) => row.router === router)
        .map((row) => ({ row, x: row.point[config.axis] as number, summary: row.metrics[config.metric] }))
        .sort((a, b) => a.x - b.x);
      const value = (of: (summary: (typeof own)[number]["summary"]) => number | null | undefined) =>
        own.map(({ summary }) => of(summary) ?? Number.NaN);
      return {
        ...nameOf(own[0].row),
        x: own.map(({ x }) => x),
        y: value((summary) => summary?.mean),
        low: value((summary) => summary?.ci95?.[0] ?? summary?.mean),
        high: value((summary) => summary?.ci95?.[1] ?? summary?.mean),
      };
    });
    const svg = await linesFigure({
      title: config.title,
      subtitle: context.subtitle(other, "ribbons: 95 % intervals"),
      notes: context.notes(rows),
      x: { label: config.axis },
      y: context.axis(config.metric),
      series,
    });
    drawings.push({ suffix: other === "" ? "" : ` ${other}`, svg });
  }
  return drawings;
}

/** Shares of the placements by group over the first run, a figure for each router. */
async function shares(
  config: Extract<FigureConfig, { kind: "timeline" }>,
  context: FigureContext,
): Promise<Drawing[]> {
  const { linesFigure } = await import("./figures/lines.ts");
  const several = context.result.rows.length > 1;
  const drawings: Drawing[] = [];
  for (const row of context.result.rows) {
    if (row.timeline === null) continue;
    const { widthSeconds, groups, counts } = row.timeline;
    const totals = counts[0]?.map((_, i) => counts.reduce((sum, of) => sum + of[i], 0)) ?? [];
    const where = [several ? row.router : "", pointText(row.point)].filter((text) => text !== "").join(" ");
    const svg = await linesFigure({
      title: config.title,
      subtitle: context.subtitle(where, `one run, placements of ${widthSeconds} s`),
      notes: context.notes([row]),
      x: { label: "time", unit: "s" },
      y: { label: "share of the placements", domain: [0, 1] },
      series: groups.map((id, g) => ({
        id,
        curve: "step-after" as const,
        x: totals.map((_, i) => i * widthSeconds),
        y: totals.map((total, i) => (total === 0 ? Number.NaN : counts[g][i] / total)),
      })),
      marks: false,
    });
    drawings.push({ suffix: where === "" ? "" : ` ${where}`, svg });
  }
  return drawings;
}

/** Carbon intensity of the regions over the first run of each point. */
async function carbon(
  config: Extract<FigureConfig, { kind: "timeline" }>,
  context: FigureContext,
): Promise<Drawing[]> {
  const { linesFigure } = await import("./figures/lines.ts");
  const drawings: Drawing[] = [];
  for (const { point, inputs } of context.plan.points) {
    const rows = context.result.rows.filter((row) => row.point === point.labels);
    const length = Math.max(1, ...rows.map(({ metrics }) => metrics["end_s"]?.mean ?? 0));
    const tracks = Object.entries(inputs.carbon).map(
      ([region, input]) =>
        [
          region,
          trackOf(input, context.plan.inputs, { start: inputs.starts[0], lengthSeconds: length }),
        ] as const,
    );
    const where = context.plan.points.length === 1 ? "" : pointText(point.labels);
    const hours = length > 7200;
    const svg = await linesFigure({
      title: config.title,
      subtitle: context.subtitle(where, "first start"),
      notes: context.notes(rows),
      x: { label: "time", unit: hours ? "h" : "s" },
      y: { label: "carbon intensity", unit: "g/kWh" },
      series: tracks.map(([id, track]) => ({
        id,
        curve: "step-after" as const,
        ...stepsOf(track, length, hours),
      })),
      marks: false,
    });
    drawings.push({ suffix: where === "" ? "" : ` ${where}`, svg });
  }
  return drawings;
}

/** The steps of a track within a run, the last one held to its end. */
function stepsOf(track: Track, lengthSeconds: number, hours: boolean): { x: number[]; y: number[] } {
  const x: number[] = [];
  const y: number[] = [];
  const scale = hours ? 1 / 3600 : 1;
  for (let i = 0; i < track.times.length && track.times[i] < lengthSeconds; i++) {
    const before = i + 1 < track.times.length && track.times[i + 1] <= 0;
    if (before) continue;
    x.push(Math.max(0, track.times[i]) * scale);
    y.push(track.values[i]);
  }
  x.push(lengthSeconds * scale);
  y.push(y[y.length - 1]);
  return { x, y };
}

function nameOf({ router, about }: ResultRow): { id: string; family?: string } {
  return { id: router, ...(about.family === "user" ? {} : { family: about.family }) };
}

function pointText(point: Readonly<Record<string, PlainValue>>): string {
  return Object.entries(point)
    .map(([label, value]) => {
      const text = typeof value === "string" ? value : JSON.stringify(value);
      return label === "point" ? text : `${label} ${text}`;
    })
    .join(", ");
}

/** `cost_usd_per_request` as `cost per request`: the unit stands beside it. */
function readableName(metric: string): string {
  return metric
    .replace(/_(s|j|g)$/, "")
    .replace(/_(usd|j|g)_per_/, "_per_")
    .replace(/_p999\b/, "_p99.9")
    .replaceAll("_", " ")
    .replace(/^ttft/, "TTFT")
    .replace(/^e2e/, "E2E");
}

function slug(text: string): string {
  return text
    .toLowerCase()
    .normalize("NFKD")
    .replace(/[^a-z0-9.]+/g, "-")
    .replace(/^[-.]+|[-.]+$/g, "");
}
