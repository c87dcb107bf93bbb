/** What `canopy sweep` and its steps do. */
import { existsSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../errors.ts";
import { emptyTables, sharedInputs } from "../experiment/read-inputs.ts";
import { undrawnNotes } from "../report/result-figures.ts";
import { resultJson } from "../report/write-result.ts";
import { MOST_DRAWN, sweepTables, writeSweep } from "../report/write-sweep.ts";
import { isoTime } from "../signal/series.ts";
import { machineLimits } from "../sweep/batch-limits.ts";
import { loadSweep } from "../sweep/file/load-sweep.ts";
import { duration, Progress } from "../sweep/progress.ts";
import { estimateSweep } from "../sweep/shards/estimate.ts";
import { type MergedSweep, type MissingRun, mergeSweep } from "../sweep/shards/merge-sweep.ts";
import { arraySpec, type MissingShard, missingShards } from "../sweep/shards/missing.ts";
import { type PlannedSweep, planAgain, planSweep, sweepFileOf } from "../sweep/shards/plan-sweep.ts";
import { type CellSource, type RunShardsOptions, runShards } from "../sweep/shards/run-shards.ts";
import { finishedRuns, listShards, shardsFolder } from "../sweep/shards/shard-folder.ts";
import {
  cellsOf,
  planPath,
  readPlan,
  type ShardName,
  type SweepPlan,
  writePlan,
} from "../sweep/shards/sweep-plan.ts";
import { MOST_SHARDS } from "../sweep/slurm/slurm-scripts.ts";
import { livingJobs, submitMerge, submitShards, writeSlurmScripts } from "../sweep/slurm/submit.ts";
import { lockFolder } from "../sweep/store-lock.ts";
import type { MissingCommandOptions, SweepCommandOptions } from "./commands/sweep.ts";
import { heedingInterrupts } from "./interruptible.ts";
import { print, renderTable, writeOut } from "./output.ts";
import { ExitWith } from "./print-error.ts";
import { reportMistakes } from "./report-mistakes.ts";
import { withoutOption, words } from "./shell-words.ts";

/** Digits of a run's key that name it on the command line. */
const KEY_DIGITS = 12;
/** Failed runs that are listed on stderr; all of them stand in the sweep's folder. */
const MOST_LISTED = 20;
/** Shards of a sweep that goes to Slurm where nobody says how many. */
const SLURM_SHARDS = 16;
const POLL_MS = 2000;

/** `canopy sweep`: plan, shards, merge. */
export async function sweep(file: string, options: SweepCommandOptions): Promise<void> {
  const startedAt = new Date();
  const slurm = options.engine === "slurm";
  checkTogether(options);
  const folder = await folderOf(file, options);
  if (slurm) checkSlurmShards(options);
  const made = await makePlan(file, folder, options);
  const planned = slurm ? { ...made, plan: { ...made.plan, shards: slurmShards(made.plan, options) } } : made;
  if (options.dryRun === true) return printEstimate(planned, folder, options);
  const { plan } = planned;
  const only = options.only === undefined ? undefined : onlyRun(plan, options.only);
  if (options.fresh === true) await removeShards(folder);
  await writePlan(folder, plan);
  if (slurm) {
    const waited = await runOnSlurm(planned, folder, options);
    if (!waited) return;
  } else {
    await runInterruptibly(
      plan,
      sourceOf(planned),
      { folder, ...(only === undefined ? {} : { only }) },
      options,
    );
  }
  await merge(plan, folder, options, startedAt, only);
}

/** Refuses options of which one would have no effect, or another one than meant. */
function checkTogether({ engine, only, fresh, wait, workers, dryRun }: SweepCommandOptions): void {
  const slurm = engine === "slurm";
  const wrong =
    only !== undefined && fresh === true
      ? "--fresh with --only: all finished runs would go for one, expected one of them"
      : only !== undefined && slurm
        ? "--only with --engine slurm: expected --only alone, a single run is done on this machine"
        : workers !== undefined && slurm && dryRun !== true
          ? "--workers with --engine slurm: expected cpus under slurm in the sweep file, the cores of a shard"
          : wait === true && !slurm
            ? "--wait: expected --engine slurm beside it"
            : undefined;
  if (wrong !== undefined) throw new UserError("CANOPY_OPTION_VALUE", wrong);
}

/** `canopy sweep-plan` */
export async function planOnly(file: string, options: SweepCommandOptions): Promise<void> {
  const folder = await folderOf(file, options);
  const { plan } = await makePlan(file, folder, options);
  await writePlan(folder, plan);
  say(options, `${relative(".", planPath(folder))}: the plan for ${counted(plan.shards, "shard")}`);
  await print(options.format, planTable(plan, await finishedRuns(folder)));
}

/** `canopy sweep-shard` */
export async function shardOnly(
  given: string,
  shardText: string | undefined,
  options: SweepCommandOptions,
): Promise<void> {
  // Both orders read well: `sweep-shard 3/64 FOLDER`.
  const swapped = /^\d+\/\d+$/.test(given) && shardText !== undefined;
  const [sweepName, shardName] = swapped ? [shardText, given] : [given, shardText];
  const folder = await folderOf(sweepName, options);
  if (!existsSync(planPath(folder)) && !isFolder(sweepName)) {
    const made = (await makePlan(sweepName, folder, options)).plan;
    shardOf(shardName, options.shards ?? made.shards);
    await writePlan(folder, made);
  }
  const plan = await readPlan(folder);
  const { shard, of } = shardOf(shardName, options.shards ?? plan.shards);
  const source: CellSource = async (keys, signal) => {
    if (keys.size === 0) return emptySource();
    const { specs, planner } = await planAgain(plan, folder, keys, { signal });
    return { specs, inputs: planner.inputs, trainings: planner.trainings };
  };
  const { failed, planned } = await runInterruptibly(plan, source, { folder, shards: [shard], of }, options);
  if (failed.length === 0) return;
  const missing = failed.map(({ spec: { key, labels, router, seed, start }, failure }) => ({
    ...{ key, point: labels, router: router.label, seed, start },
    failure,
  }));
  reportMissing(plan, folder, options, missing, planned);
}

/** `canopy sweep-missing` */
export async function missingOnly(given: string, options: MissingCommandOptions): Promise<void> {
  const folder = await folderOf(given, options);
  const plan = await readPlan(folder);
  const all = await missingShards(folder, plan);
  const shards = options.unended === true ? all.filter(isUnended) : all;
  if (options.array === true) {
    const text = arraySpec(shards.map(({ shard }) => shard));
    return writeOut(text === "" ? "" : `${text}\n`);
  }
  const whole = (key: string, header: string) => ({ key, header, format: "integer" as const });
  await print(options.format, {
    tables: [
      {
        title: `Missing runs of ${plan.sweep}`,
        columns: [
          whole("shard", "shard"),
          whole("planned", "runs"),
          whole("missing", "missing"),
          whole("failed", "failed"),
        ],
        rows: shards.map((shard) => ({ cells: { ...shard } })),
        notes: shards.length === 0 ? ["Nothing is missing."] : [],
      },
    ],
    json: { schema: "canopy/sweep-missing/1", sweep: plan.sweep, shards: plan.shards, missing: shards },
  });
}

/** `canopy sweep-merge` */
export async function mergeOnly(given: string, options: SweepCommandOptions): Promise<void> {
  const folder = await folderOf(given, options);
  await merge(await readPlan(folder), folder, options, new Date());
}

function isUnended({ missing, failed }: MissingShard): boolean {
  return missing > failed;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** The folder of a sweep: named itself, or by the sweep's file. */
async function folderOf(given: string, { out }: { readonly out?: string }): Promise<string> {
  if (isFolder(given)) return given;
  return out ?? join(".canopy", "sweeps", (await loadSweep(given)).config.sweep);
}

async function makePlan(file: string, folder: string, options: SweepCommandOptions): Promise<PlannedSweep> {
  const sets = [...(options.set ?? []), ...(options.seeds === undefined ? [] : [`seeds=${options.seeds}`])];
  let said = performance.now();
  return planSweep(file, {
    folder,
    sets,
    shards: options.shards,
    progress: (done, of) => {
      if (performance.now() - said < 5000) return;
      said = performance.now();
      say(options, `planned ${done} of ${of} points`);
    },
  });
}

function sourceOf({ specs, planner }: PlannedSweep): CellSource {
  return async () => ({ specs, inputs: planner.inputs, trainings: planner.trainings });
}

function emptySource(): Awaited<ReturnType<CellSource>> {
  return { specs: new Map(), inputs: sharedInputs(emptyTables(undefined)), trainings: [] };
}

/** The shard that the user names, or that the batch system does. */
function shardOf(text: string | undefined, shards: number): ShardName {
  const { SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX } = process.env;
  const given = text ?? SLURM_ARRAY_TASK_ID ?? JOB_COMPLETION_INDEX;
  const match = /^(\d+)(?:\/(\d+))?$/.exec(given ?? "");
  if (match === null) {
    throw new UserError(
      "CANOPY_OPTION_VALUE",
      `${given ?? "no shard"}: expected k/n, e.g. 3/${shards}, or SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX in the environment`,
    );
  }
  const [shard, of] = [Number(match[1]), match[2] === undefined ? shards : Number(match[2])];
  if (shard < of) return { shard, of };
  throw new UserError(
    "CANOPY_OPTION_VALUE",
    of === 0
      ? `${given}: expected k/n with n from 1 on, e.g. 3/${shards}`
      : `${given}: expected a shard from 0 to ${of - 1}`,
  );
}

/** The key that begins so. */
function onlyRun(plan: SweepPlan, begin: string): string {
  const keys = cellsOf(plan).flatMap(({ key }) => (key.startsWith(begin) ? [key] : []));
  if (keys.length === 1) return keys[0];
  throw new UserError(
    "CANOPY_RUN_UNKNOWN",
    keys.length === 0
      ? `--only ${begin}: no run has a key that begins so; it changes with the inputs, the code and the version of Node`
      : `--only ${begin}: ${keys.length} runs have a key that begins so, give more of it`,
  );
}

/** Does shards until they are done or the user, or the batch system, interrupts. */
async function runInterruptibly(
  plan: SweepPlan,
  source: CellSource,
  which: Pick<RunShardsOptions, "folder" | "shards" | "of" | "only">,
  options: SweepCommandOptions,
) {
  const heard = () => say(options, "interrupted: stopping the runs that are under way");
  const outcome = await heedingInterrupts(heard, (signal) =>
    runShards(plan, source, {
      ...which,
      ...machineLimits(options.workers),
      signal,
      progress: options.quiet === true ? undefined : new Progress(),
    }),
  );
  if (outcome.remaining === 0) return outcome;
  process.stderr.write(
    `${outcome.reused + outcome.done} finished runs are kept in ${relative(".", which.folder) || "."}; the other ${outcome.remaining + outcome.failed.length} are done by the same command:\n  ${words(["canopy", ...withoutOption(process.argv.slice(2), "--fresh")])}\n`,
  );
  throw new ExitWith(130);
}

/** Merges, prints and writes what there is; leaves with 1 or 2 where runs are missing. */
async function merge(
  plan: SweepPlan,
  folder: string,
  options: SweepCommandOptions,
  startedAt: Date,
  only?: string,
): Promise<void> {
  const merged = await mergeSweep(folder, plan);
  const files = await writeSweep(folder, merged, plan, {
    command: ["canopy", ...process.argv.slice(2)],
    startedAt,
    endedAt: new Date(),
    state:
      merged.missing.length === 0
        ? "complete"
        : merged.missing.some(({ failure }) => failure === null)
          ? "interrupted"
          : "failed",
  });
  say(options, `${relative(".", folder) || "."}: ${files.join(", ")}`);
  const isDrawn = merged.result.rows.length <= MOST_DRAWN;
  if (isDrawn) for (const note of undrawnNotes(merged.result, files)) say(options, note);
  else if (plan.experiment.outputs.figures.length > 0) {
    say(options, `no figures of ${merged.result.rows.length} rows: they are drawn of up to ${MOST_DRAWN}`);
  }
  await printMerged(only === undefined ? merged : pointOf(merged, plan, only), plan, options);
  const missing = only === undefined ? merged.missing : merged.missing.filter(({ key }) => key === only);
  if (missing.length === 0) return;
  reportMissing(plan, folder, options, missing, merged.planned);
}

/** The part of a merge that belongs to the point of a run. */
function pointOf(merged: MergedSweep, plan: SweepPlan, only: string): MergedSweep {
  const labels = plan.points.find(({ runs }) => runs.some(([, , , key]) => key === only))?.labels ?? {};
  const text = JSON.stringify(labels);
  const rows = merged.result.rows.filter(({ point }) => JSON.stringify(point) === text);
  return { ...merged, result: { ...merged.result, rows } };
}

async function printMerged(
  merged: MergedSweep,
  plan: SweepPlan,
  { format }: SweepCommandOptions,
): Promise<void> {
  if (format === "json") return writeOut(resultJson(merged.result));
  const texts: string[] = [];
  for (const table of sweepTables(merged, plan)) texts.push(await renderTable(table, format));
  await writeOut(texts.join("\n"));
}

/** Says which runs have no result, and why; leaves with 1, or with 2 where all failed by what the user gave. */
function reportMissing(
  plan: SweepPlan,
  folder: string,
  { out }: SweepCommandOptions,
  missing: readonly MissingRun[],
  planned: number,
): never {
  const failures = missing.flatMap(({ router, failure }) =>
    failure === null ? [] : [{ router, ...failure }],
  );
  if (failures.length === missing.length) reportMistakes(failures, planned);
  const file = sweepFileOf(plan, folder);
  const again = ["canopy", "sweep", file, ...plan.sets.flatMap((set) => ["--set", set])];
  // A folder that follows from the file needs no mention.
  const place =
    out !== undefined || folder !== join(".canopy", "sweeps", plan.sweep)
      ? ["--out", relative(".", folder) || "."]
      : [];
  const failed = missing.filter(({ failure }) => failure !== null);
  const lines = failed.slice(0, MOST_LISTED).map(({ key, point, router, seed, start, failure }) => {
    const labels = Object.entries(point).map(([label, value]) => `${label} ${JSON.stringify(value)}, `);
    const where = `${labels.join("")}${router}, seed ${seed}${start === null ? "" : `, start ${isoTime(start)}`}`;
    return `  ${where}: ${failure?.code}: ${failure?.message.split("\n")[0]}\n    ${words([...again, ...place, "--only", key.slice(0, KEY_DIGITS)])}\n`;
  });
  if (failed.length > MOST_LISTED) {
    lines.push(
      `  and ${failed.length - MOST_LISTED} more: ${relative(".", shardsFolder(folder))}/*/failed.json\n`,
    );
  }
  const unended = missing.length - failed.length;
  const what = [
    ...(failed.length === 0 ? [] : [`${failed.length} of ${planned} runs failed`]),
    ...(unended === 0 ? [] : [`${unended} of ${planned} runs are not done`]),
  ].join(", ");
  const tail =
    failed.length === 0
      ? `; the same again does them: ${words([...again, ...place])}\n`
      : "; the others are kept. Each again, alone:\n";
  process.stderr.write(`error CANOPY_RUN_FAILED: ${what}${tail}${lines.join("")}`);
  throw new ExitWith(1);
}

function planTable(plan: SweepPlan, finished: ReadonlySet<string>) {
  const cells = cellsOf(plan);
  const done = cells.filter(({ key }) => finished.has(key)).length;
  const summary = {
    sweep: plan.sweep,
    points: plan.points.length,
    routers: plan.routers.length,
    runs: cells.length,
    done,
    shards: plan.shards,
  };
  const whole = (key: string, header: string) => ({ key, header, format: "integer" as const });
  return {
    tables: [
      {
        title: "Plan",
        columns: [
          { key: "sweep", header: "sweep" },
          whole("points", "points"),
          whole("routers", "routers"),
          whole("runs", "runs"),
          whole("done", "done before"),
          whole("shards", "shards"),
        ],
        rows: [{ cells: { ...summary } }],
        notes: [] as string[],
      },
    ],
    json: { schema: "canopy/sweep-summary/1", ...summary } as { schema: string } & Record<string, unknown>,
  };
}

async function printEstimate(
  planned: PlannedSweep,
  folder: string,
  options: SweepCommandOptions,
): Promise<void> {
  const { plan, specs, planner } = planned;
  const finished = options.fresh === true ? new Set<string>() : await finishedRuns(folder);
  const pending = [...specs.values()].filter(({ key }) => !finished.has(key));
  const { workers } = machineLimits(options.workers);
  const { seconds, sampled, untrained } = await estimateSweep(
    pending,
    { inputs: planner.inputs, trainings: planner.trainings },
    { workers, folder: join(folder, "trained") },
  );
  const printed = planTable(plan, finished);
  const [table] = printed.tables;
  if (pending.length === 0) table.notes.push("Nothing is left to do.");
  else if (seconds === null) table.notes.push("No estimate: none of the runs that were tried ended in 30 s.");
  else {
    table.notes.push(
      `${counted(pending.length, "run")} ${pending.length === 1 ? "takes" : "take"} about ${duration(seconds)} on ${counted(Math.max(1, workers), "worker")} here: from ${counted(sampled, "run")} done for this and not kept.`,
    );
    if (options.engine === "slurm") {
      const { cpus } = planned.sweep.config.slurm;
      const each = (seconds * Math.max(1, workers)) / (Math.min(plan.shards, pending.length) * cpus);
      table.notes.push(
        `On Slurm: ${counted(plan.shards, "shard")} of about ${duration(each)} on ${counted(cpus, "core")} each, where cores are as fast as here.`,
      );
    }
  }
  if (untrained > 0) table.notes.push(`${untrained} runs wait for a training, whose time is not in it.`);
  await print(options.format, {
    tables: [table],
    json: {
      ...printed.json,
      pending: pending.length,
      estimatedSeconds: seconds,
      sampledRuns: sampled,
      workers,
    },
  });
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

/** @throws UserError CANOPY_STORE_LOCKED while another process writes there, CANOPY_STORE_UNUSABLE */
async function removeShards(folder: string): Promise<void> {
  const free: (() => void)[] = [];
  try {
    for (const shard of listShards(folder)) free.push(lockFolder(shard));
    await rm(shardsFolder(folder), { recursive: true, force: true });
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    const why = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new UserError(
      "CANOPY_STORE_UNUSABLE",
      `${shardsFolder(folder)}: cannot be removed for --fresh (${why}); name another folder with --out`,
      { cause },
    );
  } finally {
    for (const giveBack of free) giveBack();
  }
}

/** Shards of a sweep that goes to Slurm: as many as were asked for, or the file's, within what an array may have. */
function slurmShards({ shards }: SweepPlan, options: SweepCommandOptions): number {
  return Math.min(options.shards ?? (shards === 1 ? SLURM_SHARDS : shards), MOST_SHARDS - 1);
}

function checkSlurmShards({ shards }: SweepCommandOptions): void {
  if (shards === undefined || shards < MOST_SHARDS) return;
  throw new UserError(
    "CANOPY_OPTION_VALUE",
    `--shards ${shards}: an array job of Slurm has at most ${MOST_SHARDS - 1} tasks, and a shard may have any number of runs`,
  );
}

/**
 * Writes the jobs and submits them.
 *
 * @returns whether they have ended: only then there is something to merge here
 */
async function runOnSlurm(
  { plan, sweep }: PlannedSweep,
  folder: string,
  options: SweepCommandOptions,
): Promise<boolean> {
  const job = {
    sweep: plan.sweep,
    shards: plan.shards,
    folder: resolve(folder),
    workingFolder: resolve("."),
    canopy: canopyWords(),
    config: sweep.config.slurm,
  };
  await writeSlurmScripts(job);
  let missing = await missingShards(folder, plan);
  if (options.wait !== true) {
    const array =
      missing.length === 0
        ? null
        : await submitShards(
            job,
            missing.map(({ shard }) => shard),
          );
    const last = await submitMerge(job, array);
    const what =
      array === null
        ? "nothing is left to do"
        : `${missing.length} of ${plan.shards} shards are job ${array}`;
    say(options, `${what}, the merge is job ${last}; their logs: ${relative(".", join(folder, "slurm"))}`);
    await print(options.format, {
      tables: [
        {
          title: "Jobs",
          columns: [
            { key: "job", header: "job" },
            { key: "id", header: "id" },
            { key: "shards", header: "shards" },
          ],
          rows: [
            ...(array === null
              ? []
              : [
                  {
                    cells: { job: "shards", id: array, shards: arraySpec(missing.map(({ shard }) => shard)) },
                  },
                ]),
            { cells: { job: "merge", id: last, shards: "" } },
          ],
          notes: [],
        },
      ],
      json: { schema: "canopy/sweep-jobs/1", sweep: plan.sweep, shards: plan.shards, array, merge: last },
    });
    return false;
  }
  for (let attempt = 0; missing.length > 0 && attempt <= job.config.retries; attempt++) {
    const array = await submitShards(
      job,
      missing.map(({ shard }) => shard),
    );
    say(options, `${missing.length} of ${plan.shards} shards are job ${array}`);
    await waitFor(array, plan, folder, options);
    missing = (await missingShards(folder, plan)).filter(isUnended);
  }
  return true;
}

async function waitFor(
  job: string,
  plan: SweepPlan,
  folder: string,
  options: SweepCommandOptions,
): Promise<void> {
  const runs = cellsOf(plan).length;
  let said = performance.now();
  while ((await livingJobs([job])).length > 0) {
    await sleep(POLL_MS);
    if (performance.now() - said < 10_000) continue;
    said = performance.now();
    say(options, `${(await finishedRuns(folder)).size} of ${runs} runs are finished`);
  }
}

/** How another process starts this program. */
function canopyWords(): string[] {
  const main = resolve(process.argv[1]);
  const loader = main.endsWith(".ts") ? ["--import", import.meta.resolve("tsx")] : [];
  return [process.execPath, ...loader, main];
}

function say({ quiet }: { readonly quiet?: true }, text: string): void {
  if (quiet !== true) process.stderr.write(`${text}\n`);
}
