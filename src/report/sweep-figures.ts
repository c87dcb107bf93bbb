import { canonicalJson } from "../experiment/canonical-json.ts";
import type { FigureConfig } from "../experiment/output-schema.ts";
import type { ResultRow } from "../experiment/result.ts";
import { type Drawing, type FigureContext, nameOf, scaled } from "./figure-context.ts";
import { groupBy, pointHeader, pointText, pointValue } from "./result-names.ts";

type SweepConfig = Extract<FigureConfig, { kind: "sweep" }>;

/** A line for each router over one axis; the other labels of a point make figures of their own. */
export async function sweepFigures(config: SweepConfig, context: FigureContext): Promise<Drawing[]> {
  const { linesFigure } = await import("./figures/lines.ts");
  const swept = context.result.rows.filter((row) => row.point[config.axis] !== undefined);
  const byOther = groupBy(swept, (row) => pointText(otherLabels(row, config.axis), Object.keys(row.point)));
  const { factor, ...y } = context.axis(config.metric);
  const drawings: Drawing[] = [];
  for (const [other, rows] of byOther) {
    const axis = new SweptAxis(rows, config.axis);
    const series = [...groupBy(rows, ({ router }) => router).values()].map((own) => {
      const line = own
        .map((row) => ({ x: axis.place(row), summary: row.metrics[config.metric] }))
        .sort((a, b) => a.x - b.x);
      const value = ({ summary }: (typeof line)[number]) => (summary?.mean ?? Number.NaN) * factor;
      const ci = ({ summary }: (typeof line)[number]) => scaled(summary?.ci95, factor);
      return {
        ...nameOf(own[0]),
        x: line.map(({ x }) => x),
        y: line.map(value),
        low: line.map((at) => ci(at)?.[0] ?? value(at)),
        high: line.map((at) => ci(at)?.[1] ?? value(at)),
      };
    });
    const svg = await linesFigure({
      title: config.title,
      subtitle: context.subtitle(other, context.intervals("ribbons")),
      notes: context.notes(rows),
      x: axis.spec(),
      y,
      series,
      fromZero: true,
    });
    drawings.push({ suffix: other, svg });
  }
  return drawings;
}

function otherLabels({ point }: ResultRow, axis: string): ResultRow["point"] {
  return Object.fromEntries(Object.entries(point).filter(([label]) => label !== axis));
}

/** Numbers stand where they are; with any other value among them, all stand side by side in the order of the file. */
class SweptAxis {
  readonly #axis: string;
  readonly #labels: readonly string[];
  readonly #values: readonly ResultRow["point"][string][];

  constructor(rows: readonly ResultRow[], axis: string) {
    this.#axis = axis;
    this.#labels = Object.keys(rows[0].point);
    const distinct = new Map(rows.map(({ point }) => [canonicalJson(point[axis]), point[axis]]));
    this.#values = [...distinct.values()];
  }

  place({ point }: ResultRow): number {
    const value = point[this.#axis];
    if (this.#isNumeric) return Number(value);
    return this.#values.findIndex((other) => canonicalJson(other) === canonicalJson(value));
  }

  spec() {
    const { text: label, unit } = pointHeader(this.#axis, this.#labels);
    if (this.#isNumeric) {
      const numbers = this.#values.map(Number);
      const log =
        numbers.length > 3 && Math.min(...numbers) > 0 && Math.max(...numbers) > 50 * Math.min(...numbers);
      return { label, ...(unit === undefined ? {} : { unit }), ...(log ? { scale: "log" as const } : {}) };
    }
    const format = (place: number) =>
      this.#values[place] === undefined ? "" : pointValue(this.#values[place]);
    return { label, format, tickStep: 1 };
  }

  get #isNumeric(): boolean {
    return this.#values.every((value) => typeof value === "number");
  }
}
