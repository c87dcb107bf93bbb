/** The columns that say what a row of a result is: its point, and its router or planner. */
import type { ExperimentResult, ResultRow } from "../experiment/result.ts";
import { pointHeader, pointValue } from "./result-names.ts";
import type { Cell, Column } from "./table.ts";

/** Labels of the points of rows, each once. */
export function pointLabels(rows: readonly ResultRow[]): string[] {
  return [...new Set(rows.flatMap(({ point }) => Object.keys(point)))];
}

export function headColumns({ provenance }: ExperimentResult, labels: readonly string[]): Column[] {
  return [
    ...labels.map((label): Column => {
      const { text, unit } = pointHeader(label, labels);
      const common = { key: pointKey(label), header: text, align: "left", rowHeader: true } as const;
      return unit === undefined ? common : { ...common, unit };
    }),
    { key: "router", header: provenance.kind === "epochs" ? "planner" : "router", rowHeader: true },
  ];
}

export function headCells({ router, point, about }: ResultRow): Record<string, Cell> {
  const cells: Record<string, Cell> = { router: about.clairvoyant ? { value: router, mark: "†" } : router };
  for (const [label, value] of Object.entries(point)) cells[pointKey(label)] = pointValue(short(value));
  return cells;
}

/** Digits of a fraction that tell sampled values from each other; all of them stand in the data. */
const DIGITS = 6;

function short(value: ResultRow["point"][string]): ResultRow["point"][string] {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(DIGITS)) : value;
}

export function pointKey(label: string): string {
  return label === "point" ? label : `point.${label}`;
}
