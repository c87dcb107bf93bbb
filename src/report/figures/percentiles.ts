import { drawEndLabels, endLabelWidth } from "./end-labels.ts";
import { type AxisSpec, axisLabel, drawFigure, type FrameSpec, type KeyEntry } from "./frame.ts";
import { assignStyles, INKS, SIZES } from "./style.ts";
import { resolveAxis } from "./ticks.ts";

/** One router's latency at each of the figure's percentiles; null where there is none. */
export interface PercentileSeries {
  readonly id: string;
  readonly label?: string;
  readonly family?: string;
  readonly values: readonly (number | null)[];
  readonly ci?: readonly (readonly [number, number] | null)[];
  /** Published values at the same percentiles: hollow marks on a dashed line. */
  readonly paper?: readonly (number | null)[];
}

export interface PercentilesSpec extends FrameSpec {
  /** In (0, 1), rising; default 0.5, 0.9, 0.95, 0.99, 0.999. */
  readonly percentiles?: readonly number[];
  /** The latency axis; logarithmic unless it says otherwise. */
  readonly y: AxisSpec;
  readonly series: readonly PercentileSeries[];
  /** Horizontal lines with a name, e.g. the SLO of each tier, in the unit of `y`. */
  readonly limits?: readonly { readonly value: number; readonly label: string }[];
}

/**
 * Latency at p50 … p99.9 for each router (CEDAR figure 4), on a log axis.
 *
 * @returns the text of an SVG file
 */
export async function percentilesFigure(spec: PercentilesSpec): Promise<string> {
  const { series, percentiles = [0.5, 0.9, 0.95, 0.99, 0.999], limits = [] } = spec;
  const styles = assignStyles(series);
  const all = series.flatMap((s) => [...s.values, ...(s.paper ?? []), ...(s.ci ?? []).flat()]);
  const values = [...all.filter((v) => v !== null), ...limits.map((l) => l.value)];
  const anyPaper = series.some((s) => s.paper !== undefined);
  const key: KeyEntry[] = anyPaper
    ? [
        { label: "run", colour: INKS.quiet, symbol: "circle", line: "solid" },
        { label: "paper", colour: INKS.quiet, symbol: "circle", line: "dashed", hollow: true },
      ]
    : [];
  // Neighbours are set a little apart so that their intervals do not cover each other.
  const shift = (i: number): number => (i - (series.length - 1) / 2) * Math.min(0.035, 0.4 / series.length);
  const pointsOf = (of: readonly (number | null)[], i: number): { x: number; y: number }[] =>
    percentiles.flatMap((_, p) => {
      const y = of[p];
      return y === null || y === undefined ? [] : [{ x: p + shift(i), y }];
    });
  return drawFigure({
    frame: spec,
    x: {
      kind: "linear",
      // Room left of the first percentile for the names of the limits.
      domain: [limits.length > 0 ? -0.75 : -0.3, percentiles.length - 0.7],
      ticks: percentiles.map((p, value) => ({ value, label: percentileName(p) })),
    },
    y: resolveAxis(values, {
      kind: spec.y.scale ?? "log",
      domain: spec.y.domain,
      format: spec.y.format,
      tickStep: spec.y.tickStep,
      count: 9,
    }),
    xLabel: "percentile of requests",
    yLabel: axisLabel(spec.y),
    key,
    marginRight: endLabelWidth(series.map((s) => s.label ?? s.id)),
    marks: (plot) => [
      plot.ruleY(
        limits.map((l) => l.value),
        { stroke: INKS.axis, strokeDasharray: "1 3" },
      ),
      ...series.flatMap((s, i) => [
        ...(s.paper === undefined
          ? []
          : [
              plot.line(pointsOf(s.paper, i), {
                x: "x",
                y: "y",
                stroke: styles[i].colour,
                strokeOpacity: 0.8,
                strokeWidth: 1.2,
                strokeDasharray: "4 3",
              }),
            ]),
        plot.line(pointsOf(s.values, i), {
          x: "x",
          y: "y",
          stroke: styles[i].colour,
          strokeWidth: SIZES.line,
        }),
        ...(s.ci ?? []).flatMap((ci, p) =>
          ci === null
            ? []
            : [
                plot.ruleX([p + shift(i)], {
                  y1: ci[0],
                  y2: ci[1],
                  stroke: styles[i].colour,
                  strokeWidth: 1.4,
                }),
              ],
        ),
      ]),
    ],
    over: (drawn) => {
      const { canvas, x, y, area } = drawn;
      for (const { value, label } of limits) {
        canvas.text(area.left + 4, y(value) - 8, label, { size: SIZES.small, fill: INKS.quiet, halo: true });
      }
      series.forEach((s, i) => {
        for (const point of pointsOf(s.paper ?? [], i)) {
          canvas.mark(x(point.x), y(point.y), styles[i].symbol, styles[i].colour, true);
        }
      });
      series.forEach((s, i) => {
        for (const point of pointsOf(s.values, i)) {
          canvas.mark(x(point.x), y(point.y), styles[i].symbol, styles[i].colour);
        }
      });
      const labels = series.map((s, i) => {
        const last = pointsOf(s.values, i).at(-1);
        return {
          label: s.label ?? s.id,
          style: styles[i],
          end: last === undefined ? null : { x: x(last.x), y: y(last.y) },
        };
      });
      drawEndLabels(labels, drawn);
    },
  });
}

/** `p99.9` for 0.999. */
export function percentileName(quantile: number): string {
  return `p${Number((quantile * 100).toPrecision(8))}`;
}
