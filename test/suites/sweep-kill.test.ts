/**
 * Shards of a sweep are killed at random moments, run out of disk, or lose workers, until they are done all the same:
 * nothing that was finished is lost or done again, and the merge has the bytes of a sweep that nobody disturbed.
 *
 * `CANOPY_KILL_SEED` chooses the moments (default: the day), `CANOPY_KILL_ROUNDS` how many sweeps are killed to the end.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { Stream } from "../../src/numeric/random.ts";
import { keysOfParts } from "../../src/sweep/shards/parts.ts";
import { listResults } from "../../src/sweep/shards/shard-folder.ts";
import { finishedKeys } from "../../src/sweep/store.ts";
import { canopy as anyCanopy, SMALL, start, workFolder } from "../cli/canopy.ts";
import { copyOfProgram, smallDisk } from "./program.ts";

const RUNS = 48;
const SHARDS = 3;
const ROUNDS = Number(process.env["CANOPY_KILL_ROUNDS"] ?? 2);
const SEED = Number(process.env["CANOPY_KILL_SEED"] ?? Math.floor(Date.now() / 86_400_000));

/** Runs take about 0.1 s. */
const EXPERIMENT = SMALL.replace(/^routers: .*$/m, "routers: [round-robin, least-loaded]").replace(
  /requests: \d+/,
  "requests: 3000",
);
/** 4 x 2 points x 2 routers x 3 seeds. */
const SWEEP = `sweep: killed
experiment: small.yaml
axes:
  workload.arrival.ratePerS: { from: 5, to: 20, count: 4 }
sample: { count: 2, axes: { telemetryIntervalS: { from: 0.01, to: 1, scale: log } } }
shards: ${SHARDS}
`;
/** A copy of the program: a run's key holds the hash of the code, and somebody may be editing it. */
const MAIN = copyOfProgram();
const canopy = (args: readonly string[], cwd: string) => anyCanopy(args, { cwd, main: MAIN });
const study = (sweep = SWEEP, files: Readonly<Record<string, string>> = {}) =>
  workFolder({ "small.yaml": EXPERIMENT, "sweep.yaml": sweep, ...files });
const SWEEP_WORDS = ["sweep", "sweep.yaml", "--workers", "2", "--out", "out", "--quiet"];

/** Keys of the finished runs, as they stand in parts and whole lines of journals. */
async function finishedRuns(folder: string): Promise<string[]> {
  const { parts, journals } = listResults(folder);
  return [...(await keysOfParts(parts)), ...journals.flatMap((shard) => [...finishedKeys(shard)])];
}

/** Whole lines in the journals: cheap enough to be asked many times a second. */
function journalled(folder: string): number {
  return listResults(folder).journals.reduce(
    (sum, shard) => sum + readFileSync(join(shard, "runs.jsonl"), "utf8").split("\n").length - 1,
    0,
  );
}

/** What a merge leaves, but for the times in the manifest. */
function mergedBytes(folder: string): Record<string, string> {
  const names = readdirSync(folder).filter((name) => /^(runs|rows|result|table)\b/.test(name));
  expect(names.length).toBeGreaterThan(8);
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name)).toString("base64")]));
}

let calmBytes: Record<string, string> | undefined;
/** How long a sweep takes that nobody disturbs: moments are chosen by it, on machines of any speed. */
let calmMs = 0;
async function undisturbed(): Promise<Record<string, string>> {
  if (calmBytes === undefined) {
    const calm = study();
    const began = performance.now();
    const { code, stderr } = await canopy(SWEEP_WORDS, calm);
    calmMs = performance.now() - began;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(await finishedRuns(join(calm, "out"))).toHaveLength(RUNS);
    calmBytes = mergedBytes(join(calm, "out"));
  }
  return calmBytes;
}

