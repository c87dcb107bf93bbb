/** Figures of planners over epochs: what each epoch comes to, and the requests that came in. */
import type { FigureConfig } from "../experiment/output-schema.ts";
import type { ResultRow } from "../experiment/result.ts";
import { type Drawing, type FigureContext, nameOf } from "./figure-context.ts";

type EpochsConfig = Extract<FigureConfig, { kind: "epochs" }>;
type ArrivalsConfig = Extract<FigureConfig, { kind: "arrivals" }>;

const OF: Readonly<Record<EpochsConfig["of"], string>> = {
  objective: "weighted sum of the metrics",
  ttft: "TTFT",
  carbon: "carbon",
  water: "water",
  cost: "cost",
};

/** Lines that one can tell apart; of more of them the leaders are coloured and the others grey. */
const MOST_COLOURED = 8;
const LEADERS_OF_GROUP = 2;

/**
 * A line for each planner over the epochs of a horizon: means over the runs, over those of even shares. Of many planners
 * the two of each group (systems, baselines, reference rows) with the lowest mean stand out.
 */
export function epochFigures(config: EpochsConfig, context: FigureContext): Promise<Drawing[]> {
  return context.forEachPoint(async (rows, where) => {
    const { linesFigure } = await import("./figures/lines.ts");
    const known = withEpochs(rows);
    if (known.length === 0) return undefined;
    const leaders = leadersOf(known, config.of);
    return linesFigure({
      title: config.title,
      subtitle: context.subtitle(where, "means of the runs"),
      notes: context.notes(rows),
      x: { label: "time", unit: "h" },
      y: { label: `${OF[config.of]}, relative to even shares` },
      series: known.map(({ row, epochs }) => ({
        ...nameOf(row),
        ...(leaders.has(row) ? {} : { aside: true }),
        x: epochs[config.of].map((_, e) => (e * epochs.epochSeconds) / 3600),
        y: epochs[config.of],
      })),
      marks: false,
    });
  });
}

/** Requests of each epoch by model, the same for every planner and mostly for every point: each once. */
export function arrivalFigures(config: ArrivalsConfig, context: FigureContext): Promise<Drawing[]> {
  const drawn = new Set<string>();
  return context.forEachPoint(async (rows, where) => {
    const { linesFigure } = await import("./figures/lines.ts");
    const first = withEpochs(rows)[0]?.epochs;
    if (first?.arrivals === undefined) return undefined;
    const { arrivals, epochSeconds } = first;
    const counts = JSON.stringify(arrivals);
    if (drawn.has(counts)) return undefined;
    drawn.add(counts);
    return linesFigure({
      title: config.title,
      subtitle: context.subtitle(where, `epochs of ${epochSeconds / 60} min`),
      notes: context.notes(rows),
      x: { label: "time", unit: "d" },
      y: { label: "requests an epoch" },
      series: Object.entries(arrivals).map(([id, counts]) => ({
        id,
        curve: "step-after" as const,
        x: counts.map((_, e) => (e * epochSeconds) / 86_400),
        y: counts,
      })),
      marks: false,
      fromZero: true,
    });
  });
}

function leadersOf(known: ReturnType<typeof withEpochs>, of: EpochsConfig["of"]): ReadonlySet<ResultRow> {
  if (known.length <= MOST_COLOURED) return new Set(known.map(({ row }) => row));
  const groups = new Map<string, { row: ResultRow; mean: number }[]>();
  for (const { row, epochs } of known) {
    const mean = epochs[of].reduce((sum, value) => sum + value, 0) / epochs[of].length;
    groups.set(row.about.group, [...(groups.get(row.about.group) ?? []), { row, mean }]);
  }
  const leaders = [...groups.values()].flatMap((own) =>
    own.sort((a, b) => a.mean - b.mean).slice(0, LEADERS_OF_GROUP),
  );
  return new Set(leaders.map(({ row }) => row));
}

function withEpochs(rows: readonly ResultRow[]) {
  return rows.flatMap((row) => (row.epochs === undefined ? [] : [{ row, epochs: row.epochs }]));
}
