/** The scripts that a sweep gives to Slurm: an array job whose tasks are its shards, and the job that merges them. */
import type { SlurmConfig } from "../file/sweep-schema.ts";

/** Ids of an array's tasks end below this, unless the cluster is set up otherwise. */
export const MOST_SHARDS = 1001;

/** Seconds before its limit at which a shard is told to stop. */
const NOTICE_SECONDS = 60;

export interface SlurmScripts {
  readonly shards: string;
  readonly merge: string;
}

export interface SlurmJob {
  readonly sweep: string;
  readonly shards: number;
  /** Folder of the sweep, absolute. */
  readonly folder: string;
  /** Where the jobs run, absolute: relative paths of the plan start there. */
  readonly workingFolder: string;
  /** The words that start Canopy, each as it is. */
  readonly canopy: readonly string[];
  readonly config: SlurmConfig;
}

/** Makes the scripts. Both can be submitted by hand too: `shards.sbatch` with `--array`. */
export function slurmScripts(job: SlurmJob): SlurmScripts {
  const { sweep, shards, folder, config, canopy } = job;
  const command = canopy.map(shellWord).join(" ");
  const own = shellWord(folder);
  const head = (name: string, output: string, lines: readonly string[]) =>
    [
      "#!/bin/bash",
      `#SBATCH --job-name=${name}`,
      `#SBATCH --chdir=${directiveWord(job.workingFolder)}`,
      // Of the folder's name nothing is a pattern.
      `#SBATCH --output=${directiveWord(`${folder.replaceAll("%", "%%")}/slurm/${output}`)}`,
      ...lines,
      ...optional("partition", config.partition),
      ...optional("account", config.account),
      ...optional("qos", config.qos),
      // First: what sets up environments trips over set -eu.
      ...config.setup,
      "set -eu",
    ].join("\n");
  // exec: the signal goes to the batch process alone.
  const run = `exec ${command} sweep-shard ${own} "$SLURM_ARRAY_TASK_ID/${shards}" --quiet`;
  const shardScript = `${head(`${sweep}-shards`, "shard-%A_%a.log", [
    `#SBATCH --time=${config.time}`,
    `#SBATCH --mem=${config.memory}`,
    `#SBATCH --cpus-per-task=${config.cpus}`,
    `#SBATCH --signal=B:TERM@${NOTICE_SECONDS}`,
    "#SBATCH --open-mode=append",
    ...optional("constraint", config.constraint),
    ...optional("gres", config.gres),
    ...config.options.map((option) => `#SBATCH ${option}`),
  ])}\n${run}\n`;
  const throttle = config.concurrent === undefined ? "" : `%${config.concurrent}`;
  const mergeScript = `${head(`${sweep}-merge`, "merge-%j.log", [
    `#SBATCH --time=${config.time}`,
    `#SBATCH --mem=${config.memory}`,
    "#SBATCH --cpus-per-task=1",
  ])}
cd ${shellWord(job.workingFolder)}
attempt=\${CANOPY_SWEEP_ATTEMPT:-0}
unended=$(${command} sweep-missing ${own} --array --unended)
if [ -n "$unended" ] && [ "$attempt" -lt ${config.retries} ]; then
  job=$(sbatch --parsable --array="$unended${throttle}" ${shellWord(`${folder}/slurm/shards.sbatch`)})
  next=$(sbatch --parsable --dependency="afterany:\${job%%;*}" --export="ALL,CANOPY_SWEEP_ATTEMPT=$((attempt + 1))" ${shellWord(`${folder}/slurm/merge.sbatch`)})
  echo "shards $unended did not come to their end: submitted again as job \${job%%;*}, merge as job \${next%%;*}"
  exit 0
fi
exec ${command} sweep-merge ${own} --quiet
`;
  return { shards: shardScript, merge: mergeScript };
}

function optional(option: string, value: string | undefined): string[] {
  return value === undefined ? [] : [`#SBATCH --${option}=${value}`];
}

/** A word as sbatch reads its directives: blanks part words, # begins a comment; quotes and backslashes help. */
function directiveWord(word: string): string {
  return /^[^\s#"'\\]+$/.test(word) ? word : `"${word.replace(/["\\]/g, "\\$&")}"`;
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
