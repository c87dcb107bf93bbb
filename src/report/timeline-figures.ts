import type { FigureConfig } from "../experiment/output-schema.ts";
import type { ResultRow } from "../experiment/result.ts";
import type { RunTimeline } from "../experiment/run-spec.ts";
import type { Drawing, FigureContext } from "./figure-context.ts";

type TimelineConfig = Extract<FigureConfig, { kind: "timeline" }>;

/** Runs longer than this are drawn in hours. */
const LONG_SECONDS = 7200;

/** Time series of the first run: placements by group for each router, or the regions' carbon intensity at each point. */
export function timelineFigures(config: TimelineConfig, context: FigureContext): Promise<Drawing[]> {
  return config.of === "shares" ? shares(config, context) : carbon(config, context);
}

async function shares(config: TimelineConfig, context: FigureContext): Promise<Drawing[]> {
  const drawings: Drawing[] = [];
  for (const router of new Set(context.result.rows.map((row) => row.router))) {
    const drawn = await context.forEachPoint(async (rows, where) => {
      const row = rows.find((other) => other.router === router);
      return row?.timeline == null ? undefined : sharesOf(config, row, row.timeline, where, context);
    });
    drawings.push(...drawn.map(({ suffix, svg }) => ({ suffix: `${router} ${suffix}`, svg })));
  }
  return drawings;
}

async function sharesOf(
  config: TimelineConfig,
  row: ResultRow,
  timeline: RunTimeline,
  where: string,
  context: FigureContext,
): Promise<string> {
  const { linesFigure } = await import("./figures/lines.ts");
  const { widthSeconds, groups, counts } = timeline;
  const totals = (counts[0] ?? []).map((_, bucket) => counts.reduce((sum, of) => sum + of[bucket], 0));
  const time = timeAxis(totals.length * widthSeconds);
  return linesFigure({
    title: `${config.title}: ${row.router}`,
    subtitle: context.subtitle(where, `the first run, shares over ${widthText(widthSeconds)}`),
    notes: context.notes([row]),
    x: time.spec,
    y: { label: "share of the placements", unit: "%", domain: [0, 100] },
    series: groups.map((id, group) => ({
      id,
      curve: "step-after" as const,
      x: totals.map((_, bucket) => bucket * widthSeconds * time.factor),
      y: totals.map((total, bucket) => (total === 0 ? Number.NaN : (100 * counts[group][bucket]) / total)),
    })),
    marks: false,
  });
}

function carbon(config: TimelineConfig, context: FigureContext): Promise<Drawing[]> {
  return context.forEachPoint(async (rows, where) => {
    const { linesFigure } = await import("./figures/lines.ts");
    const timeline = rows.find((row) => row.timeline !== null)?.timeline;
    if (timeline == null || Object.keys(timeline.carbon).length === 0) return undefined;
    const ends = rows.map(({ metrics }) => metrics["end_s"]?.mean ?? 0);
    const end = Math.max(1, ...ends);
    const time = timeAxis(end);
    const [start] = context.result.provenance.points[0].starts;
    return linesFigure({
      title: config.title,
      subtitle: context.subtitle(where, start === undefined ? "the first run" : `the run from ${start}`),
      notes: context.notes(rows),
      x: time.spec,
      y: { label: "carbon intensity", unit: "g/kWh" },
      series: Object.entries(timeline.carbon).map(([id, { times, values }]) => ({
        id,
        curve: "step-after" as const,
        // The last step holds to the end.
        x: [...times.map((at) => Math.max(0, at) * time.factor), end * time.factor],
        y: [...values, values[values.length - 1]],
      })),
      marks: false,
      fromZero: true,
    });
  });
}

function timeAxis(lengthSeconds: number) {
  const hours = lengthSeconds / 3600;
  if (lengthSeconds <= LONG_SECONDS) return { spec: { label: "time", unit: "s" }, factor: 1 };
  const tickStep = hours <= 10 ? 1 : hours <= 30 ? 3 : hours <= 240 ? 24 : 168;
  return { spec: { label: "time", unit: "h", tickStep }, factor: 1 / 3600 };
}

function widthText(seconds: number): string {
  return seconds < 120
    ? `${Number(seconds.toPrecision(3))} s`
    : `${Number((seconds / 60).toPrecision(3))} min`;
}
