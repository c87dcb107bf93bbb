/**
 * Sweeps on a real Slurm: four nodes with a make-believe GPU each on this machine, set up by `scripts/slurm-cluster.sh`.
 * Skipped, with the reason, where Slurm cannot run.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { canopy as anyCanopy, type Ended, SMALL, workFolder } from "../cli/canopy.ts";
import { copyOfProgram } from "./program.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SCRIPT = join(ROOT, "scripts/slurm-cluster.sh");
const CLUSTER = workFolder();
const reason = whyNot();
if (reason !== undefined) process.stdout.write(`Slurm suite skipped: ${reason}\n`);

/** Starts the cluster; why there is none, where Slurm cannot run. */
function whyNot(): string | undefined {
  const check = spawnSync(SCRIPT, ["check"], { encoding: "utf8" });
  if (check.status !== 0) return check.stdout.trim();
  const { status } = spawnSync(SCRIPT, ["start", CLUSTER], {
    env: { ...process.env, CANOPY_SLURM_PORT: "17300" },
    // Its daemons would keep pipes open.
    stdio: "ignore",
    timeout: 110_000,
  });
  if (status === 0) return undefined;
  spawnSync(SCRIPT, ["stop", CLUSTER], { stdio: "ignore" });
  const log = join(CLUSTER, "slurmctld.log");
  const last = existsSync(log) ? readFileSync(log, "utf8").trim().split("\n").slice(-3).join("; ") : "no log";
  return `its daemons do not come up here: ${last}`;
}

