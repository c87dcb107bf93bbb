/** A comparison as tables: one for each pair of rows. */
import { metricLabel, pointText, readingUnit } from "../result-names.ts";
import type { Cell, Table } from "../table.ts";
import type { RowComparison } from "./compare-results.ts";

interface Side {
  readonly folder: string;
  readonly experiment: string;
}

export function comparisonTables(rows: readonly RowComparison[], [a, b]: readonly Side[]): Table[] {
  const tables = rows.map((row) => tableOf(row, a, b));
  const last = tables.length - 1;
  const figures = rows.flatMap((row) => row.figures);
  const notes = [
    "Differences are B - A. Same within noise: their 95 % interval includes 0; each metric is judged alone, so that of twenty one would fall outside by chance.",
    figures.some(({ paired }) => paired)
      ? "Paired: runs of the same seed and start, resampled together; the effect is the mean difference over the standard deviation of the differences."
      : "Not paired: the runs are not those of the same seeds and starts, or a result does not hold them; the interval takes the two as independent, and the effect is over the pooled standard deviation of the runs.",
    ...(figures.every(({ effect }) => effect === null)
      ? [
          "No effect sizes: they need the values of the runs, which results made before this version do not hold, and two runs at least.",
        ]
      : []),
    ...(rows.every(({ sameInputs }) => sameInputs)
      ? []
      : [
          "The two ran on different inputs (fleet, requests, signals or settings): a difference is not the router's alone.",
        ]),
  ];
  return tables.map((table, i) => (i < last ? table : { ...table, notes: [...table.notes, ...notes] }));
}

function tableOf({ point, bPoint, a, b, figures }: RowComparison, sideA: Side, sideB: Side): Table {
  const nameOf = (router: string, side: Side, at: RowComparison["point"]) =>
    [
      sideA.folder === sideB.folder ? router : `${router} of ${side.folder}`,
      ...(bPoint === undefined || pointText(at) === "" ? [] : [`at ${pointText(at)}`]),
    ].join(" ");
  const where = bPoint === undefined ? pointText(point) : "";
  const anyInterval = figures.some(({ aCi95, bCi95 }) => aCi95 !== null || bCi95 !== null);
  return {
    title: a === b ? a : `${b} against ${a}`,
    caption: `A: ${nameOf(a, sideA, point)}; B: ${nameOf(b, sideB, bPoint ?? point)}${where === "" ? "" : `; ${where}`}.${anyInterval ? " With 95 % intervals." : ""}`,
    columns: [
      { key: "metric", header: "metric" },
      { key: "unit", header: "unit", align: "left" },
      { key: "a", header: "A", digits: 3 },
      { key: "b", header: "B", digits: 3 },
      { key: "difference", header: "B - A", digits: 3 },
      { key: "change", header: "change", unit: "%", digits: 3 },
      { key: "effect", header: "effect", format: "fixed", digits: 2 },
      { key: "word", header: "B is" },
    ],
    rows: figures.map((figure) => {
      const { metric, change, effect, word } = figure;
      const { unit, factor } = readingUnit(metric);
      return {
        cells: {
          metric: metricLabel(metric),
          unit,
          a: cellOf(figure.a, figure.aCi95, factor),
          b: cellOf(figure.b, figure.bCi95, factor),
          difference: cellOf(figure.difference, figure.differenceCi95, factor),
          change: change === null ? null : 100 * change,
          effect,
          word,
        },
      };
    }),
    notes: [],
  };
}

function cellOf(value: number | null, ci: readonly [number, number] | null, factor: number): Cell {
  if (value === null) return null;
  return { value: value * factor, ...(ci === null ? {} : { ci: [ci[0] * factor, ci[1] * factor] as const }) };
}
