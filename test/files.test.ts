import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { UserError } from "../src/errors.ts";
import { readTextFile, sha256OfFile, sha256OfText, writeFileAtomically } from "../src/files.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "canopy-files-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function failure(promise: Promise<unknown>): Promise<UserError> {
  const error = await promise.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

test("a written file has the bytes, in folders that did not exist, and nothing lies beside it", async () => {
  const path = join(root, "a", "b", "result.json");
  await writeFileAtomically(path, '{"x": 1}\n');
  expect(await readFile(path, "utf8")).toBe('{"x": 1}\n');
  await writeFileAtomically(path, Uint8Array.of(0, 255, 10));
  expect([...(await readFile(path))]).toEqual([0, 255, 10]);
  expect(await readdir(join(root, "a", "b"))).toEqual(["result.json"]);
});

test("a pipe and a link to a device are written to, not replaced", async () => {
  const folder = join(root, "devices");
  await mkdir(folder);
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  const [text] = await Promise.all([readFile(pipe, "utf8"), writeFileAtomically(pipe, "through\n")]);
  expect(text).toBe("through\n");
  expect((await lstat(pipe)).isFIFO()).toBe(true);

  const link = join(folder, "nothing");
  await symlink("/dev/null", link);
  await writeFileAtomically(link, "gone");
  expect((await lstat(link)).isSymbolicLink()).toBe(true);
  expect(await readFile(link, "utf8")).toBe("");
  expect((await readdir(folder)).sort()).toEqual(["nothing", "pipe"]);
});

test("readers see the old bytes or the new ones, never a part", async () => {
  const path = join(root, "big.txt");
  const versions = ["a", "b"].map((letter) => letter.repeat(4_000_000));
  await writeFileAtomically(path, versions[0]);
  let writing = true;
  const seen = new Set<string>();
  const reader = (async () => {
    while (writing) seen.add(await readFile(path, "utf8").then((t) => `${t.length} ${new Set(t).size}`));
  })();
  for (let i = 1; i <= 6; i++) await writeFileAtomically(path, versions[i % 2]);
  writing = false;
  await reader;
  expect([...seen]).toEqual(["4000000 1"]);
});

test("a write that fails before the rename keeps the old target and leaves no partial file", async () => {
  const folder = join(root, "blocked");
  // A non-empty folder under the target's name makes the rename, and only the rename, fail.
  await mkdir(join(folder, "target"), { recursive: true });
  await writeFile(join(folder, "target", "old.txt"), "old");
  await expect(writeFileAtomically(join(folder, "target"), "new")).rejects.toThrow();
  expect(await readdir(folder)).toEqual(["target"]);
  expect(await readFile(join(folder, "target", "old.txt"), "utf8")).toBe("old");
});

test("a place where nothing can be written is the user's to mend, in one line", async () => {
  const file = join(root, "no-folder");
  await writeFile(file, "x");
  await mkdir(join(root, "taken"));
  const cases = [
    [join(file, "x.html"), "a part of its path is a file, expected a folder"],
    [join(file, "deeper", "x.html"), "a part of its path is a file, expected a folder"],
    [join(root, "taken"), "a folder has its name"],
    [join(root, "n".repeat(300)), "its name is too long"],
  ];
  for (const [path, why] of cases) {
    const error = await failure(writeFileAtomically(path, "text"));
    expect([error.code, error.message]).toEqual([
      "CANOPY_FILE_UNWRITABLE",
      `${path}: cannot be written: ${why}`,
    ]);
  }
  const below = await failure(readTextFile(join(file, "x.json"), "profile"));
  expect(below.message).toBe(`profile ${join(file, "x.json")}: ${file} is no folder`);
});

test("writers at the same time do not mix: the last rename wins whole", async () => {
  const path = join(root, "race.txt");
  const texts = Array.from({ length: 8 }, (_, i) => String(i).repeat(100_000));
  await Promise.all(texts.map((text) => writeFileAtomically(path, text)));
  expect(texts).toContain(await readFile(path, "utf8"));
});

test("SHA-256 of the empty text and of a file longer than one read", async () => {
  expect(sha256OfText("")).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  expect(sha256OfText("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const bytes = Buffer.alloc(300_000, 7);
  const path = join(root, "sum.bin");
  await writeFile(path, bytes);
  expect(await sha256OfFile(path)).toBe(createHash("sha256").update(bytes).digest("hex"));
});

test("a missing file names the nearest file of its folder", async () => {
  await writeFile(join(root, "experiment.yaml"), "x");
  const error = await failure(readTextFile(join(root, "experimnt.yaml"), "experiment"));
  expect(error.code).toBe("CANOPY_FILE_MISSING");
  expect(error.message).toBe(
    `experiment ${join(root, "experimnt.yaml")}: no such file (did you mean "${join(root, "experiment.yaml")}"?)`,
  );
  const far = await failure(readTextFile(join(root, "zzzzzzzz.parquet"), "trace"));
  expect(far.message).toBe(`trace ${join(root, "zzzzzzzz.parquet")}: no such file`);
});

test("a missing folder and a folder in place of a file are said to be so", async () => {
  const inNowhere = await failure(readTextFile(join(root, "nowhere", "x.yaml"), "experiment"));
  expect(inNowhere.message).toContain(`the folder ${join(root, "nowhere")} does not exist`);
  const folder = await failure(readTextFile(root, "experiment"));
  expect(folder.code).toBe("CANOPY_FILE_UNREADABLE");
  expect(folder.message).toContain("is a folder, expected a file");
});

test("a byte order mark is not part of the text", async () => {
  await writeFile(join(root, "bom.csv"), "\uFEFFarrival_s\n");
  expect(await readTextFile(join(root, "bom.csv"), "trace")).toBe("arrival_s\n");
});
