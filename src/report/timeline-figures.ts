import type { FigureConfig } from "../experiment/output-schema.ts";
import type { ResultRow } from "../experiment/result.ts";
import type { RunTimeline } from "../experiment/run-spec.ts";
import type { Drawing, FigureContext } from "./figure-context.ts";

type TimelineConfig = Extract<FigureConfig, { kind: "timeline" }>;

/** Runs longer than this are drawn in hours. */
const LONG_SECONDS = 7200;

/**
 * Time series of the first run: placements or power by group for each router, or the regions' carbon intensity at each
 * point.
 */
export function timelineFigures(config: TimelineConfig, context: FigureContext): Promise<Drawing[]> {
  switch (config.of) {
    case "shares":
      return ofEachRouter(config, context, sharesOf);
    case "power-gpu":
    case "power-server":
      return ofEachRouter(config, context, powerOf);
    case "carbon":
      return carbon(config, context);
  }
}

type DrawRow = (
  config: TimelineConfig,
  row: ResultRow,
  timeline: RunTimeline,
  where: string,
  context: FigureContext,
) => Promise<string | undefined>;

async function ofEachRouter(
  config: TimelineConfig,
  context: FigureContext,
  draw: DrawRow,
): Promise<Drawing[]> {
  const drawings: Drawing[] = [];
  for (const router of new Set(context.result.rows.map((row) => row.router))) {
    const drawn = await context.forEachPoint(async (rows, where) => {
      const row = rows.find((other) => other.router === router);
      return row?.timeline == null ? undefined : draw(config, row, row.timeline, where, context);
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

async function powerOf(
  config: TimelineConfig,
  row: ResultRow,
  { groups, power }: RunTimeline,
  where: string,
  context: FigureContext,
): Promise<string | undefined> {
  if (power === undefined) return undefined;
  const { linesFigure } = await import("./figures/lines.ts");
  const { widthSeconds, endSeconds } = power;
  const isServer = config.of === "power-server";
  const own = isServer ? power.serverWatts : power.gpuWatts;
  const known = own.flatMap((watts, group) => (watts === null ? [] : [{ id: groups[group], watts }]));
  if (known.length === 0) return undefined;
  const all = {
    id: "all",
    watts: known[0].watts.map((_, i) => known.reduce((sum, { watts }) => sum + watts[i], 0)),
  };
  const time = timeAxis(endSeconds);
  const least = Math.max(...all.watts) >= 10_000 ? 1e-3 : 1;
  const boundary = isServer
    ? "GPUs working and idle and their hosts"
    : "GPUs while they work, without idle power and hosts";
  const unknown = groups.filter((_, group) => own[group] === null);
  return linesFigure({
    title: `${config.title}: ${row.router}`,
    subtitle: context.subtitle(where, `the first run, means over ${widthText(widthSeconds)}`),
    notes: context.notes(
      [row],
      `Power of ${boundary}.${unknown.length === 0 ? "" : ` Not known of ${unknown.join(", ")}.`}`,
    ),
    x: time.spec,
    y: { label: "power", unit: least === 1 ? "W" : "kW" },
    // A total of some groups would be read as that of all.
    series: [...(known.length > 1 && unknown.length === 0 ? [all] : []), ...known].map(({ id, watts }) => ({
      id,
      curve: "step-after" as const,
      // The last bucket holds to its end.
      x: [...watts.map((_, i) => i * widthSeconds * time.factor), endSeconds * time.factor],
      y: [...watts, watts[watts.length - 1]].map((value) => value * least),
    })),
    marks: false,
    fromZero: true,
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
