import { canonicalJson } from "../experiment/canonical-json.ts";
import type { FigureConfig } from "../experiment/output-schema.ts";
import type { ResultRow } from "../experiment/result.ts";
import type { Drawing, FigureContext } from "./figure-context.ts";
import { groupBy } from "./result-names.ts";

type SeriesConfig = Extract<FigureConfig, { kind: "series" }>;

/** Lines that routers report of themselves in the first run: one figure for all routers whose lines are the same. */
export async function seriesFigures(config: SeriesConfig, context: FigureContext): Promise<Drawing[]> {
  const drawings: Drawing[] = [];
  const points = groupBy(context.result.rows, ({ point }) => canonicalJson(point));
  for (const rows of points.values()) {
    const known = rows.filter((row) => row.series?.[config.of] !== undefined);
    const alike = groupBy(known, (row) => canonicalJson(row.series?.[config.of] ?? {}));
    for (const same of alike.values()) {
      const suffix = alike.size * points.size === 1 ? "" : same.map(({ router }) => router).join(" ");
      drawings.push({ suffix, svg: await linesOf(config, same, context) });
    }
  }
  return drawings;
}

async function linesOf(
  config: SeriesConfig,
  rows: readonly ResultRow[],
  context: FigureContext,
): Promise<string> {
  const { linesFigure } = await import("./figures/lines.ts");
  const lines = rows[0].series?.[config.of] ?? {};
  return linesFigure({
    title: config.title,
    subtitle: `${context.result.experiment}, ${rows.map(({ router }) => router).join(" and ")}`,
    notes: context.notes(rows),
    x: { label: "simulated time", unit: "h" },
    y: { label: config.of.replaceAll("_", " ") },
    series: Object.entries(lines).map(([id, { x, y }]) => ({ id, x, y })),
    marks: false,
  });
}