describe(`seed ${SEED}`, () => {
  const stream = new Stream(SEED, "moments of killing shards");

  test("kill -9 of a whole sweep at random moments, merge included", async () => {
    const expected = await undisturbed();
    let kills = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const cwd = study();
      const out = join(cwd, "out");
      let before: string[] = [];
      for (let tries = 0; ; tries++) {
        const running = start(SWEEP_WORDS, { cwd, main: MAIN });
        let over = false;
        void running.ended.then(() => {
          over = true;
        });
        const more = stream.below(20);
        const lines = journalled(out);
        if (more === 0) await sleep(calmMs * stream.uniform());
        else while (!over && journalled(out) < lines + more && journalled(out) >= lines) await sleep(5);
        await sleep(300 * stream.uniform());
        running.process.kill("SIGKILL");
        const { code } = await running.ended;
        const now = await finishedRuns(out);
        const known = new Set(now);
        expect(
          before.filter((key) => !known.has(key)),
          "nothing finished is lost",
        ).toEqual([]);
        if (code === 0) break;
        kills++;
        before = now;
        expect(tries).toBeLessThan(40);
      }
      expect(new Set(await finishedRuns(out)).size).toBe(RUNS);
      expect(mergedBytes(out)).toEqual(expected);
    }
    process.stdout.write(`${ROUNDS} sweeps of ${RUNS} runs, ${kills} kills\n`);
    expect(kills).toBeGreaterThan(0);
  });

  test("kill -9 of shards that run side by side", async () => {
    const expected = await undisturbed();
    const cwd = study();
    const out = join(cwd, "out");
    expect((await canopy(["sweep-plan", "sweep.yaml", "--out", "out", "--quiet"], cwd)).code).toBe(0);
    let kills = 0;
    for (let wave = 0; ; wave++) {
      const array = (await canopy(["sweep-missing", "out", "--array"], cwd)).stdout.trim();
      if (array === "") break;
      const shards = Array.from({ length: SHARDS }, (_, shard) =>
        start(["sweep-shard", "out", `${shard}/${SHARDS}`, "--workers", "2", "--quiet"], { cwd, main: MAIN }),
      );
      await Promise.all(
        shards.map(async (shard) => {
          // The waves grow longer: three shards at once take longer than the sweep did.
          const killed = sleep(calmMs * (1 + wave) * stream.uniform()).then(() =>
            shard.process.kill("SIGKILL"),
          );
          const { code } = await shard.ended;
          if (code === null) kills++;
          await killed;
        }),
      );
      expect(wave).toBeLessThan(20);
    }
    expect((await canopy(["sweep-merge", "out", "--quiet"], cwd)).code).toBe(0);
    expect(mergedBytes(out)).toEqual(expected);
    process.stdout.write(`${SHARDS} shards side by side, ${kills} kills\n`);
    expect(kills).toBeGreaterThan(0);
  });

  test("SIGTERM keeps what is finished and leaves with 130", async () => {
    const cwd = study();
    const out = join(cwd, "out");
    const running = start(SWEEP_WORDS, { cwd, main: MAIN });
    while (journalled(out) < 3) await sleep(5);
    running.process.kill("SIGTERM");
    const { code, stderr } = await running.ended;
    expect({ code, stderr }).toEqual({
      code: 130,
      stderr: expect.stringMatching(/^\d+ finished runs are kept in out/),
    });
    expect((await canopy(SWEEP_WORDS, cwd)).code).toBe(0);
    expect(mergedBytes(out)).toEqual(await undisturbed());
  });

  test.each([
    ["a shard", ["sweep-shard", "sweep.yaml", "0/1"]],
    ["an experiment", ["run", "small.yaml"]],
  ])("%s with one worker ends soon after SIGTERM, in the middle of a long run", async (_, command) => {
    const cwd = study("sweep: stays\nexperiment: small.yaml\n", {
      "small.yaml": EXPERIMENT.replace(
        /^routers: .*$/m,
        "routers: [round-robin, least-loaded, ./stays.mjs]",
      ).replace(/^seeds: .*$/m, "seeds: 1"),
      "stays.mjs": STAYS,
    });
    const args = [...command, "--workers", "1", "--out", "out", "--quiet"];
    const running = start(args, { cwd, main: MAIN });
    const lines = () => {
      const files = existsSync(join(cwd, "out")) ? readdirSync(join(cwd, "out"), { recursive: true }) : [];
      const journal = files.map(String).find((name) => name.endsWith("runs.jsonl"));
      return journal === undefined
        ? []
        : readFileSync(join(cwd, "out", journal), "utf8")
            .split("\n")
            .slice(0, -1);
    };
    while (lines().length < 2 || !existsSync(join(cwd, "stays"))) await sleep(5);
    const kept = lines();
    const asked = performance.now();
    running.process.kill("SIGTERM");
    const { code, stderr } = await running.ended;
    // A second on a quiet machine; the run itself would not end.
    expect(performance.now() - asked).toBeLessThan(5000);
    expect({ code, stderr }).toEqual({
      code: 130,
      stderr: expect.stringMatching(
        /^2 finished runs are kept in .*; the other 1 are done by the same command:/,
      ),
    });
    expect(lines()).toEqual(kept);
    expect((await anyCanopy(args, { cwd, main: MAIN, env: { PEACE: "1" } })).code).toBe(0);
  });

  test("a worker that leaves and one that runs out of memory fail their runs alone", async () => {
    const cwd = study(
      SWEEP.replace(/sample: .*/, "set: { seeds: 2 }").replace("small.yaml", "troubled.yaml"),
      {
        "troubled.yaml": EXPERIMENT.replace(
          /^routers: .*$/m,
          "routers: [round-robin, { router: ./troubled.mjs, as: leaves, trouble: exit }, { router: ./troubled.mjs, as: hoards, trouble: memory }, least-loaded]",
        ),
        "troubled.mjs": TROUBLED,
      },
    );
    const words = [...SWEEP_WORDS];
    const failed = await anyCanopy(words, { cwd, main: MAIN, env: { SLURM_MEM_PER_NODE: "600" } });
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain("16 of 32 runs failed; the others are kept");
    expect(
      failed.stderr.match(/leaves, seed \d: CANOPY_WORKER_LOST: worker exited with code: 13/g),
    ).toHaveLength(8);
    expect(failed.stderr.match(/hoards, seed \d: CANOPY_WORKER_MEMORY: /g)).toHaveLength(8);
    const done = await finishedRuns(join(cwd, "out"));
    expect(done).toHaveLength(16);
    // At peace, the same sweep ends as one that had no trouble.
    const env = { PEACE: "1" };
    expect((await anyCanopy(words, { cwd, main: MAIN, env })).code).toBe(0);
    const calm = words.map((word) => (word === "out" ? "calm" : word));
    expect((await anyCanopy(calm, { cwd, main: MAIN, env })).code).toBe(0);
    expect(mergedBytes(join(cwd, "out"))).toEqual(mergedBytes(join(cwd, "calm")));
  });

  const disk = smallDisk();
  // Also where the test that wants it is not run.
  afterAll(() => {
    if (disk !== undefined) spawnSync("umount", ["-l", disk], { stdio: "ignore" });
  });
  test.skipIf(disk === undefined)(
    "a full disk ends the sweep with a message; what fitted is kept",
    async () => {
      const cwd = study();
      const out = disk as string;
      const words = SWEEP_WORDS.map((word) => (word === "out" ? out : word));
      try {
        const full = await canopy(words, cwd);
        expect({ code: full.code, stdout: full.stdout }).toEqual({ code: 1, stdout: "" });
        expect(full.stderr).toMatch(/^error CANOPY_STORE_WRITE: .*\n$/);
        const kept = await finishedRuns(out);
        expect(kept.length).toBeLessThan(RUNS);
        execFileSync("mount", ["-o", "remount,size=64m", out]);
        expect((await canopy(words, cwd)).code).toBe(0);
        const now = new Set(await finishedRuns(out));
        expect(kept.filter((key) => !now.has(key))).toEqual([]);
        expect(mergedBytes(out)).toEqual(await undisturbed());
      } finally {
        execFileSync("umount", ["-l", out]);
      }
    },
  );

  test("a file that may not grow, wherever a shard is", async () => {
    const cwd = study();
    const out = join(cwd, "out");
    // bash counts in KiB; the signal that comes with it is ignored, so that the write fails as on a full disk.
    const limited = (kib: number) => {
      const words = [process.execPath, "--import", import.meta.resolve("tsx"), MAIN, ...SWEEP_WORDS];
      try {
        execFileSync("bash", ["-c", `trap '' XFSZ; ulimit -f ${kib}; exec "$@"`, "bash", ...words], {
          cwd,
          stdio: "pipe",
        });
        return { code: 0, stderr: "" };
      } catch (error) {
        const { status, stderr } = error as { status: number; stderr: Buffer };
        return { code: status, stderr: stderr.toString() };
      }
    };
    // The plan fits, but not all lines of a journal.
    const first = limited(40);
    expect(first.code).toBe(1);
    expect(first.stderr).toMatch(/CANOPY_STORE_WRITE: .*runs\.jsonl: a finished run cannot be written/);
    expect((await canopy(SWEEP_WORDS, cwd)).code).toBe(0);
    expect(mergedBytes(out)).toEqual(await undisturbed());
  });

  test("what a killed merge and a killed compaction leave is cleared away", async () => {
    const cwd = study();
    const out = join(cwd, "out");
    expect((await canopy(SWEEP_WORDS, cwd)).code).toBe(0);
    const [part] = listResults(out).parts;
    writeFileSync(`${part}.123.partial`, "half a part");
    writeFileSync(join(out, "runs.parquet.123.partial"), "half");
    // As if it had been killed between the part and the journal: the runs are in both.
    const [shard] = listResults(out).journals;
    const line = { key: (await keysOfParts([part]))[0], result: null };
    rmSync(part);
    writeFileSync(join(shard, "runs.jsonl"), `{"key":"${line.key}","resu`);
    expect((await canopy(SWEEP_WORDS, cwd)).code).toBe(0);
    expect(mergedBytes(out)).toEqual(await undisturbed());
    expect(existsSync(`${part}.123.partial`)).toBe(false);
    expect(existsSync(join(out, "runs.parquet.123.partial"))).toBe(false);
  });
});

