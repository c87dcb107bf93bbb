import { type AxisSpec, axisLabel, drawFigure, type FrameSpec, type KeyEntry } from "./frame.ts";
import { assignStyles, INKS } from "./style.ts";
import { resolveAxis } from "./ticks.ts";

/** One bar: a value with its interval, and the published value as a hollow diamond. */
export interface Bar {
  readonly value: number | null;
  readonly ci?: readonly [number, number];
  readonly paper?: number;
}

/** The bars of one kind (one router, or one setting), one for each category. */
export interface BarSeries {
  readonly id: string;
  readonly label?: string;
  readonly family?: string;
  readonly bars: readonly Bar[];
}

export interface BarsSpec extends FrameSpec {
  /** Rows of the figure, from the top: routers, tiers, regions. */
  readonly categories: readonly { readonly id: string; readonly label?: string; readonly family?: string }[];
  /** With one series the bars take the colours of their categories, with several those of the series. */
  readonly series: readonly BarSeries[];
  readonly x: AxisSpec;
  /** A line at a value that the bars are compared with, named in the key. */
  readonly reference?: { readonly value: number; readonly label: string };
}

const DIAMOND = [
  [0, -1.25],
  [1.25, 0],
  [0, 1.25],
  [-1.25, 0],
] as const;

/**
 * Horizontal bars in groups, from zero, with intervals. A missing value prints a dash.
 *
 * @returns the text of an SVG file
 */
export async function barsFigure(spec: BarsSpec): Promise<string> {
  const { categories, series, reference } = spec;
  const single = series.length === 1;
  const styles = assignStyles(single ? categories : series);
  const colourOf = (s: number, c: number): string => styles[single ? c : s].colour;
  const thickness = single ? 15 : Math.max(5, Math.min(12, Math.floor(48 / series.length)));
  const group = series.length * thickness + (single ? 9 : 12);
  const bars = series.flatMap((s) => s.bars);
  const values = bars.flatMap((b) => [
    ...(b.value === null ? [] : [b.value]),
    ...(b.ci ?? []),
    ...(b.paper === undefined ? [] : [b.paper]),
  ]);
  if (reference !== undefined) values.push(reference.value);
  const key: KeyEntry[] = single
    ? []
    : series.map((s, i) => ({ label: s.label ?? s.id, colour: styles[i].colour, swatch: true }));
  if (bars.some((b) => b.paper !== undefined)) {
    key.push({ label: "paper", colour: INKS.text, symbol: DIAMOND, hollow: true });
  }
  if (reference !== undefined) key.push({ label: reference.label, colour: INKS.text, line: "dashed" });
  const names = categories.map((c) => c.label ?? c.id);
  const middleOf = (s: number, c: number): number =>
    c * group + group / 2 + (s - (series.length - 1) / 2) * thickness;
  const placed = series.flatMap((s, si) =>
    s.bars
      .slice(0, categories.length)
      .map((bar, c) => ({ ...bar, colour: colourOf(si, c), middle: middleOf(si, c) })),
  );
  const half = thickness / 2 - (single ? 0 : 0.5);
  return drawFigure({
    frame: { ...spec, plotHeight: spec.plotHeight ?? categories.length * group },
    x: resolveAxis(values, {
      kind: "linear",
      domain: spec.x.domain,
      format: spec.x.format,
      tickStep: spec.x.tickStep,
      fromZero: true,
      count: 7,
    }),
    y: {
      kind: "linear",
      domain: [categories.length * group, 0],
      ticks: names.map((label, c) => ({ value: c * group + group / 2, label })),
    },
    xLabel: axisLabel(spec.x),
    yLabel: "",
    key,
    grid: { x: true, y: false },
    marks: (plot) => [
      ...placed.flatMap((bar) =>
        bar.value === null
          ? []
          : [
              plot.rect([bar], {
                x1: Math.min(0, bar.value),
                x2: Math.max(0, bar.value),
                y1: bar.middle - half,
                y2: bar.middle + half,
                fill: bar.colour,
              }),
            ],
      ),
      plot.ruleX([0], { stroke: INKS.axis }),
      ...(reference === undefined
        ? []
        : [plot.ruleX([reference.value], { stroke: INKS.text, strokeDasharray: "3 3" })]),
    ],
    over: ({ canvas, x, y }) => {
      for (const bar of placed) {
        const at = y(bar.middle);
        if (bar.value === null) {
          canvas.text(x(0) + 5, at, "–", { fill: INKS.quiet });
          continue;
        }
        if (bar.ci !== undefined) {
          const [low, high] = [x(bar.ci[0]), x(bar.ci[1])];
          // A light rim first: a dark bar would hide the inner half of its interval.
          for (const [ink, thick] of [[INKS.paper, 3.2] as const, [INKS.text, 1.2] as const]) {
            canvas.line(low, at, high, at, ink, thick);
            for (const end of [low, high]) canvas.line(end, at - 3, end, at + 3, ink, thick);
          }
        }
        if (bar.paper !== undefined) canvas.mark(x(bar.paper), at, DIAMOND, INKS.text, true);
      }
    },
  });
}
