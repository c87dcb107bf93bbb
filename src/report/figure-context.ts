import { canonicalJson } from "../experiment/canonical-json.ts";
import type { ExperimentResult, ResultRow } from "../experiment/result.ts";
import { epochHeaders } from "./epoch-headers.ts";
import { remarks } from "./foundation-notes.ts";
import { groupBy, listed, metricLabel, pointText, readingUnit } from "./result-names.ts";

/** A figure, and what tells it from the others of the same title. */
export interface Drawing {
  readonly suffix: string;
  readonly svg: string;
}

/** What the figures of a result have in common. */
export class FigureContext {
  readonly result: ExperimentResult;

  constructor(result: ExperimentResult) {
    this.result = result;
  }

  /** A drawing for each point; `where` is empty when there is one point only. */
  async forEachPoint(
    draw: (rows: readonly ResultRow[], where: string) => Promise<string | undefined>,
  ): Promise<Drawing[]> {
    const byPoint = groupBy(this.result.rows, ({ point }) => canonicalJson(point));
    const drawings: Drawing[] = [];
    for (const rows of byPoint.values()) {
      const where = byPoint.size === 1 ? "" : pointText(rows[0].point);
      const svg = await draw(rows, where);
      if (svg !== undefined) drawings.push({ suffix: where, svg });
    }
    return drawings;
  }

  /** A metric as an axis, in the unit in which it is read; values are to be multiplied by `factor`. */
  axis(metric: string): { readonly label: string; readonly unit?: string; readonly factor: number } {
    const { unit, factor } = readingUnit(metric);
    return { label: metricLabel(metric, this.result), ...(unit === "" ? {} : { unit }), factor };
  }

  subtitle(where: string, ...more: string[]): string {
    const { experiment, provenance } = this.result;
    const [{ seeds, starts }] = provenance.points;
    const runs = `${seeds.length} ${seeds.length === 1 ? "seed" : "seeds"}${starts.length > 1 ? ` x ${starts.length} start times` : ""}`;
    return [experiment, where, runs, ...more].filter((text) => text !== "").join(", ");
  }

  /** What the marks of intervals are; empty where there are none. */
  intervals(marks: string): string {
    return this.result.rows.some(({ runs }) => runs.done > 1) ? `${marks}: 95 % intervals` : "";
  }

  /** What the rows rest on. */
  notes(rows: readonly ResultRow[], ...more: string[]): string[] {
    const { points } = this.result.provenance;
    const shown = new Set<string>();
    const headers = epochHeaders(this.result);
    if (headers.length > 0) return [...more, `${headers.join("; ")}.`];
    return [
      ...more,
      `Profiles ${listed(rows.map(({ provenance }) => provenance))}; carbon intensity ${listed(points.map(({ signal }) => signal))}, ${listed(points.flatMap(({ carbon }) => Object.values(carbon).map(({ provenance }) => String(provenance))))}.`,
      ...new Set(points.flatMap((point) => remarks(point, shown) ?? [])),
    ];
  }
}

/** How a router is named and coloured in a figure. */
export function nameOf({ router, about }: ResultRow): { readonly id: string; readonly family?: string } {
  return { id: router, ...(about.family === "user" ? {} : { family: about.family }) };
}

/** An interval in the unit of its axis. */
export function scaled(
  interval: readonly [number, number] | null | undefined,
  factor: number,
): readonly [number, number] | null {
  return interval === null || interval === undefined ? null : [interval[0] * factor, interval[1] * factor];
}
