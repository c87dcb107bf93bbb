import { finishedRuns, readFailures } from "./shard-folder.ts";
import { cellsOf, type SweepPlan, shardsOf } from "./sweep-plan.ts";

/** A shard with runs that are not finished. */
export interface MissingShard {
  readonly shard: number;
  readonly planned: number;
  readonly missing: number;
  /** Of those, runs that failed in the shard's last session. */
  readonly failed: number;
}

/** The shards of a division that have something to do, in order. */
export async function missingShards(
  folder: string,
  plan: SweepPlan,
  of = plan.shards,
): Promise<MissingShard[]> {
  const finished = await finishedRuns(folder);
  const failures = await readFailures(folder);
  const cells = cellsOf(plan);
  const shards = shardsOf(plan, cells, of);
  const counts = Array.from({ length: of }, (_, shard) => ({ shard, planned: 0, missing: 0, failed: 0 }));
  for (const [i, { key }] of cells.entries()) {
    const count = counts[shards[i]];
    count.planned++;
    if (finished.has(key)) continue;
    count.missing++;
    if (failures[key] !== undefined) count.failed++;
  }
  return counts.filter(({ missing }) => missing > 0);
}

/** Numbers as sbatch --array takes them: `2,7,11-13`. */
export function arraySpec(numbers: readonly number[]): string {
  const ranges: string[] = [];
  for (let i = 0; i < numbers.length; ) {
    let end = i;
    while (end + 1 < numbers.length && numbers[end + 1] === numbers[end] + 1) end++;
    ranges.push(end === i ? `${numbers[i]}` : `${numbers[i]}-${numbers[end]}`);
    i = end + 1;
  }
  return ranges.join(",");
}