/** Takes its worker with it in one way or another, unless the environment has peace. */
const TROUBLED = `import { defineRouter, z } from "canopy-bench";
const hoard = [];
export default defineRouter({
  id: "troubled", family: "user", group: "user", status: "ours", source: "a test", summary: "Comes to grief",
  parameters: z.strictObject({ trouble: z.enum(["exit", "memory"]) }),
  create: ({ trouble }) => {
    let host;
    return {
      start(world, given) {
        host = given;
        if (process.env.PEACE) return;
        if (trouble === "exit") process.exit(13);
        // Whole blocks, which the collector need not look into.
        for (;;) hoard.push(new Array(200_000).fill(0.5));
      },
      arrival(request) { host.place(request, 0); },
    };
  },
});
`;

/** Is in its run for minutes, unless the environment has peace; a file says that it is. */
const STAYS = `import { writeFileSync } from "node:fs";
import { defineRouter, z } from "canopy-bench";
export default defineRouter({
  id: "stays", family: "user", group: "user", status: "ours", source: "a test", summary: "Does not come to its end",
  parameters: z.strictObject({}),
  create: () => {
    let host;
    return {
      start(world, given) { host = given; },
      arrival(request) {
        if (!process.env.PEACE) {
          writeFileSync("stays", "");
          const end = performance.now() + 300_000;
          while (performance.now() < end);
        }
        host.place(request, 0);
      },
    };
  },
});
`;
