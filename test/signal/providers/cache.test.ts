import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { defaultCacheDirectory, ResponseCache } from "../../../src/signal/providers/cache.ts";
import { HttpFailure } from "../../../src/signal/providers/http.ts";
import { ManualClock } from "./fake-provider.ts";

let folder: string;
let clock: ManualClock;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), "canopy-cache-")), "deep", "er");
  clock = new ManualClock(1000);
});
afterEach(() => rmSync(join(folder, "..", ".."), { recursive: true }));

const down = async () => {
  throw new HttpFailure("network", "down");
};
const read = (body: unknown) => {
  const { n } = body as { n?: number };
  if (n === undefined) throw new HttpFailure("body", "no n");
  return n;
};
const answers = (n: number) => async () => ({ n });

test("young answers come from disk, old ones anew", async () => {
  const cache = new ResponseCache(folder, clock);
  expect(await cache.fetch("k", 60, answers(1), read)).toEqual({ value: 1, stale: false, ageSeconds: 0 });
  clock.seconds += 60;
  expect(await cache.fetch("k", 60, answers(2), read)).toEqual({ value: 1, stale: false, ageSeconds: 60 });
  clock.seconds += 1;
  expect(await cache.fetch("k", 60, answers(3), read)).toEqual({ value: 3, stale: false, ageSeconds: 0 });
  expect(await cache.fetch("other", 60, answers(4), read)).toMatchObject({ value: 4 });
});

test("while the provider is down the last good answer is given, stale and with its age, also to a new process", async () => {
  await new ResponseCache(folder, clock).fetch("k", 60, answers(1), read);
  clock.seconds += 7200;
  const again = new ResponseCache(folder, clock);
  expect(await again.fetch("k", 60, down, read)).toEqual({ value: 1, stale: true, ageSeconds: 7200 });
  await expect(again.fetch("never asked", 60, down, read)).rejects.toThrow("down");
});

test("an answer that cannot be read is not kept and does not hide the good one", async () => {
  const cache = new ResponseCache(folder, clock);
  await cache.fetch("k", 0, answers(1), read);
  clock.seconds += 10;
  const broken = await cache.fetch("k", 0, async () => ({}), read);
  expect(broken).toEqual({ value: 1, stale: true, ageSeconds: 10 });
});

test("a refusal is not hidden by an old answer", async () => {
  const cache = new ResponseCache(folder, clock);
  await cache.fetch("k", 0, answers(1), read);
  clock.seconds += 10;
  const refused = async () => {
    throw new HttpFailure("status", "answered 403", { status: 403 });
  };
  await expect(cache.fetch("k", 0, refused, read)).rejects.toThrow("answered 403");
});

test("a damaged file is asked for again, and no temporary file is left", async () => {
  const cache = new ResponseCache(folder, clock);
  await cache.fetch("k", 60, answers(1), read);
  const [name] = readdirSync(folder);
  writeFileSync(join(folder, name), '{"key":"k","stor');
  expect(await cache.fetch("k", 60, answers(2), read)).toMatchObject({ value: 2 });
  expect(readdirSync(folder)).toEqual([name]);
});

test("the default folder", () => {
  expect(defaultCacheDirectory({ CANOPY_CACHE: "/x/y", XDG_CACHE_HOME: "/z" })).toBe("/x/y");
  expect(defaultCacheDirectory({ XDG_CACHE_HOME: "/z" })).toBe(join("/z", "canopy"));
  expect(defaultCacheDirectory({})).toMatch(/\.cache[/\\]canopy$/);
});
