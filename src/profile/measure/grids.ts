import { UserError } from "../../errors.ts";
import type { Profile } from "../schema.ts";
import { type CurveCell, type Fall, fitCurve } from "./curve.ts";
import { atDepth, type Estimate, nameOf } from "./depths.ts";
import type { MeasureSettings } from "./records.ts";
import type { PointSummary } from "./summary.ts";

/** One cell of the model's own depth, and the points that it rests on: one, or two of fewer layers. */
export interface Cell extends Estimate {
  readonly from: readonly PointSummary[];
}

/** Cells by batch and context, prompts by length. */
export interface Cells {
  readonly decode: (batch: number, contextTokens: number) => Cell | undefined;
  readonly prefill: (promptTokens: number) => Cell | undefined;
}

/** @throws UserError CANOPY_MEASURE_DEPTHS */
export function cellsOf(points: readonly PointSummary[], settings: MeasureSettings, layers: number): Cells {
  const byName = new Map(points.map((point) => [nameOf(point) + point.key.layers, point]));
  const cell = (key: Pick<PointSummary["key"], "kind" | "batch" | "contextTokens" | "promptTokens">) => {
    const from = settings.layers.map((depth) =>
      byName.get(nameOf({ key: key as PointSummary["key"] }) + depth),
    );
    const [first, second] = from;
    if (first === undefined) return undefined;
    if (settings.layers.length === 1) return { ...estimateOf(first), from: [first] };
    return second === undefined ? undefined : { ...atDepth(first, second, layers), from: [first, second] };
  };
  return {
    decode: (batch, contextTokens) => cell({ kind: "decode", batch, contextTokens, promptTokens: 0 }),
    prefill: (promptTokens) => cell({ kind: "prefill", batch: 1, contextTokens: 0, promptTokens }),
  };
}

function estimateOf({ meanMs, standardErrorMs }: PointSummary): Estimate {
  return { meanMs, standardErrorMs };
}

/** The grids of a profile, and what is to be said about them. */
export interface Grids {
  readonly decode: Pick<Profile["decode"], "batch" | "contextTokens" | "iterationMs" | "extrapolated">;
  readonly prefill: Pick<Profile["prefill"], "promptTokens" | "latencyMs">;
  readonly falls: readonly Fall[];
  /** Points of the protocol that are not in the grids, in words. */
  readonly dropped: readonly string[];
  /** Largest relative change that the fit made. */
  readonly largestChange: number;
}

/**
 * A row needs two contexts; cells behind its last measured one (the KV cache did not fit) continue its last slope and are
 * marked. Rows and columns never fall.
 *
 * @throws UserError CANOPY_MEASURE_INCOMPLETE, CANOPY_MEASURE_CURVE
 */
export function gridsOf(cells: Cells, { protocol }: MeasureSettings): Grids {
  const { batches, contexts, prompts } = protocol;
  const dropped: string[] = [];
  const rows = batches.flatMap((batch) => {
    const measured = contexts.map((context) => cells.decode(batch, context));
    const gap = measured.indexOf(undefined);
    const count = gap === -1 ? measured.length : gap;
    if (count >= 2 && measured.slice(count).every((cell) => cell === undefined)) {
      return [{ batch, cells: measured.slice(0, count) as Cell[] }];
    }
    dropped.push(`decode at batch ${batch}: ${count} contexts without a gap, expected 2`);
    return [];
  });
  const columns = Math.max(0, ...rows.map((row) => row.cells.length));
  const contextTokens = contexts.slice(0, columns);
  const prompt = prompts.flatMap((promptTokens) => {
    const cell = cells.prefill(promptTokens);
    if (cell !== undefined) return [{ promptTokens, cell }];
    dropped.push(`prefill of ${promptTokens} tokens: no prompt was read to its end within a window`);
    return [];
  });
  if (rows.length === 0 || prompt.length < 2) {
    const what =
      rows.length === 0 ? "no batch has two contexts" : `${prompt.length} prompt lengths, expected two`;
    throw new UserError(
      "CANOPY_MEASURE_INCOMPLETE",
      `too little was measured: ${what}; go on with --resume`,
      {
        exitCode: 1,
      },
    );
  }
  const grid = rows.map(({ batch, cells: row }) =>
    contextTokens.map((context, j): CurveCell => {
      const name = `batch ${batch} at context ${context}`;
      if (j < row.length) return { ...curveCell(row[j]), name };
      const [before, last] = row.slice(-2);
      const reach = (context - contextTokens[row.length - 1]) / spacing(contextTokens, row.length - 1);
      const rise = Math.max(0, last.meanMs - before.meanMs);
      return {
        value: last.meanMs + reach * rise,
        standardError: last.standardErrorMs * (1 + reach),
        contaminated: true,
        name,
      };
    }),
  );
  const decode = fitCurve(grid);
  const prefill = fitCurve([
    prompt.map(({ promptTokens, cell }) => ({
      ...curveCell(cell),
      name: `prefill of ${promptTokens} tokens`,
    })),
  ]);
  const falls = [...decode.falls, ...prefill.falls];
  const real = falls.find(({ withinNoise }) => !withinNoise);
  if (real !== undefined) {
    throw new UserError(
      "CANOPY_MEASURE_CURVE",
      `${real.message}: expected times that do not fall; measure again on a quiet host`,
      { exitCode: 1 },
    );
  }
  const extrapolated = rows.map((row) => contextTokens.map((_, j) => j >= row.cells.length));
  return {
    decode: {
      batch: rows.map(({ batch }) => batch),
      contextTokens,
      iterationMs: decode.fitted,
      ...(extrapolated.some((row) => row.includes(true)) ? { extrapolated } : {}),
    },
    prefill: { promptTokens: prompt.map(({ promptTokens }) => promptTokens), latencyMs: prefill.fitted[0] },
    falls,
    dropped,
    largestChange: Math.max(
      ...grid.flatMap((row, i) => row.map(({ value }, j) => Math.abs(decode.fitted[i][j] / value - 1))),
      ...prompt.map(({ cell }, i) => Math.abs(prefill.fitted[0][i] / cell.meanMs - 1)),
    ),
  };
}

function curveCell(cell: Cell): Omit<CurveCell, "name"> {
  return {
    value: cell.meanMs,
    standardError: cell.standardErrorMs,
    contaminated: cell.from.some(({ contaminated }) => contaminated),
  };
}

function spacing(values: readonly number[], i: number): number {
  return values[i] - values[i - 1];
}
