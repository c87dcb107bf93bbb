import type { RunSpec } from "../../experiment/run-spec.ts";
import { type CellInputs, runCells } from "./run-cells.ts";

/** How long runs will take, from some of them that were done for it. */
export interface SweepEstimate {
  /** Null where none of those ended in time. */
  readonly seconds: number | null;
  /** Runs that it rests on. */
  readonly sampled: number;
  /** Runs that wait for a training, whose time is not in the estimate. */
  readonly untrained: number;
}

/** Runs of each router that are tried, and of all routers. */
const SAMPLES_OF_EACH = 3;
const MOST_SAMPLES = 24;

/**
 * Does a few of the runs, spread over the plan, of each router some, and keeps none.
 *
 * @param limitSeconds after which no more is tried
 */
export async function estimateSweep(
  runs: readonly RunSpec[],
  inputs: CellInputs,
  { workers, limitSeconds = 30, folder }: { workers: number; limitSeconds?: number; folder: string },
): Promise<SweepEstimate> {
  const byRouter = new Map<string, RunSpec[]>();
  let untrained = 0;
  for (const run of runs) {
    if (run.router.training !== null) untrained++;
    const own = byRouter.get(run.router.label);
    if (own === undefined) byRouter.set(run.router.label, [run]);
    else own.push(run);
  }
  // One of each router first: the time may be up before the second.
  const samples = Array.from({ length: SAMPLES_OF_EACH }, (_, i) =>
    [...byRouter.values()].map((own) => own[Math.floor(((i + 0.5) / SAMPLES_OF_EACH) * own.length)]),
  ).flat();
  const tried = [...new Set(samples.filter(({ router }) => router.training === null))].slice(0, MOST_SAMPLES);
  const times = new Map<string, number[]>();
  await runCells(
    tried,
    inputs,
    { workers, signal: AbortSignal.timeout(1000 * limitSeconds), trainedFolder: folder },
    ({ router }, { seconds }) => times.set(router.label, [...(times.get(router.label) ?? []), seconds]),
  );
  const known = [...times.values()].flat();
  if (known.length === 0) return { seconds: null, sampled: 0, untrained };
  let seconds = 0;
  for (const [router, own] of byRouter) seconds += own.length * median(times.get(router) ?? known);
  return { seconds: seconds / Math.max(1, workers), sampled: known.length, untrained };
}

/** The first runs of a worker are slow, and stand out. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
