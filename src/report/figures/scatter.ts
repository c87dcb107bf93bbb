import { denseScatterFigure } from "./dense-scatter.ts";
import { textWidth } from "./font.ts";
import { type AxisSpec, axisLabel, drawFigure, type FrameSpec, type KeyEntry } from "./frame.ts";
import { type Box, leaderEnd, placeLabels } from "./place-labels.ts";
import { assignStyles, INKS, SIZES } from "./style.ts";
import { resolveAxis } from "./ticks.ts";

/** One labelled point: a router under two metrics. */
export interface ScatterPoint {
  readonly id: string;
  /** Default: the id. */
  readonly label?: string;
  readonly family?: string;
  readonly x: number;
  readonly y: number;
  /** Intervals [low, high], drawn as error bars. */
  readonly xCi?: readonly [number, number];
  readonly yCi?: readonly [number, number];
  /** The published point, drawn hollow and linked to the run's. */
  readonly paper?: { readonly x: number; readonly y: number };
  /** What others are read against: named among however many points. */
  readonly isReference?: boolean;
  /** Sees what no other does: on no front. */
  readonly isClairvoyant?: boolean;
  /** Group of its family: the best of each but of ablations and references are named among however many points. */
  readonly group?: string;
}

export type Better = "lower" | "higher" | "neither";

export interface ScatterSpec extends FrameSpec {
  readonly x: AxisSpec;
  readonly y: AxisSpec;
  readonly points: readonly ScatterPoint[];
  /** Lines through a value that the others are compared with, e.g. 1 on axes relative to a baseline. */
  readonly reference?: { readonly x?: number; readonly y?: number };
  /** Where the better values lie; default: nowhere. Among many points it decides which are named. */
  readonly better?: { readonly x: Better; readonly y: Better };
}

/** Points that are all named; of more of them some are (`dense-scatter.ts`). */
const MOST_NAMED = 24;

/**
 * Scatter of routers under two metrics (CEDAR figure 3: cost against carbon), each point labelled; labels
 * stand clear of marks, bars and each other. Where there are too many for that, as {@link denseScatterFigure} has it.
 *
 * @returns the text of an SVG file
 */
export async function scatterFigure(spec: ScatterSpec): Promise<string> {
  const { points, reference = {} } = spec;
  if (points.length > MOST_NAMED) return denseScatterFigure(spec);
  const styles = assignStyles(points);
  const along = (axis: "x" | "y"): number[] => {
    const bars = points.flatMap((p) => [...((axis === "x" ? p.xCi : p.yCi) ?? []), p[axis]]);
    const published = points.flatMap((p) => (p.paper === undefined ? [] : [p.paper[axis]]));
    const line = reference[axis];
    return [...bars, ...published, ...(line === undefined ? [] : [line])];
  };
  const anyPaper = points.some((p) => p.paper !== undefined);
  const key: KeyEntry[] = anyPaper
    ? [
        { label: "run", colour: INKS.quiet, symbol: "circle" },
        { label: "paper", colour: INKS.quiet, symbol: "circle", hollow: true },
      ]
    : [];
  return drawFigure({
    frame: spec,
    x: resolveAxis(along("x"), {
      kind: spec.x.scale ?? "linear",
      domain: spec.x.domain,
      format: spec.x.format,
      tickStep: spec.x.tickStep,
    }),
    y: resolveAxis(along("y"), {
      kind: spec.y.scale ?? "linear",
      domain: spec.y.domain,
      format: spec.y.format,
      tickStep: spec.y.tickStep,
    }),
    xLabel: axisLabel(spec.x),
    yLabel: axisLabel(spec.y),
    key,
    grid: { x: true, y: true },
    marks: (plot) => [
      ...(reference.x === undefined ? [] : [plot.ruleX([reference.x], { stroke: INKS.axis })]),
      ...(reference.y === undefined ? [] : [plot.ruleY([reference.y], { stroke: INKS.axis })]),
      ...points.flatMap((p, i) => [
        ...(p.paper === undefined
          ? []
          : [
              plot.link([p], {
                x1: p.x,
                y1: p.y,
                x2: p.paper.x,
                y2: p.paper.y,
                stroke: styles[i].colour,
                strokeOpacity: 0.55,
                strokeDasharray: "2 3",
              }),
            ]),
        ...(p.xCi === undefined
          ? []
          : [
              plot.ruleY([p], {
                y: p.y,
                x1: p.xCi[0],
                x2: p.xCi[1],
                stroke: styles[i].colour,
                strokeWidth: 1.4,
              }),
            ]),
        ...(p.yCi === undefined
          ? []
          : [
              plot.ruleX([p], {
                x: p.x,
                y1: p.yCi[0],
                y2: p.yCi[1],
                stroke: styles[i].colour,
                strokeWidth: 1.4,
              }),
            ]),
      ]),
    ],
    over: ({ canvas, x, y, area }) => {
      points.forEach((p, i) => {
        if (p.paper !== undefined) {
          canvas.mark(x(p.paper.x), y(p.paper.y), styles[i].symbol, styles[i].colour, true);
        }
      });
      points.forEach((p, i) => {
        canvas.mark(x(p.x), y(p.y), styles[i].symbol, styles[i].colour);
      });
      const radius = SIZES.mark * 1.3;
      const requests = points.map((p) => ({
        x: x(p.x),
        y: y(p.y),
        radius,
        width: textWidth(p.label ?? p.id, SIZES.text),
        height: SIZES.text + 2,
      }));
      const lines: Box[] = [
        ...(reference.x === undefined
          ? []
          : [{ ...area, left: x(reference.x) - 1, right: x(reference.x) + 1 }]),
        ...(reference.y === undefined
          ? []
          : [{ ...area, top: y(reference.y) - 1, bottom: y(reference.y) + 1 }]),
      ];
      const obstacles: Box[] = points.flatMap((p) => {
        const bars: Box[] = [];
        const [px, py] = [x(p.x), y(p.y)];
        if (p.xCi !== undefined)
          bars.push({ left: x(p.xCi[0]), right: x(p.xCi[1]), top: py - 1, bottom: py + 1 });
        if (p.yCi !== undefined)
          bars.push({ left: px - 1, right: px + 1, top: y(p.yCi[1]), bottom: y(p.yCi[0]) });
        if (p.paper !== undefined) {
          const [hx, hy] = [x(p.paper.x), y(p.paper.y)];
          bars.push({ left: hx - radius, right: hx + radius, top: hy - radius, bottom: hy + radius });
        }
        return bars;
      });
      placeLabels(requests, [...lines, ...obstacles], area).forEach(({ box, leader }, i) => {
        const middle = (box.top + box.bottom) / 2;
        if (leader) {
          const from = requests[i];
          const to = leaderEnd(box, from);
          canvas.line(from.x, from.y, to.x, to.y, styles[i].colour, 0.8);
        }
        canvas.text(box.left, middle, points[i].label ?? points[i].id, { halo: true });
      });
    },
  });
}
