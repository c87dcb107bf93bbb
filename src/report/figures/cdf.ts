import { drawEndLabels, endLabelWidth } from "./end-labels.ts";
import { type AxisSpec, axisLabel, drawFigure, type FrameSpec } from "./frame.ts";
import { assignStyles, INKS, SIZES } from "./style.ts";
import { resolveAxis } from "./ticks.ts";

/** The sample of one curve, in any order; values that are not finite count as never reached. */
export interface CdfSeries {
  readonly id: string;
  readonly label?: string;
  readonly family?: string;
  readonly values: ArrayLike<number>;
  readonly dashed?: boolean;
}

export interface CdfSpec extends FrameSpec {
  readonly x: AxisSpec;
  readonly series: readonly CdfSeries[];
  /** Name of the share on the y axis; default `share of requests`. */
  readonly share?: string;
  /** Vertical lines with a name, e.g. the SLO of each tier, in the unit of `x`. */
  readonly limits?: readonly { readonly value: number; readonly label: string }[];
}

const STEPS = 300;

/**
 * Empirical distribution functions: the share of the sample at or below x.
 *
 * @returns the text of an SVG file
 */
export async function cdfFigure(spec: CdfSpec): Promise<string> {
  const { series, limits = [] } = spec;
  const styles = assignStyles(series);
  const curves = series.map((s) => distribution(s.values));
  const kind = spec.x.scale ?? "linear";
  const x = resolveAxis([...curves.flatMap((c) => c.map((p) => p.x)), ...limits.map((l) => l.value)], {
    kind,
    domain: spec.x.domain,
    format: spec.x.format,
    count: 9,
    tickStep: spec.x.tickStep,
  });
  return drawFigure({
    frame: spec,
    x,
    y: resolveAxis([], { domain: [0, 1], count: 5 }),
    xLabel: axisLabel(spec.x),
    yLabel: spec.share ?? "share of requests",
    grid: { x: true, y: true },
    marginRight: endLabelWidth(series.map((s) => s.label ?? s.id)),
    marks: (plot) => [
      plot.ruleX(
        limits.map((l) => l.value),
        { stroke: INKS.axis, strokeDasharray: "1 3" },
      ),
      ...curves.map((curve, i) =>
        plot.line(
          curve
            .filter((p) => kind === "linear" || p.x > 0)
            .map((p) => ({ ...p, x: Math.min(p.x, x.domain[1]) })),
          {
            x: "x",
            y: "y",
            curve: "step-after",
            stroke: styles[i].colour,
            strokeWidth: SIZES.line,
            ...(series[i].dashed === true ? { strokeDasharray: "5 3" } : {}),
          },
        ),
      ),
    ],
    over: (drawn) => {
      const { canvas, area } = drawn;
      for (const { value, label } of limits) {
        canvas.text(drawn.x(value) + 4, area.bottom - 9, label, {
          size: SIZES.small,
          fill: INKS.quiet,
          halo: true,
        });
      }
      // Curves cross, and all end at 1: marks at a share of its own tell each from its neighbours.
      curves.forEach((curve, i) => {
        const share = 0.25 + (0.5 * (i + 0.5)) / curves.length;
        const point = curve.find((p) => p.y >= share);
        if (point === undefined || point.x > x.domain[1] || point.x < x.domain[0]) return;
        canvas.mark(drawn.x(point.x), drawn.y(point.y), styles[i].symbol, styles[i].colour);
      });
      drawEndLabels(
        series.map((s, i) => ({
          label: s.label ?? s.id,
          style: styles[i],
          dashed: s.dashed ?? false,
          end: null,
        })),
        drawn,
      );
    },
  });
}

/** Steps of the empirical distribution function: all of a small sample, 300 evenly spaced of a large one. */
export function distribution(values: ArrayLike<number>): { x: number; y: number }[] {
  const finite = Float64Array.from(values).filter(Number.isFinite).sort();
  const n = finite.length;
  if (n === 0) return [];
  const total = values.length;
  const steps = Math.min(n, STEPS);
  const curve = [{ x: finite[0], y: 0 }];
  for (let i = 1; i <= steps; i++) {
    const rank = Math.ceil((i * n) / steps);
    curve.push({ x: finite[rank - 1], y: rank / total });
  }
  return curve;
}
