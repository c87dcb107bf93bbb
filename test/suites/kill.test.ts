/**
 * Runs are killed at random moments until they are done all the same: nothing that was finished is lost or done again,
 * and the result is that of a run that nobody disturbed.
 *
 * `CANOPY_KILL_SEED` chooses the moments (default: the day), `CANOPY_KILL_ROUNDS` how many studies are killed to the end.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { Stream } from "../../src/numeric/random.ts";
import { canopy as anyCanopy, SMALL, start, workFolder } from "../cli/canopy.ts";
import { copyOfProgram, smallDisk } from "./program.ts";

const RUNS = 60;
const ROUNDS = Number(process.env["CANOPY_KILL_ROUNDS"] ?? 3);
const SEED = Number(process.env["CANOPY_KILL_SEED"] ?? Math.floor(Date.now() / 86_400_000));

/** 60 runs of about 0.1 s. */
const STUDY = SMALL.replace(/^routers: .*$/m, "routers: [round-robin, least-loaded, cedar-heuristic]")
  .replace("seeds: 3", "seeds: 20")
  .replace(/requests: \d+/, "requests: 3000");
/** A copy of the program: a run's key holds the hash of the code, and somebody may be editing it. */
const MAIN = copyOfProgram();
const canopy = (args: readonly string[], cwd: string) => anyCanopy(args, { cwd, main: MAIN });
const RUN = ["run", "small.yaml", "--workers", "2", "--out", "out", "--quiet"];
const study = () => workFolder({ "small.yaml": STUDY });
const journal = (folder: string) => join(folder, "out/.canopy/store/small/runs.jsonl");

/** Keys of the whole lines of a journal, in their order. */
function finishedRuns(folder: string): string[] {
  if (!existsSync(journal(folder))) return [];
  const lines = readFileSync(journal(folder), "utf8").split("\n");
  return lines.slice(0, -1).flatMap((line) => {
    try {
      return [(JSON.parse(line) as { key: string }).key];
    } catch {
      return [];
    }
  });
}

/** What of a result depends on its inputs alone. */
function rowsOf(folder: string): unknown {
  const { rows, provenance } = JSON.parse(readFileSync(join(folder, "out/result.json"), "utf8"));
  expect(rows.every((row: { runs: { done: number; planned: number } }) => row.runs.done === 20)).toBe(true);
  return { rows, points: provenance.points };
}

describe(`seed ${SEED}`, () => {
  const stream = new Stream(SEED, "moments of killing");

  test("kill -9 at random moments loses nothing that was finished", async () => {
    const calm = study();
    expect((await canopy(RUN, calm)).code).toBe(0);
    const expected = rowsOf(calm);
    let kills = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const cwd = study();
      let before: string[] = [];
      for (let tries = 0; ; tries++) {
        const running = start(RUN, { cwd, main: MAIN });
        let over = false;
        void running.ended.then(() => {
          over = true;
        });
        // At any moment of the start, or when some more runs are in the journal.
        const more = stream.below(16);
        if (more === 0) await sleep(2000 * stream.uniform());
        else while (!over && finishedRuns(cwd).length < before.length + more) await sleep(5);
        await sleep(150 * stream.uniform());
        running.process.kill("SIGKILL");
        const { code } = await running.ended;
        const now = finishedRuns(cwd);
        expect(now.slice(0, before.length), "the journal only grows").toEqual(before);
        expect(new Set(now).size, "no run is done twice").toBe(now.length);
        expect(existsSync(join(cwd, "out/result.json")), "a result is written at the end or not at all").toBe(
          code === 0,
        );
        if (code === 0) break;
        kills++;
        before = now;
        expect(tries).toBeLessThan(60);
      }
      expect(finishedRuns(cwd)).toHaveLength(RUNS);
      expect(rowsOf(cwd)).toEqual(expected);
    }
    process.stdout.write(`${ROUNDS} studies of ${RUNS} runs, ${kills} kills\n`);
    expect(kills).toBeGreaterThan(0);
  });

  test("a journal torn at any byte costs the torn run alone", async () => {
    const cwd = study();
    expect((await canopy(RUN, cwd)).code).toBe(0);
    const expected = rowsOf(cwd);
    const whole = finishedRuns(cwd);
    const { size } = statSync(journal(cwd));
    execFileSync("truncate", ["-s", `${Math.floor(size * stream.uniform())}`, journal(cwd)]);
    const kept = finishedRuns(cwd);
    expect((await canopy(RUN, cwd)).code).toBe(0);
    const now = finishedRuns(cwd);
    expect(now.slice(0, kept.length)).toEqual(whole.slice(0, kept.length));
    expect(now).toHaveLength(RUNS);
    expect(rowsOf(cwd)).toEqual(expected);
  });

  const disk = smallDisk();
  test.skipIf(disk === undefined)(
    "a full disk ends the run with a message; what fitted is kept",
    async () => {
      const cwd = study();
      const out = disk as string;
      const words = ["run", "small.yaml", "--workers", "2", "--out", out, "--quiet"];
      const filler = join(out, "filler");
      try {
        // Leaves room for some of the runs.
        execFileSync("dd", ["if=/dev/zero", `of=${filler}`, "bs=1k", "count=200"], { stdio: "ignore" });
        const { code, stderr, stdout } = await canopy(words, cwd);
        expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
        expect(stderr).toMatch(/^error CANOPY_STORE_WRITE: .*\n$/);
        expect(readdirSync(out).filter((name) => name.startsWith("result"))).toEqual([]);
        execFileSync("rm", [filler]);
        execFileSync("mount", ["-o", "remount,size=64m", out]);
        expect((await canopy(words, cwd)).code).toBe(0);
      } finally {
        execFileSync("umount", ["-l", out]);
      }
    },
  );
});
