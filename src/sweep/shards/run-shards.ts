import { join } from "node:path";
import type { RunSpec } from "../../experiment/run-spec.ts";
import { Journal } from "../journal.ts";
import type { FailedRun, ProgressListener } from "../run-plans.ts";
import { writePart } from "./parts.ts";
import { type CellInputs, runCells } from "./run-cells.ts";
import { finishedRuns, PART_FILE, shardFolder, trainedFolder, writeFailures } from "./shard-folder.ts";
import { cellsOf, type ShardName, type SweepPlan, shardsOf } from "./sweep-plan.ts";

export interface RunShardsOptions {
  /** Folder of the sweep. */
  readonly folder: string;
  /** Shards to do; default: all. */
  readonly shards?: readonly number[];
  /** Pieces; default: the plan's. */
  readonly of?: number;
  /** The only run to do, by key. */
  readonly only?: string;
  readonly workers: number;
  readonly workerHeapMiB?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ProgressListener | undefined;
}

export interface ShardsOutcome {
  /** Runs of the shards. */
  readonly planned: number;
  /** Runs that were found done. */
  readonly reused: number;
  readonly done: number;
  readonly failed: readonly FailedRun[];
  /** Not begun or not ended when the work was stopped. */
  readonly remaining: number;
  readonly requestsSimulated: number;
}

/**
 * Runs with what they are made from; asked for once it is known which are to be done.
 *
 * @throws the signal's reason when it is aborted
 */
export type CellSource = (
  keys: ReadonlySet<string>,
  signal?: AbortSignal,
) => Promise<CellInputs & { readonly specs: ReadonlyMap<string, RunSpec> }>;

/**
 * Does what is not finished of some shards: each run is finished when its line is in its shard's journal; at its end a
 * shard's journal becomes its part. Whoever ends this process at any moment loses the runs under way alone.
 *
 * @throws UserError CANOPY_STORE_LOCKED while another process does one of the shards, CANOPY_STORE_WRITE on a full disk
 */
export async function runShards(
  plan: SweepPlan,
  source: CellSource,
  options: RunShardsOptions,
): Promise<ShardsOutcome> {
  const of = options.of ?? plan.shards;
  const cells = cellsOf(plan);
  const shards = shardsOf(plan, cells, of);
  const wanted = options.shards === undefined ? undefined : new Set(options.shards);
  const finished = await finishedRuns(options.folder);
  const shardOf = new Map<string, number>();
  const touched = new Set<number>();
  let planned = 0;
  for (const [i, { key }] of cells.entries()) {
    if (wanted !== undefined && !wanted.has(shards[i])) continue;
    if (options.only !== undefined && key !== options.only) continue;
    planned++;
    if (finished.has(key)) continue;
    shardOf.set(key, shards[i]);
    touched.add(shards[i]);
  }
  const reused = planned - shardOf.size;
  const journals = new Map<number, Journal>();
  try {
    for (const shard of touched) {
      // Another process may have finished some since they were listed: what its journal holds is done.
      const journal = new Journal(shardFolder(options.folder, { shard, of }), {}, ({ key }) => {
        shardOf.delete(key);
      });
      journals.set(shard, journal);
    }
    const given = await source(new Set(shardOf.keys()), options.signal).catch((error: unknown) => {
      if (options.signal?.aborted === true && error === options.signal.reason) return undefined;
      throw error;
    });
    if (given === undefined) {
      const none = { done: 0, failed: [], requestsSimulated: 0 };
      return { planned, reused, ...none, remaining: shardOf.size };
    }
    const { specs, ...inputs } = given;
    const runs = [...shardOf.keys()].map((key) => specs.get(key) as RunSpec);
    const outcome = await runCells(
      runs,
      inputs,
      { ...options, trainedFolder: trainedFolder(options.folder), reused },
      ({ key }, { text }) => journals.get(shardOf.get(key) as number)?.append(key, text),
    );
    for (const journal of journals.values()) await journal.flush();
    if (outcome.remaining === 0) {
      for (const [shard, journal] of journals) {
        await endShard({ shard, of }, journal, options.folder, failuresOf(outcome.failed, shardOf, shard));
      }
    }
    return { planned, reused, ...outcome };
  } finally {
    for (const journal of journals.values()) await journal.close();
  }
}

/** The journal of a shard becomes its part; its failures are noted. */
async function endShard(
  name: ShardName,
  journal: Journal,
  folder: string,
  failures: Parameters<typeof writeFailures>[1],
): Promise<void> {
  const own = shardFolder(folder, name);
  await writeFailures(own, failures);
  await writePart(own, join(own, PART_FILE));
  await journal.clear();
}

function failuresOf(failed: readonly FailedRun[], shardOf: ReadonlyMap<string, number>, shard: number) {
  return Object.fromEntries(
    failed
      .filter(({ spec }) => shardOf.get(spec.key) === shard)
      .map(({ spec, failure: { code, message } }) => [spec.key, { code, message: message.split("\n")[0] }]),
  );
}
