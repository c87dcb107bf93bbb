import { drawEndLabels, endLabelWidth } from "./end-labels.ts";
import { type AxisSpec, axisLabel, drawFigure, type FrameSpec } from "./frame.ts";
import { assignStyles, distinctStyles, INKS, SIZES } from "./style.ts";
import { type SeriesColumns, thinOut } from "./thin-out.ts";
import { resolveAxis } from "./ticks.ts";

/** One line, with x rising; not-a-number breaks it. */
export interface LineSeries extends SeriesColumns {
  readonly id: string;
  readonly label?: string;
  readonly family?: string;
  readonly dashed?: boolean;
  /** `linear` (default), or `step-after` for values that hold until the next (carbon signals, prices). */
  readonly curve?: "linear" | "step-after";
  /**
   * Drawn thin and grey behind the others, and named only in the line below the figure. Where there are such, the others
   * have a hue each.
   */
  readonly aside?: boolean;
}

export interface LinesSpec extends FrameSpec {
  readonly x: AxisSpec;
  readonly y: AxisSpec;
  readonly series: readonly LineSeries[];
  /** Marks at the points: default where a series has at most 24 of them (swept parameters, not time series). */
  readonly marks?: boolean;
  /** Whether the y axis begins at 0 (default: no). */
  readonly fromZero?: boolean;
  /** Vertical lines with a name: the start of a burst, the chosen value of a parameter. */
  readonly events?: readonly { readonly x: number; readonly label: string }[];
}

/**
 * Lines with ribbons: time series of load and carbon, or a metric against a swept parameter. The ribbon
 * (`low`, `high`) is an interval or a range; the subtitle should say which.
 *
 * @returns the text of an SVG file
 */
export async function linesFigure(spec: LinesSpec): Promise<string> {
  const { events = [] } = spec;
  const aside = spec.series.filter((s) => s.aside === true);
  // Those in grey come first, so that no other is hidden by them.
  const series = [...aside, ...spec.series.filter((s) => s.aside !== true)];
  const grey = (i: number) => i < aside.length;
  // The few that stand out differ in hue, whatever their families.
  const styles =
    aside.length === 0
      ? assignStyles(series)
      : [
          ...assignStyles(aside).map((style) => ({ ...style, colour: INKS.aside })),
          ...distinctStyles(series.length - aside.length),
        ];
  const points = series.map((s) => thinOut(s));
  const longest = Math.max(0, ...series.map((s) => s.x.length));
  const marked = spec.marks ?? longest <= 24;
  const all = points.flat();
  const ends = series.flatMap((s) => (s.x.length === 0 ? [] : [s.x[0], s.x[s.x.length - 1]]));
  const named = series.length > 1;
  return drawFigure({
    frame: aside.length === 0 ? spec : { ...spec, notes: [asideNote(aside), ...(spec.notes ?? [])] },
    x: resolveAxis([], {
      kind: spec.x.scale ?? "linear",
      domain: spec.x.domain ?? tightDomain(ends, spec.x.scale === "log", marked),
      format: spec.x.format,
      count: 8,
      tickStep: spec.x.tickStep,
    }),
    y: resolveAxis(
      all.flatMap((p) => [p.y, p.low, p.high]),
      {
        kind: spec.y.scale ?? "linear",
        domain: spec.y.domain,
        format: spec.y.format,
        fromZero: spec.fromZero ?? false,
        tickStep: spec.y.tickStep,
      },
    ),
    xLabel: axisLabel(spec.x),
    yLabel: axisLabel(spec.y),
    ...(named ? { marginRight: endLabelWidth(series.slice(aside.length).map((s) => s.label ?? s.id)) } : {}),
    marks: (plot) => [
      ...series.flatMap((s, i) =>
        s.low === undefined && s.high === undefined
          ? []
          : [
              plot.areaY(points[i], {
                x: "x",
                y1: "low",
                y2: "high",
                curve: s.curve ?? "linear",
                fill: styles[i].colour,
                fillOpacity: 0.16,
              }),
            ],
      ),
      plot.ruleX(
        events.map((e) => e.x),
        { stroke: INKS.axis, strokeDasharray: "1 3" },
      ),
      ...series.map((s, i) =>
        plot.line(points[i], {
          x: "x",
          y: "y",
          curve: s.curve ?? "linear",
          stroke: styles[i].colour,
          strokeWidth: grey(i) ? SIZES.aside : longest > 400 ? 1.2 : SIZES.line,
          ...(s.dashed === true ? { strokeDasharray: "5 3" } : {}),
        }),
      ),
    ],
    over: (drawn) => {
      const { canvas, x, y, area } = drawn;
      for (const event of events) {
        canvas.text(x(event.x) + 4, area.top + 6, event.label, {
          size: SIZES.small,
          fill: INKS.quiet,
          halo: true,
        });
      }
      if (marked) {
        points.forEach((line, i) => {
          for (const p of line) {
            if (Number.isFinite(p.y)) canvas.mark(x(p.x), y(p.y), styles[i].symbol, styles[i].colour);
          }
        });
      }
      if (!named) return;
      const labels = series.map((s, i) => {
        const last = points[i].findLast((p) => Number.isFinite(p.y));
        return {
          label: s.label ?? s.id,
          style: styles[i],
          dashed: s.dashed ?? false,
          marked,
          end: last === undefined ? null : { x: x(last.x), y: y(last.y) },
        };
      });
      drawEndLabels(labels.slice(aside.length), drawn);
    },
  });
}

function asideNote(aside: readonly LineSeries[]): string {
  return `Grey: ${aside.map((s) => s.label ?? s.id).join(", ")}.`;
}

/** The data's own extent, a little wider where marks would be cut in half at its ends. */
function tightDomain(values: readonly number[], log: boolean, marked: boolean): [number, number] | undefined {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (!Number.isFinite(value) || (log && value <= 0)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low >= high) return undefined;
  if (!marked) return [low, high];
  if (log) return [low / (high / low) ** 0.03, high * (high / low) ** 0.03];
  return [low - 0.03 * (high - low), high + 0.03 * (high - low)];
}
