import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RunStore } from "../../src/sweep/store.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "canopy-store-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const journal = () => join(folder, "runs.jsonl");
const lock = () => join(folder, "lock");

async function write(entries: readonly (readonly [string, unknown])[], fresh = false): Promise<void> {
  const store = new RunStore(folder, { fresh });
  for (const [key, result] of entries) store.put(key, result);
  await store.close();
}

/** What a new process would find. */
async function reopen(keys: readonly string[]): Promise<{ found: unknown[]; size: number; dropped: number }> {
  const store = new RunStore(folder);
  const seen = { found: keys.map((key) => store.get(key)), size: store.size, dropped: store.droppedLines };
  await store.close();
  return seen;
}

describe("RunStore", () => {
  test("keeps what was put, in one line of JSON each", async () => {
    await write([
      ["a", { mean: 1.5 }],
      ["b", { text: "zwei\nZeilen ü" }],
    ]);
    expect(readFileSync(journal(), "utf8")).toBe(
      '{"key":"a","result":{"mean":1.5}}\n{"key":"b","result":{"text":"zwei\\nZeilen ü"}}\n',
    );
    expect(await reopen(["a", "b", "c"])).toEqual({
      found: [{ mean: 1.5 }, { text: "zwei\nZeilen ü" }, undefined],
      size: 2,
      dropped: 0,
    });
  });

  test("of two results with one key the later counts", async () => {
    await write([["a", 1]]);
    await write([
      ["b", 2],
      ["a", 3],
    ]);
    expect((await reopen(["a", "b"])).found).toEqual([3, 2]);
  });

  test("fresh forgets what was there", async () => {
    await write([["a", 1]]);
    await write([["b", 2]], true);
    expect((await reopen(["a", "b"])).found).toEqual([undefined, 2]);
  });

  test("is on the disk soon after put, without flush or close", async () => {
    const store = new RunStore<number>(folder);
    store.put("a", 1);
    expect(readFileSync(journal(), "utf8")).toBe("");
    await expect.poll(() => readFileSync(journal(), "utf8")).toBe('{"key":"a","result":1}\n');
    await store.close();
  });

  test("is on the disk once flush has resolved", async () => {
    const store = new RunStore<number>(folder);
    store.put("a", 1);
    store.put("b", 2);
    await store.flush();
    expect(readFileSync(journal(), "utf8").split("\n")).toHaveLength(3);
    await store.close();
  });

  test("whatever byte a crash cuts the journal at, every whole line is kept and the rest can be written again", async () => {
    const entries = [
      ["first", { value: 1 }],
      ["second", { text: 'süß, "quoted"\n' }],
      ["third", [1, 2, 3]],
    ] as const;
    await write(entries);
    const whole = readFileSync(journal());
    const ends = [...whole.entries()].filter(([, byte]) => byte === 0x0a).map(([i]) => i + 1);
    for (let cut = 0; cut <= whole.length; cut++) {
      writeFileSync(journal(), whole.subarray(0, cut));
      const kept = ends.filter((end) => end <= cut).length;
      const torn = cut > 0 && !ends.includes(cut);
      expect(await reopen(entries.map(([key]) => key))).toEqual({
        found: entries.map(([, result], i) => (i < kept ? result : undefined)),
        size: kept,
        dropped: torn ? 1 : 0,
      });
      expect(readFileSync(journal()).length).toBe(kept === 0 ? 0 : ends[kept - 1]);
      await write(entries.slice(kept));
      expect(readFileSync(journal()).equals(whole)).toBe(true);
    }
  });

  test("any results survive, in any number of sessions", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.tuple(fc.stringMatching(/^[a-f]{1,2}$/), fc.jsonValue()))),
        async (sessions) => {
          rmSync(journal(), { force: true });
          const expected = new Map<string, unknown>();
          for (const session of sessions) {
            await write(session);
            for (const [key, value] of session) expected.set(key, JSON.parse(JSON.stringify(value)));
          }
          const { found, size } = await reopen([...expected.keys()]);
          expect(size).toBe(expected.size);
          expect(found).toEqual([...expected.values()]);
        },
      ),
      { numRuns: 40 },
    );
  });

  test("a line longer than the reading buffer, and lines across its border", async () => {
    const long = "x".repeat(2_500_000);
    await write([
      ["a", "y".repeat(900_000)],
      ["b", long],
      ["c", 1],
    ]);
    expect((await reopen(["b", "c"])).found).toEqual([long, 1]);
  });

  test("lines that are not results are dropped and counted, the others kept", async () => {
    await write([["a", 1]]);
    appendFileSync(journal(), `${"\0".repeat(20)}\n{"key":3}\n{"key":"b","result":2}\n`);
    expect(await reopen(["a", "b"])).toEqual({ found: [1, 2], size: 2, dropped: 2 });
  });

  test("says where when the folder cannot be used", () => {
    writeFileSync(join(folder, "file"), "");
    expect(() => new RunStore(join(folder, "file", "store"))).toThrow(
      expect.objectContaining({ code: "CANOPY_STORE_UNUSABLE", message: expect.stringContaining(folder) }),
    );
  });
});

describe("lock of the store", () => {
  test("a second writer is refused and names the first; closing lets it in", async () => {
    const store = new RunStore(folder);
    expect(() => new RunStore(folder)).toThrow(
      expect.objectContaining({
        code: "CANOPY_STORE_LOCKED",
        message: expect.stringContaining(String(process.pid)),
      }),
    );
    await store.close();
    expect(existsSync(lock())).toBe(false);
    await write([["a", 1]]);
  });

  test("the lock of a process that has ended is taken over", async () => {
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    writeFileSync(lock(), JSON.stringify({ pid, host: hostname(), began: null }));
    await write([["a", 1]]);
    expect((await reopen(["a"])).found).toEqual([1]);
  });

  test.runIf(existsSync("/proc/self/stat"))(
    "the lock of an earlier process of the same number is taken over",
    async () => {
      writeFileSync(lock(), JSON.stringify({ pid: process.pid, host: hostname(), began: "1" }));
      await write([["a", 1]]);
    },
  );

  test("the lock of another machine is respected", () => {
    writeFileSync(lock(), JSON.stringify({ pid: 1, host: "elsewhere", began: null }));
    expect(() => new RunStore(folder)).toThrow(
      expect.objectContaining({ message: expect.stringContaining("on elsewhere") }),
    );
  });

  test("a lock without a holder is respected only while it is young", async () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(lock(), "");
    expect(() => new RunStore(folder)).toThrow(expect.objectContaining({ code: "CANOPY_STORE_LOCKED" }));
    const { utimesSync } = await import("node:fs");
    const past = Date.now() / 1000 - 60;
    utimesSync(lock(), past, past);
    await write([["a", 1]]);
  });
});
