/** Makes a committed result again and says whether it is the same. */
import { UserError } from "../../errors.ts";
import { aggregate } from "../../experiment/aggregate.ts";
import { planExperiment } from "../../experiment/plan-experiment.ts";
import type { ExperimentResult } from "../../experiment/result.ts";
import { type ProgressListener, runPlans } from "../../sweep/run-plans.ts";
import { type CatalogueItem, experimentPath } from "./catalogue.ts";
import { compareRows, type RowsComparison, rowsOf } from "./compare-rows.ts";
import { readSmall, smallSets, writeSmall } from "./small.ts";

export interface ReproduceOptions {
  readonly workers: number;
  /** The reduced version. */
  readonly small?: boolean;
  /** Where `small` keeps its figures. */
  readonly folder: string;
  readonly signal?: AbortSignal;
  readonly progress?: ProgressListener;
}

export interface Reproduction extends RowsComparison {
  readonly item: string;
  readonly small: boolean;
  /** The experiment and the overrides that were run. */
  readonly file: string;
  readonly sets: readonly string[];
  readonly runs: number;
  readonly requests: number;
  readonly seconds: number;
  /**
   * What is asked of the figures: on another version of Node or other dense kernels the last digits may differ. A reduced
   * version has no intervals: where something learned on other kernels, its figures are only asked to be there.
   */
  readonly rule: "exact" | "within interval" | "other kernels";
  readonly reproduced: boolean;
}

/**
 * Runs what a committed result says: its experiment file, seeds and overrides, and compares metric by metric.
 *
 * @throws UserError when the experiment does not run here, CANOPY_REPRODUCE_INPUTS where its data are not here,
 * CANOPY_REPRODUCE_FAILED where runs fail, CANOPY_REPRODUCE_SMALL without a committed reduced version
 */
export async function reproduce(item: CatalogueItem, options: ReproduceOptions): Promise<Reproduction> {
  const began = performance.now();
  const small = options.small === true;
  const expected = small ? await readSmall(options.folder, item.id) : undefined;
  const sets = combinedSets(item.sets, expected?.sets ?? []);
  const { result, runs, requests } = await runItem(item, sets, options);
  const { provenance } = item.found.result;
  const made = expected ?? { node: provenance.node, dense: provenance.dense ?? null };
  const committed = expected?.rows ?? rowsOf(item.found.result, true);
  const comparison = compareRows(committed, rowsOf(result));
  const now = result.provenance;
  const equalKernels = JSON.stringify(made.dense) === JSON.stringify(now.dense ?? null);
  const rule =
    made.node === now.node && equalKernels
      ? "exact"
      : small && !equalKernels
        ? "other kernels"
        : "within interval";
  const moved = comparison.changes.filter(({ state }) =>
    rule === "other kernels" ? state === "gone" : rule === "exact" || state !== "within interval",
  );
  return {
    ...comparison,
    item: item.id,
    small,
    file: item.file,
    sets,
    runs,
    requests,
    seconds: (performance.now() - began) / 1000,
    rule,
    reproduced: moved.length === 0,
  };
}

/** Makes the reduced version of an item and keeps its figures; returns the file's path. */
export async function updateSmall(item: CatalogueItem, options: ReproduceOptions): Promise<string> {
  const sets = await smallSets(item);
  const { result } = await runItem(item, combinedSets(item.sets, sets), options);
  return writeSmall(options.folder, item.id, sets, result);
}

/** Overrides of a result and of its reduced version; where both set something of one key, the latter's alone. */
export function combinedSets(own: readonly string[], small: readonly string[]): string[] {
  const keyOf = (set: string) => /^[^.=[]*/.exec(set)?.[0].trim() ?? "";
  const replaced: string[] = small.map(keyOf).filter((key) => key === "seeds" || key === "starts");
  return [...own.filter((set) => !replaced.includes(keyOf(set))), ...small];
}

async function runItem(
  item: CatalogueItem,
  sets: readonly string[],
  { workers, signal, progress }: ReproduceOptions,
): Promise<{ result: ExperimentResult; runs: number; requests: number }> {
  const plan = await planExperiment(experimentPath(item), { sets });
  const standIns = (points: ExperimentResult["provenance"]["points"]) =>
    points.flatMap(({ notes }) => notes.filter((note) => note.includes("stands in for")));
  const [missing] = standIns(plan.provenance);
  if (missing !== undefined && standIns(item.found.result.provenance.points).length === 0) {
    throw new UserError(
      "CANOPY_REPRODUCE_INPUTS",
      `${item.id}: made from data that are not here: ${missing}`,
    );
  }
  const outcome = await runPlans([{ plan, store: null }], { workers, signal, progress });
  signal?.throwIfAborted();
  const [failed] = outcome.failed;
  if (failed !== undefined) {
    throw new UserError(
      "CANOPY_REPRODUCE_FAILED",
      `${item.id}: ${outcome.failed.length} of ${plan.runs.length} runs failed, the first of ${failed.spec.router.label}, seed ${failed.spec.seed}: ${failed.failure.code}: ${failed.failure.message}`,
      { exitCode: 1 },
    );
  }
  return {
    result: aggregate(plan, outcome.results),
    runs: plan.runs.length,
    requests: outcome.requestsSimulated,
  };
}
