/** Scatter of more points than one can name. */
import { nonDominated } from "../../numeric/pareto.ts";
import { textWidth } from "./font.ts";
import { axisLabel, drawFigure, type KeyEntry } from "./frame.ts";
import { type Box, leaderEnd, placeLabels } from "./place-labels.ts";
import type { Better, ScatterPoint, ScatterSpec } from "./scatter.ts";
import { familyStyles, INKS, SIZES, shade } from "./style.ts";
import { resolveAxis } from "./ticks.ts";

const PLOT_HEIGHT = 420;
/** Radius and tint of a mark that is not named. */
const SMALL = 2.9;
const TINT = 0.3;
/** Equal points that a label names; of more of them the first, and how many others. */
const EQUAL_NAMES = 3;

/** Which points of many are named. */
export interface NamedPoints {
  /** On the front, from left to right. */
  readonly front: readonly number[];
  /** All that are named, each place of the plot once, by the first point there. */
  readonly named: readonly number[];
}

/**
 * The front, which no other point is at least as good as in both metrics and better than in one (clairvoyant points
 * apart); the references and the clairvoyant; and of each family the best of each group (systems, baselines; ablations
 * apart), which has the least mean of both metrics, each scaled to its range over all points, from good to bad. Where a
 * metric is neither good nor bad there are no front and no best: then the first of each.
 */
export function namedPoints(points: readonly ScatterPoint[], better: ScatterSpec["better"]): NamedPoints {
  const costs = costsOf(points, better);
  const open = points.flatMap((point, i) => (point.isClairvoyant === true ? [] : [i]));
  const front = costs === undefined ? [] : nonDominated(open.map((i) => costs[i])).map((i) => open[i]);
  front.sort((a, b) => points[a].x - points[b].x || points[a].y - points[b].y);
  const wanted = new Set(front);
  const best = new Map<string, number>();
  for (const [i, point] of points.entries()) {
    if (point.isReference === true || point.isClairvoyant === true) wanted.add(i);
    else if (point.group !== "ablation") {
      const part = `${familyOf(point)}/${point.group}`;
      const known = best.get(part);
      const isBetter =
        known === undefined ||
        (costs !== undefined && costs[i][0] + costs[i][1] < costs[known][0] + costs[known][1]);
      if (isBetter) best.set(part, i);
    }
  }
  for (const i of best.values()) wanted.add(i);
  const places = new Set<string>();
  const named = [...wanted]
    .sort((a, b) => a - b)
    .filter((i) => {
      const place = placeOf(points[i]);
      const isNew = !places.has(place);
      places.add(place);
      return isNew;
    });
  return { front, named };
}

/**
 * The scatter of `scatter.ts` where most points are not named: small marks in the colour of their family, with a key,
 * under the large ones of those that {@link namedPoints} names, and a dashed line along the front. An axis whose values
 * lie far apart is logarithmic.
 *
 * @returns the text of an SVG file
 */
