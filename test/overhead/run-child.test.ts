import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { runChild } from "../../src/overhead/run-child.ts";
import type { TroubleTask } from "./trouble-worker.ts";

const FILE = new URL("./trouble-worker.ts", import.meta.url);

/** Values on memory that threads share, as the columns of traces are: a child has a copy. */
function task(end: TroubleTask["end"]): TroubleTask {
  const values = new Float64Array(new SharedArrayBuffer(24));
  values.set([0.5, 1, 2]);
  return { values, end };
}

async function outcome(end: TroubleTask["end"], capSeconds: number, signal = new AbortController().signal) {
  const heard: number[] = [];
  const reason = await runChild(FILE, task(end), { capSeconds, signal }, (value: number) =>
    heard.push(value),
  );
  return { reason, heard };
}

const HEARD = [3.5, Number.POSITIVE_INFINITY];

describe("a task in a process of its own", () => {
  test("comes to its end, whatever it leaves running, and what it threw or how it left is said", async () => {
    expect(await outcome("well", Number.POSITIVE_INFINITY)).toEqual({ reason: null, heard: HEARD });
    expect(await outcome("throw", 60)).toEqual({ reason: "failed: no more", heard: HEARD });
    expect(await outcome("leave", 60)).toEqual({ reason: "failed: its process left with 13", heard: HEARD });
  });

  test("is cut in the middle of a loop without end; what it had found is heard", async () => {
    expect(await outcome("never", 0.2)).toEqual({ reason: "cut after 0.2 s", heard: HEARD });
  });

  test("is killed with the signal, and none is started after it", async () => {
    const stop = new AbortController();
    const running = outcome("never", 60, stop.signal);
    setTimeout(() => stop.abort(), 300);
    await expect(running).rejects.toThrow(/abort/);
    await expect(outcome("well", 60, stop.signal)).rejects.toThrow(/abort/);
    await sleep(50);
    await expect.poll(children).toEqual([]);
  });

  test("many of them leave no files open", async () => {
    const openFiles = () => readdirSync("/proc/self/fd").length;
    await outcome("well", 60);
    const before = openFiles();
    for (let round = 0; round < 2; round++)
      await Promise.all([outcome("well", 60), outcome("leave", 60), outcome("never", 0.1)]);
    // Fewer than one of each child: what runs the tests opens and closes files of its own.
    await expect.poll(openFiles).toBeLessThan(before + 6);
  });
});

/** Processes of the worker above whose parent is this one. */
function children(): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return (
        parent === `${process.pid}` &&
        state !== "Z" &&
        readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("trouble-worker")
      );
    } catch {
      return false;
    }
  });
}
