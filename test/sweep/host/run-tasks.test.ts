import { describe, expect, test } from "vitest";
import type { TaskOptions } from "../../../src/sweep/host/open-pool.ts";
import { runTasks } from "../../../src/sweep/host/run-tasks.ts";
import type { Outcome } from "../../../src/sweep/messages.ts";
import type { SquareTask } from "./square.ts";
import { setupOf, squares } from "./square-tasks.ts";

async function outcomes(
  tasks: readonly SquareTask[],
  options: TaskOptions,
  setup = setupOf(tasks.length),
): Promise<Outcome<number>[]> {
  const ended: Outcome<number>[] = [];
  await runTasks(squares, setup, tasks, options, (index, outcome) => {
    expect(ended[index]).toBeUndefined();
    ended[index] = outcome;
  });
  return ended;
}

const plain = (count: number): SquareTask[] => Array.from({ length: count }, (_, index) => ({ index }));
const done = (index: number): Outcome<number> => ({ state: "done", result: (index + 0.5) ** 2 });

describe.each([0, 1, 2, 3])("tasks on %i threads", (threads) => {
  test("every task is reported once, under its own place", async () => {
    expect(await outcomes(plain(25), { threads })).toEqual(plain(25).map(({ index }) => done(index)));
  });

  test("a task that throws fails alone", async () => {
    const tasks = plain(4).map((task) => (task.index === 1 ? { ...task, trouble: "throw" as const } : task));
    const ended = await outcomes(tasks, { threads });
    expect(ended[1]).toMatchObject({
      state: "failed",
      failure: {
        code: "CANOPY_RUN_FAILED",
        message: "no such square",
        stack: expect.stringContaining("square"),
      },
    });
    expect([ended[0], ended[2], ended[3]]).toEqual([done(0), done(2), done(3)]);
  });

  test("no task begins once the work is ended", async () => {
    const ending = new AbortController();
    ending.abort();
    expect(await outcomes(plain(3), { threads, signal: ending.signal })).toEqual([]);
  });

  test("what the report throws ends the work", async () => {
    const reported: number[] = [];
    const work = runTasks(squares, setupOf(20), plain(20), { threads }, (index) => {
      reported.push(index);
      throw new Error("the disk is full");
    });
    await expect(work).rejects.toThrow("the disk is full");
    expect(reported).toHaveLength(1);
  });
});

describe("tasks in workers", () => {
  test("a worker that leaves costs its own task only", async () => {
    const tasks = plain(8).map((task) =>
      task.index % 4 === 1 ? { ...task, trouble: "exit" as const } : task,
    );
    const ended = await outcomes(tasks, { threads: 2 });
    for (const { index } of tasks) {
      if (index % 4 !== 1) expect(ended[index]).toEqual(done(index));
      else {
        expect(ended[index]).toMatchObject({
          state: "failed",
          failure: { code: "CANOPY_WORKER_LOST", message: expect.stringContaining("13") },
        });
      }
    }
  });

  test("a worker out of memory costs its own task only", async () => {
    const tasks = plain(4).map((task) => (task.index === 2 ? { ...task, trouble: "memory" as const } : task));
    const ended = await outcomes(tasks, { threads: 2, workerHeapMiB: 64 });
    expect(ended[2]).toMatchObject({ state: "failed", failure: { code: "CANOPY_WORKER_MEMORY" } });
    expect([ended[0], ended[1], ended[3]]).toEqual([done(0), done(1), done(3)]);
  });

  test("workers that cannot even begin end the work", async () => {
    const workerFile = new URL("./no-such-worker.ts", import.meta.url);
    const work = runTasks({ ...squares, workerFile }, setupOf(9), plain(9), { threads: 2 }, () => undefined);
    await expect(work).rejects.toThrow("no-such-worker");
  });

  test("at most two tasks a thread are under way", async () => {
    const setup = setupOf(40);
    const tasks = plain(40).map((task) => ({ ...task, delayMs: 2 }));
    let reported = 0;
    await runTasks(squares, setup, tasks, { threads: 2 }, () => {
      reported++;
      expect(setup.begun.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(reported + 4);
    });
    expect(reported).toBe(40);
  });

  test("ending the work stops what hangs, and reports nothing of it", async () => {
    const setup = setupOf(6);
    const tasks = plain(6).map((task) => (task.index < 2 ? { ...task, trouble: "hang" as const } : task));
    const ending = new AbortController();
    const reported: number[] = [];
    const work = runTasks(squares, setup, tasks, { threads: 2, signal: ending.signal }, (index) =>
      reported.push(index),
    );
    await expect.poll(() => setup.begun[0] + setup.begun[1]).toBe(2);
    ending.abort();
    await work;
    expect(reported).toEqual([]);
    expect([...setup.begun.subarray(2)]).toEqual([0, 0, 0, 0]);
  });
});