export async function denseScatterFigure(spec: ScatterSpec): Promise<string> {
  const { points, reference = {}, better } = spec;
  const { front, named } = namedPoints(points, better);
  const families = [...new Set(points.map(familyOf))];
  const styles = new Map(familyStyles(families).map((style, i) => [families[i], style]));
  const styleOf = (i: number) => styles.get(familyOf(points[i])) as ReturnType<typeof familyStyles>[number];
  const isNamed = new Set(named);
  const papers = named.some((i) => points[i].paper !== undefined);
  const values = (axis: "x" | "y"): number[] => {
    const line = reference[axis];
    const bars = named.flatMap((i) => [
      ...((axis === "x" ? points[i].xCi : points[i].yCi) ?? []),
      ...(points[i].paper === undefined ? [] : [(points[i].paper as { x: number; y: number })[axis]]),
    ]);
    return [...points.map((point) => point[axis]), ...bars, ...(line === undefined ? [] : [line])];
  };
  const axisOf = (axis: "x" | "y") => {
    const { scale, domain, format, tickStep } = spec[axis];
    const all = values(axis);
    return resolveAxis(all, { kind: scale ?? spreadOf(all), domain, format, tickStep });
  };
  const key: KeyEntry[] = [
    ...families.map((family): KeyEntry => {
      const { colour, symbol } = styles.get(family) as ReturnType<typeof familyStyles>[number];
      return { label: family, colour, symbol };
    }),
    ...(front.length > 1 ? [{ label: "front", colour: INKS.axis, line: "dashed" } satisfies KeyEntry] : []),
    ...(papers
      ? [{ label: "paper", colour: INKS.quiet, symbol: "circle", hollow: true } satisfies KeyEntry]
      : []),
  ];
  return drawFigure({
    frame: {
      ...spec,
      plotHeight: spec.plotHeight ?? PLOT_HEIGHT,
      notes: [ruleText(better, points), ...(spec.notes ?? [])],
    },
    x: axisOf("x"),
    y: axisOf("y"),
    xLabel: axisLabel(spec.x),
    yLabel: axisLabel(spec.y),
    key,
    grid: { x: true, y: true },
    marks: (plot) => [
      ...(reference.x === undefined ? [] : [plot.ruleX([reference.x], { stroke: INKS.axis })]),
      ...(reference.y === undefined ? [] : [plot.ruleY([reference.y], { stroke: INKS.axis })]),
      plot.line(
        front.map((i) => points[i]),
        { x: "x", y: "y", stroke: INKS.axis, strokeWidth: 1, strokeDasharray: "4 3" },
      ),
      ...named.flatMap((i) => {
        const { x, y, xCi, yCi, paper } = points[i];
        const stroke = shade(styleOf(i).colour, TINT);
        return [
          ...(xCi === undefined ? [] : [plot.ruleY([y], { x1: xCi[0], x2: xCi[1], stroke })]),
          ...(yCi === undefined ? [] : [plot.ruleX([x], { y1: yCi[0], y2: yCi[1], stroke })]),
          ...(paper === undefined
            ? []
            : [
                plot.link([points[i]], {
                  x1: x,
                  y1: y,
                  x2: paper.x,
                  y2: paper.y,
                  stroke,
                  strokeDasharray: "2 3",
                }),
              ]),
        ];
      }),
    ],
    over: ({ canvas, x, y, area }) => {
      for (const [i, point] of points.entries()) {
        const { colour, symbol } = styleOf(i);
        if (!isNamed.has(i)) canvas.mark(x(point.x), y(point.y), symbol, shade(colour, TINT), false, SMALL);
      }
      for (const i of named) {
        const { paper } = points[i];
        const { colour, symbol } = styleOf(i);
        if (paper !== undefined) canvas.mark(x(paper.x), y(paper.y), symbol, colour, true);
      }
      for (const i of named) {
        const { colour, symbol } = styleOf(i);
        canvas.mark(x(points[i].x), y(points[i].y), symbol, colour);
      }
      const labels = named.map((i) => labelOf(points, i));
      const requests = named.map((i, place) => ({
        x: x(points[i].x),
        y: y(points[i].y),
        radius: SIZES.mark * 1.3,
        width: textWidth(labels[place], SIZES.text),
        height: SIZES.text + 2,
      }));
      const small = points.flatMap((point, i): Box[] => {
        const [px, py] = [x(point.x), y(point.y)];
        return isNamed.has(i)
          ? []
          : [{ left: px - SMALL, right: px + SMALL, top: py - SMALL, bottom: py + SMALL }];
      });
      const bars = named.flatMap((i): Box[] => {
        const { xCi, yCi } = points[i];
        const [px, py] = [x(points[i].x), y(points[i].y)];
        return [
          ...(xCi === undefined ? [] : [{ left: x(xCi[0]), right: x(xCi[1]), top: py - 1, bottom: py + 1 }]),
          ...(yCi === undefined ? [] : [{ left: px - 1, right: px + 1, top: y(yCi[1]), bottom: y(yCi[0]) }]),
        ];
      });
      placeLabels(requests, [...small, ...bars], area, true).forEach(({ box, leader }, place) => {
        const from = requests[place];
        if (leader) {
          const to = leaderEnd(box, from);
          canvas.line(from.x, from.y, to.x, to.y, styleOf(named[place]).colour, 0.8);
        }
        canvas.text(box.left, (box.top + box.bottom) / 2, labels[place], { halo: true });
      });
    },
  });
}

/** Both metrics of each point from 0, the best of all, to 1. */
function costsOf(
  points: readonly ScatterPoint[],
  better: ScatterSpec["better"],
): [number, number][] | undefined {
  if (better === undefined || better.x === "neither" || better.y === "neither") return undefined;
  const scaled = (axis: "x" | "y", way: Better) => {
    const all = points.map((point) => (way === "lower" ? point[axis] : -point[axis]));
    const least = Math.min(...all);
    const range = Math.max(...all) - least;
    return all.map((value) => (range > 0 ? (value - least) / range : 0));
  };
  const [xs, ys] = [scaled("x", better.x), scaled("y", better.y)];
  return xs.map((x, i) => [x, ys[i]]);
}

function familyOf({ id, family }: ScatterPoint): string {
  return family ?? id.split(/[-/:. ]/)[0];
}

function placeOf({ x, y }: ScatterPoint): string {
  return `${x} ${y}`;
}

/** The name of a point, with those that lie on it. */
function labelOf(points: readonly ScatterPoint[], i: number): string {
  const equal = points.filter((point) => placeOf(point) === placeOf(points[i]));
  const names = [points[i], ...equal.filter((point) => point !== points[i])].map(
    ({ id, label }) => label ?? id,
  );
  return names.length <= EQUAL_NAMES ? names.join(" = ") : `${names[0]} (and ${names.length - 1} equal)`;
}

/** What is named, for those who read the figure. */
function ruleText(better: ScatterSpec["better"], points: readonly ScatterPoint[]): string {
  const others = points.some(
    ({ isReference, isClairvoyant }) => isReference === true || isClairvoyant === true,
  )
    ? ["reference rows"]
    : [];
  const ways = { lower: "less", higher: "more", neither: "" };
  const wanted =
    better === undefined || better.x === "neither" || better.y === "neither"
      ? [...others, "the first system and the first baseline of each family"]
      : [
          `the front, which nothing beats in both (${better.x === better.y ? `${ways[better.x]} is better` : `${ways[better.x]} is better across, ${ways[better.y]} up`})`,
          ...others,
          "the best system and the best baseline of each family, by the mean of both, each scaled to its range",
        ];
  const bars = points.some(({ xCi, yCi }) => xCi !== undefined || yCi !== undefined);
  return `Named of ${points.length}: ${wanted.join("; ")}. All others are small marks${bars ? ", without bars" : ""}; "=" joins equal rows.`;
}

/** Logarithmic where the greatest value is far from the least. */
function spreadOf(values: readonly number[]): "linear" | "log" {
  const least = Math.min(...values);
  return least > 0 && Math.max(...values) > 12 * least ? "log" : "linear";
}
