import { rounded } from "../derive/rounded.ts";
import type { Provenance } from "../provenance.ts";
import type { Profile } from "../schema.ts";

/** One decode step that somebody measured. */
export interface DecodePoint {
  readonly batch: number;
  readonly contextTokens: number;
  readonly milliseconds: number;
}

/** One prefill that somebody measured. */
export interface PrefillPoint {
  readonly tokens: number;
  readonly milliseconds: number;
}

/** A block of a profile, and what was done to the readings to make it, in words. */
export interface Made<Block> {
  readonly block: Block;
  readonly notes: readonly string[];
}

/**
 * A rectangular decode grid from readings at scattered places. Between two contexts of a batch a cell is interpolated;
 * outside them the nearest context's time is held and the cell is marked. With a single context in all a second one,
 * twice as long, holds its times. A reading below one of a smaller batch or context is raised to it: steps do not get
 * shorter.
 *
 * @param stated what the readings themselves are; interpolated or raised cells make it `derived` at best
 */
export function decodeFromPoints(
  points: readonly DecodePoint[],
  stated: "published" | "derived" | "modelled",
): Made<Profile["decode"]> {
  const batches = sortedUnique(points.map(({ batch }) => batch));
  const measuredContexts = sortedUnique(points.map(({ contextTokens }) => contextTokens));
  const notes: string[] = [];
  const contexts =
    measuredContexts.length === 1 ? [measuredContexts[0], 2 * measuredContexts[0]] : measuredContexts;
  if (measuredContexts.length === 1) notes.push("the readings have one context: longer ones hold its times");
  let between = 0;
  const iterationMs: number[][] = [];
  const extrapolated: boolean[][] = [];
  for (const batch of batches) {
    const ofBatch = points.filter((point) => point.batch === batch);
    const known = sortedUnique(ofBatch.map(({ contextTokens }) => contextTokens));
    const at = (context: number) =>
      mean(
        ofBatch.filter((point) => point.contextTokens === context).map(({ milliseconds }) => milliseconds),
      );
    extrapolated.push(contexts.map((context) => context < known[0] || context > known[known.length - 1]));
    iterationMs.push(
      contexts.map((context) => {
        const upper = known.find((each) => each >= context) ?? known[known.length - 1];
        const lower = known.findLast((each) => each <= context) ?? known[0];
        if (lower >= upper) return at(upper);
        between++;
        const weight = (context - lower) / (upper - lower);
        return at(lower) * (1 - weight) + at(upper) * weight;
      }),
    );
  }
  const raised = raise(iterationMs);
  if (between > 0) notes.push(`${between} decode cells are interpolated in the context`);
  if (raised > 0) notes.push(`${raised} decode cells are raised to that of a smaller batch or context`);
  const touched = between + raised > 0;
  return {
    block: {
      provenance: provenanceOf(stated, touched),
      batch: batches,
      contextTokens: contexts,
      iterationMs: iterationMs.map((row) => row.map((ms) => rounded(ms, 3))),
      ...(extrapolated.flat().includes(true) ? { extrapolated } : {}),
    },
    notes,
  };
}

/** A prefill curve from readings; one that is below that of a shorter prompt is raised to it. */
export function prefillFromPoints(
  points: readonly PrefillPoint[],
  stated: "published" | "derived" | "modelled",
): Made<Profile["prefill"]> {
  const promptTokens = sortedUnique(points.map(({ tokens }) => tokens));
  const latencyMs = promptTokens.map((tokens) =>
    mean(points.filter((point) => point.tokens === tokens).map(({ milliseconds }) => milliseconds)),
  );
  const raised = raise([latencyMs]);
  return {
    block: {
      provenance: provenanceOf(stated, raised > 0),
      promptTokens,
      latencyMs: latencyMs.map((ms) => rounded(ms, 3)),
    },
    notes: raised > 0 ? [`${raised} prefills are raised to that of a shorter prompt`] : [],
  };
}

function provenanceOf(stated: "published" | "derived" | "modelled", touched: boolean): Provenance {
  return touched && stated === "published" ? "derived" : stated;
}

/** Raises cells below their left or upper neighbour; returns how many. */
function raise(grid: number[][]): number {
  let raised = 0;
  grid.forEach((row, i) => {
    row.forEach((value, j) => {
      const least = Math.max(j === 0 ? 0 : row[j - 1], i === 0 ? 0 : grid[i - 1][j]);
      if (value >= least) return;
      row[j] = least;
      raised++;
    });
  });
  return raised;
}

function sortedUnique(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
