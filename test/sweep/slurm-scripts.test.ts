import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { parseSweep } from "../../src/sweep/file/load-sweep.ts";
import { type SlurmJob, slurmScripts } from "../../src/sweep/slurm/slurm-scripts.ts";

const job = (slurm: string, more: Partial<SlurmJob> = {}): SlurmJob => ({
  sweep: "rates",
  shards: 64,
  folder: "/data/results",
  workingFolder: "/data",
  canopy: ["/usr/bin/node", "/opt/canopy/main.js"],
  config: parseSweep(`sweep: rates\nexperiment: a.yaml\nslurm: ${slurm}\n`, "s.yaml", "/data").config.slurm,
  ...more,
});

/** The options of a script, parted into words as sbatch parts them: by the shell's rules, less its expansions. */
const directives = (script: string): string[] =>
  script
    .split("\n")
    .filter((line) => line.startsWith("#SBATCH "))
    .flatMap((line) =>
      execFileSync("bash", ["-c", `printf '%s\\0' ${line.slice(8)}`], { encoding: "utf8" })
        .split("\0")
        .slice(0, -1),
    );

test("a folder whose name has blanks, quotes, a # and a % is one word, and no pattern", () => {
  const folder = `/data/our 50%j "runs" #2/it's`;
  const { shards, merge } = slurmScripts(job("{}", { folder, workingFolder: "/data/our #1" }));
  for (const script of [shards, merge]) {
    const options = directives(script);
    expect(options).toContain("--chdir=/data/our #1");
    expect(options.every((option) => option.startsWith("--"))).toBe(true);
    expect(() => execFileSync("bash", ["-n"], { input: script })).not.toThrow();
  }
  expect(directives(shards)).toContain(`--output=/data/our 50%%j "runs" #2/it's/slurm/shard-%A_%a.log`);
  expect(directives(merge)).toContain(`--output=/data/our 50%%j "runs" #2/it's/slurm/merge-%j.log`);
});

test("what the sweep file says of a shard is asked for; the signal goes to the process that does it", () => {
  const { shards, merge } = slurmScripts(
    job(
      '{ time: "2-12", memory: 512m, cpus: 4, gres: gpu:1, options: ["--nice=100"], setup: [module load x] }',
    ),
  );
  expect(directives(shards)).toEqual([
    "--job-name=rates-shards",
    "--chdir=/data",
    "--output=/data/results/slurm/shard-%A_%a.log",
    "--time=2-12",
    "--mem=512m",
    "--cpus-per-task=4",
    "--signal=B:TERM@60",
    "--open-mode=append",
    "--gres=gpu:1",
    "--nice=100",
  ]);
  expect(shards.trimEnd().split("\n").slice(-3)).toEqual([
    "module load x",
    "set -eu",
    'exec /usr/bin/node /opt/canopy/main.js sweep-shard /data/results "$SLURM_ARRAY_TASK_ID/64" --quiet',
  ]);
  expect(directives(merge).some((option) => option.startsWith("--gres"))).toBe(false);
});

test.each(["1440", "0", "1:30", "00:01:01", "0-1", "3-00:00:00"])("a time limit of %s is one", (time) => {
  expect(job(`{ time: "${time}" }`).config.time).toBe(time);
});

test.each([
  [
    '{ time: "1" }',
    'slurm.time: is "1", expected more than a minute: a shard is told to stop a minute before its end',
  ],
  ['{ time: "0:60" }', 'slurm.time: is "0:60", expected more than a minute'],
  ['{ time: "1h" }', 'slurm.time: is "1h", expected minutes or [days-]hours:minutes:seconds'],
  ["{ memory: lots }", 'slurm.memory: is "lots", expected megabytes, or a number and K, M, G or T'],
])("%s is refused", (slurm, message) => {
  expect(() => job(slurm)).toThrow(message);
});
