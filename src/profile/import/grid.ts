import { mean } from "../../numeric/statistics.ts";
import { rounded } from "../derive/rounded.ts";
import { isotonicGrid, isotonicRow } from "../measure/isotonic.ts";
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

/** Weight in the isotonic fit of a cell beyond the readings of its batch, beside 1 of the others. */
const BEYOND_WEIGHT = 1e-4;

/**
 * A rectangular decode grid from readings at scattered places. Between two contexts of a batch a cell is interpolated;
 * above them the last slope continues, below them the first time is held, and the cell is marked. With a single context
 * in all a second one, twice as long, holds its times. Where times fall with batch or context, the isotonic fit stands in for them: steps do
 * not get shorter.
 *
 * @param stated what the readings themselves are; interpolated or fitted cells make it `derived` at best
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
        if (context > lower && lower === upper && known.length > 1) {
          const before = known[known.length - 2];
          return at(lower) + (Math.max(0, at(lower) - at(before)) * (context - lower)) / (lower - before);
        }
        if (lower >= upper) return at(upper);
        between++;
        const weight = (context - lower) / (upper - lower);
        return at(lower) * (1 - weight) + at(upper) * weight;
      }),
    );
  }
  const weights = extrapolated.map((row) => row.map((isBeyond) => (isBeyond ? BEYOND_WEIGHT : 1)));
  const fitted = isotonicGrid(iterationMs, weights);
  const changes = iterationMs.flatMap((row, b) =>
    row.flatMap((ms, c) => (extrapolated[b][c] ? [] : [Math.abs(fitted[b][c] / ms - 1)])),
  );
  const changed = fitNote("decode cells", changes);
  if (between > 0) notes.push(`${between} decode cells are interpolated in the context`);
  if (changed !== undefined) notes.push(changed);
  const touched = between > 0 || changed !== undefined;
  return {
    block: {
      provenance: provenanceOf(stated, touched),
      batch: batches,
      contextTokens: contexts,
      iterationMs: fitted.map((row) => row.map((ms) => rounded(ms, 3))),
      ...(extrapolated.flat().includes(true) ? { extrapolated } : {}),
    },
    notes,
  };
}

/** A prefill curve from readings; where it falls with the prompt, its isotonic fit. */
export function prefillFromPoints(
  points: readonly PrefillPoint[],
  stated: "published" | "derived" | "modelled",
): Made<Profile["prefill"]> {
  const promptTokens = sortedUnique(points.map(({ tokens }) => tokens));
  const latencyMs = promptTokens.map((tokens) =>
    mean(points.filter((point) => point.tokens === tokens).map(({ milliseconds }) => milliseconds)),
  );
  const fitted = isotonicRow(latencyMs);
  const changed = fitNote(
    "prefills",
    latencyMs.map((ms, i) => Math.abs(fitted[i] / ms - 1)),
  );
  return {
    block: {
      provenance: provenanceOf(stated, changed !== undefined),
      promptTokens,
      latencyMs: fitted.map((ms) => rounded(ms, 3)),
    },
    notes: changed === undefined ? [] : [changed],
  };
}

function provenanceOf(stated: "published" | "derived" | "modelled", touched: boolean): Provenance {
  return touched && stated === "published" ? "derived" : stated;
}

/** What the isotonic fit did to readings, by their relative changes; undefined where nothing that would be printed. */
function fitNote(what: string, changes: readonly number[]): string | undefined {
  const visible = changes.filter((change) => change > 5e-4);
  if (visible.length === 0) return undefined;
  const most = (100 * Math.max(...visible)).toFixed(1);
  return `${visible.length} of ${changes.length} ${what} fall with size: the isotonic fit stands in, ${most} % away at most`;
}

function sortedUnique(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}