const env = { SLURM_CONF: join(CLUSTER, "slurm.conf"), PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` };
/** A copy of the program: a run's key holds the hash of the code, and somebody may be editing it. */
const MAIN = reason === undefined ? copyOfProgram() : "";
const canopy = (args: readonly string[], cwd: string, more: Readonly<Record<string, string>> = {}) =>
  anyCanopy(args, { cwd, main: MAIN, env: { ...env, ...more } });
const slurm = (command: string, ...words: string[]) =>
  execFileSync(command, words, {
    env: { ...process.env, ...env },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  }).trim();

/** 4 points x 2 routers x 3 seeds in 4 shards. */
const SWEEP = `sweep: spread
experiment: small.yaml
axes:
  workload.arrival.ratePerS: { from: 5, to: 20, count: 4 }
shards: 4
slurm:
  time: "00:05:00"
  memory: 900M
  gres: gpu:1
  setup: ["echo \\"$SLURM_JOB_ID $SLURMD_NODENAME gpu=\${CUDA_VISIBLE_DEVICES-none}\\" >> nodes.log"]
`;
const study = (files: Readonly<Record<string, string>> = {}) =>
  workFolder({
    "small.yaml": SMALL.replace(/requests: \d+/, "requests: 2000"),
    "sweep.yaml": SWEEP,
    ...files,
  });
const LOCAL = ["sweep", "sweep.yaml", "--workers", "2", "--quiet"];

/** What a merge leaves, but for the times in the manifest. */
function mergedBytes(folder: string): Record<string, string> {
  const names = readdirSync(folder).filter((name) => /^(runs|rows|result|table)\b/.test(name));
  expect(names.length).toBeGreaterThan(8);
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name)).toString("base64")]));
}

let localBytes: Record<string, string> | undefined;
async function undisturbed(): Promise<Record<string, string>> {
  if (localBytes === undefined) {
    const cwd = study();
    succeeded(await canopy([...LOCAL, "--out", "out"], cwd));
    localBytes = mergedBytes(join(cwd, "out"));
  }
  return localBytes;
}

function succeeded({ code, stdout, stderr }: Ended): string {
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

/** Waits until the cluster has no job left. */
async function drained(): Promise<void> {
  for (let i = 0; i < 600; i++) {
    if (slurm("squeue", "--noheader") === "") return;
    await sleep(500);
  }
  throw new Error(`jobs do not end:\n${slurm("squeue")}`);
}

/** Ids, names and states of the jobs that have ended, as Slurm wrote them down. */
function endedJobs(): { readonly id: string; readonly name: string; readonly state: string }[] {
  return readFileSync(join(CLUSTER, "jobs.log"), "utf8")
    .split("\n")
    .flatMap((line) => {
      const word = (key: string) => new RegExp(`\\b${key}=(\\S+)`).exec(line)?.[1] ?? "";
      return line === "" ? [] : [{ id: word("JobId"), name: word("Name"), state: word("JobState") }];
    });
}

describe.skipIf(reason !== undefined)("sweeps on Slurm", () => {
  afterAll(() => {
    if (reason === undefined) spawnSync(SCRIPT, ["stop", CLUSTER], { stdio: "ignore" });
  });

  test("an array job on all nodes gives the bytes of a local sweep", async () => {
    const cwd = study();
    const ended = await canopy(["sweep", "sweep.yaml", "--engine", "slurm", "--wait", "--out", "out"], cwd);
    expect(succeeded(ended)).toContain("round-robin");
    expect(ended.stderr).toMatch(/4 of 4 shards are job \d+/);
    expect(mergedBytes(join(cwd, "out"))).toEqual(await undisturbed());
    const shards = readFileSync(join(cwd, "nodes.log"), "utf8").trim().split("\n");
    expect(shards).toHaveLength(4);
    // Each with the node's device; nodes are taken as they come free.
    for (const line of shards) expect(line).toMatch(/^\d+ n[1-4] gpu=0$/);
    expect(new Set(shards.map((line) => line.split(" ")[1])).size).toBeGreaterThan(1);
    // Again: nothing is left to do, and no job is submitted.
    const again = await canopy(["sweep", "sweep.yaml", "--engine", "slurm", "--wait", "--out", "out"], cwd);
    expect(succeeded(again)).toBe(ended.stdout);
    expect(again.stderr).not.toContain("are job");
  });

  test("submitted and left alone: the merge follows", async () => {
    const cwd = study();
    const jobs = JSON.parse(
      succeeded(
        await canopy(["sweep", "sweep.yaml", "--engine", "slurm", "--out", "out", "--format", "json"], cwd),
      ),
    );
    expect(jobs).toMatchObject({
      schema: "canopy/sweep-jobs/1",
      shards: 4,
      array: expect.stringMatching(/^\d+$/),
    });
    await drained();
    expect(mergedBytes(join(cwd, "out"))).toEqual(await undisturbed());
    expect(readFileSync(join(cwd, `out/slurm/merge-${jobs.merge}.log`), "utf8")).toContain("round-robin");
    expect(JSON.parse(readFileSync(join(cwd, "out/manifest.json"), "utf8")).state).toBe("complete");
  });

  test("a shard that is killed is submitted again by the merge, the others are not", async () => {
    // The first shard kills itself with its first start.
    const cwd = study({
      "sweep.yaml": SWEEP.replace(
        "setup: [",
        // A function: $$ would be one $ otherwise.
        () =>
          `setup: ["[ \${SLURM_ARRAY_TASK_ID-none} != 1 ] || [ -e died ] || { touch died; kill -9 $$; }", `,
      ),
    });
    succeeded(await canopy(["sweep", "sweep.yaml", "--engine", "slurm", "--out", "out"], cwd));
    await drained();
    expect(existsSync(join(cwd, "died"))).toBe(true);
    expect(mergedBytes(join(cwd, "out"))).toEqual(await undisturbed());
    const logs = readdirSync(join(cwd, "out/slurm"));
    const merges = logs.filter((name) => name.startsWith("merge-"));
    expect(merges).toHaveLength(2);
    const said = merges.map((name) => readFileSync(join(cwd, "out/slurm", name), "utf8")).join("\n");
    expect(said).toMatch(/shards 1 did not come to their end: submitted again as job \d+, merge as job \d+/);
    // Four of the first array, one of the second.
    expect(logs.filter((name) => name.startsWith("shard-"))).toHaveLength(5);
  });

  test("a shard that is told to stop keeps what it has done; the next submission does the rest", async () => {
    const slow = SMALL.replace(/requests: \d+/, "requests: 60").replace(
      /^routers: .*$/m,
      "routers: [round-robin, { router: ./slow.mjs }]",
    );
    const cwd = study({ "small.yaml": slow, "slow.mjs": SLOW });
    const quick = study({ "small.yaml": slow, "slow.mjs": SLOW });
    succeeded(await canopy([...LOCAL, "--out", "out"], quick, { QUICK: "1" }));
    const { array, merge } = JSON.parse(
      succeeded(
        await canopy(["sweep", "sweep.yaml", "--engine", "slurm", "--out", "out", "--format", "json"], cwd),
      ),
    );
    slurm("scancel", merge);
    const lines = () =>
      readdirSync(join(cwd, "out/shards"), { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith("runs.jsonl"))
        .reduce(
          (sum, name) => sum + readFileSync(join(cwd, "out/shards", name), "utf8").split("\n").length - 1,
          0,
        );
    for (let i = 0; i < 600 && (!existsSync(join(cwd, "out/shards")) || lines() < 2); i++) await sleep(100);
    slurm("scancel", array);
    await drained();
    const kept = lines();
    expect(kept).toBeGreaterThanOrEqual(2);
    expect(kept).toBeLessThan(24);
    const logs = readdirSync(join(cwd, "out/slurm")).filter((name) => name.startsWith("shard-"));
    const said = logs.map((name) => readFileSync(join(cwd, "out/slurm", name), "utf8")).join("\n");
    expect(said).toMatch(/\d+ finished runs are kept in out; the other \d+ are done by the same command/);
    writeFileSync(join(cwd, "quick"), "");
    succeeded(
      await canopy(["sweep", "sweep.yaml", "--engine", "slurm", "--wait", "--out", "out", "--quiet"], cwd),
    );
    expect(mergedBytes(join(cwd, "out"))).toEqual(mergedBytes(join(quick, "out")));
  });

  test("runs that fail are listed once, and not tried again and again", async () => {
    const cwd = study({
      "small.yaml": SMALL.replace(/^routers: .*$/m, "routers: [round-robin, { router: ./broken.mjs }]"),
      "broken.mjs": SLOW.replace("let host", 'throw new Error("not today"); let host'),
    });
    const before = endedJobs().length;
    const { merge } = JSON.parse(
      succeeded(
        await canopy(["sweep", "sweep.yaml", "--engine", "slurm", "--out", "out", "--format", "json"], cwd),
      ),
    );
    await drained();
    const log = readFileSync(join(cwd, `out/slurm/merge-${merge}.log`), "utf8");
    expect(log).toContain("error CANOPY_RUN_FAILED: 12 of 24 runs failed");
    expect(log).toMatch(
      /broken, seed 1: CANOPY_RUN_FAILED: not today\n {4}canopy sweep .*sweep.yaml --out out --only [0-9a-f]{12}\n/,
    );
    // Four shards and one merge.
    expect(endedJobs().length - before).toBe(5);
    expect(endedJobs().find(({ id }) => id === merge)?.state).toBe("FAILED");
  });

  test("what Slurm refuses is said in one line", async () => {
    const cwd = study({ "sweep.yaml": SWEEP.replace("gres:", "partition: nowhere\n  gres:") });
    const refused = await canopy(["sweep", "sweep.yaml", "--engine", "slurm", "--out", "out"], cwd);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/^error CANOPY_SLURM_REFUSED: sbatch .*invalid partition.*\n$/i);
    const absent = await canopy(["sweep", "sweep.yaml", "--engine", "slurm", "--out", "out"], cwd, {
      PATH: "/nowhere",
    });
    expect(absent.stderr).toMatch(/^error CANOPY_SLURM_ABSENT: there is no sbatch here/);
  });
});

/** Takes two seconds a run until the folder has a file `quick` or the environment says so. */
const SLOW = `import { existsSync } from "node:fs";
import { defineRouter, z } from "canopy-bench";
export default defineRouter({
  id: "slow", family: "user", group: "user", status: "ours", source: "a test", summary: "Takes its time",
  parameters: z.strictObject({}),
  create: () => {
    let host;
    return {
      start(world, given) {
        host = given;
        if (process.env.QUICK || existsSync("quick")) return;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2000);
      },
      arrival(request) { host.place(request, 0); },
    };
  },
});
`;
