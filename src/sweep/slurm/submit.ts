import { execFile } from "node:child_process";
import { chmod, mkdir } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { UserError } from "../../errors.ts";
import { writeFileAtomically } from "../../files.ts";
import { arraySpec } from "../shards/missing.ts";
import { type SlurmJob, slurmScripts } from "./slurm-scripts.ts";

const execute = promisify(execFile);

/** Folder of the scripts and the logs of their jobs. */
export function slurmFolder(folder: string): string {
  return join(folder, "slurm");
}

/** Writes `slurm/shards.sbatch` and `slurm/merge.sbatch`. */
export async function writeSlurmScripts(job: SlurmJob): Promise<void> {
  const folder = slurmFolder(job.folder);
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(slurmScripts(job))) {
    const path = join(folder, `${name}.sbatch`);
    await writeFileAtomically(path, text);
    await chmod(path, 0o755);
  }
}

/**
 * Submits shards as an array job.
 *
 * @returns id of the job
 * @throws UserError CANOPY_SLURM_ABSENT without sbatch here, CANOPY_SLURM_REFUSED with what sbatch says
 */
export function submitShards({ folder, config }: SlurmJob, shards: readonly number[]): Promise<string> {
  const throttle = config.concurrent === undefined ? "" : `%${config.concurrent}`;
  return sbatch([`--array=${arraySpec(shards)}${throttle}`, join(slurmFolder(folder), "shards.sbatch")]);
}

/**
 * Submits the merge, to run after a job however that ends: it looks itself whether every run is there.
 *
 * @returns id of the job
 * @throws UserError as {@link submitShards}
 */
export function submitMerge({ folder }: SlurmJob, after: string | null): Promise<string> {
  const dependency = after === null ? [] : [`--dependency=afterany:${after}`];
  return sbatch([
    ...dependency,
    "--export=ALL,CANOPY_SWEEP_ATTEMPT=0",
    join(slurmFolder(folder), "merge.sbatch"),
  ]);
}

/** @returns id of the job */
async function sbatch(words: readonly string[]): Promise<string> {
  try {
    const { stdout } = await execute("sbatch", ["--parsable", ...words]);
    // `id` or `id;cluster`
    return stdout.trim().split(";")[0];
  } catch (cause) {
    const { code, stderr } = cause as NodeJS.ErrnoException & { stderr?: string };
    if (code === "ENOENT") {
      throw new UserError(
        "CANOPY_SLURM_ABSENT",
        `there is no sbatch here: submit from a login node of the cluster, or leave --engine slurm out; the jobs are written, in ${relative(".", dirname(words[words.length - 1]))}`,
        { cause, exitCode: 1 },
      );
    }
    const why = (stderr ?? String(cause)).trim().split("\n").at(-1);
    throw new UserError("CANOPY_SLURM_REFUSED", `sbatch ${words.join(" ")}: ${why}`, { cause, exitCode: 1 });
  }
}

/** Jobs of a list that Slurm still has, waiting or running; all of them while its controller does not answer. */
export async function livingJobs(jobs: readonly string[]): Promise<readonly string[]> {
  if (jobs.length === 0) return [];
  try {
    const { stdout } = await execute("squeue", ["--noheader", "--format=%A", `--jobs=${jobs.join(",")}`]);
    return [...new Set(stdout.split("\n").filter((line) => line !== ""))];
  } catch (error) {
    // Some minutes after their end it forgets jobs, and calls their ids invalid.
    return /invalid job id/i.test((error as { stderr?: string }).stderr ?? "") ? [] : jobs;
  }
}
