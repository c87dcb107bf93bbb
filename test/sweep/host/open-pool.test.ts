import { describe, expect, test } from "vitest";
import { openPool } from "../../../src/sweep/host/open-pool.ts";
import { setupOf, squares } from "./square-tasks.ts";

describe.each([0, 2])("a pool of %i threads", (threads) => {
  test("does tasks that come up while others run, and one that fails fails alone", async () => {
    const pool = await openPool(squares, setupOf(8), { threads });
    try {
      const chain = async (from: number): Promise<number> => {
        let sum = 0;
        for (let index = from; index < from + 4; index++) {
          const outcome = await pool.run({ index });
          if (outcome.state === "done") sum += outcome.result;
        }
        return sum;
      };
      expect(await Promise.all([chain(0), chain(4)])).toEqual([21, 149]);
      const [failed, done] = await Promise.all([
        pool.run({ index: 0, trouble: threads === 0 ? "throw" : "exit" }),
        pool.run({ index: 1 }),
      ]);
      expect(failed.state).toBe("failed");
      expect(done).toEqual({ state: "done", result: 2.25 });
    } finally {
      await pool.close();
    }
  });

  test("ends with its signal: what runs and what waits is refused", async () => {
    const ending = new AbortController();
    const pool = await openPool(squares, setupOf(4), { threads, signal: ending.signal });
    const first = await pool.run({ index: 3 });
    expect(first).toEqual({ state: "done", result: 12.25 });
    const tasks = [0, 1, 2].map((index) => pool.run({ index, delayMs: threads === 0 ? 0 : 5000 }));
    const ends = Promise.allSettled(tasks);
    ending.abort();
    for (const end of await ends) {
      expect(end).toMatchObject({ status: "rejected", reason: { name: "AbortError" } });
    }
    await pool.close();
  });
});
