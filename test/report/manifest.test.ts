import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { homedir, hostname, tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sha256OfFile } from "../../src/files.ts";
import {
  collectEnvironment,
  createManifest,
  type Environment,
  gitState,
  type ManifestRun,
  writeManifest,
} from "../../src/report/manifest.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "canopy-manifest-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const environment: Environment = {
  tool: { name: "canopy-bench", version: "0.1.0" },
  git: { commit: "0".repeat(40), dirty: false },
  lockfileSha256: null,
  node: "v20.20.2",
  platform: "linux",
  architecture: "x64",
  cpu: { model: "Some CPU", threads: 2 },
};

const run: ManifestRun = {
  command: ["canopy", "run", "/data/lab/harness/cedar.yaml", "--out=/elsewhere/results", "--set", "seeds=3"],
  experiment: "cedar-headline",
  resolvedSha256: "f".repeat(64),
  seeds: [1, 2],
  inputs: [
    { role: "trace", name: "/data/lab/traces/azure.csv", sha256: "b".repeat(64) },
    { role: "profile", name: "h100-80gb.llama-3-8b.bf16.tp1", sha256: "a".repeat(64) },
  ],
  files: ["result.json", "table.txt"],
  startedAt: new Date(Date.UTC(2026, 0, 2, 3, 4, 5)),
  endedAt: new Date(Date.UTC(2026, 0, 2, 3, 5, 0)),
  requestsSimulated: 20_000,
  state: "complete",
};

test("a manifest", () => {
  expect(createManifest(environment, run, "/data/lab")).toMatchInlineSnapshot(`
    {
      "architecture": "x64",
      "command": [
        "canopy",
        "run",
        "harness/cedar.yaml",
        "--out=results",
        "--set",
        "seeds=3",
      ],
      "cpu": {
        "model": "Some CPU",
        "threads": 2,
      },
      "endedAt": "2026-01-02T03:05:00.000Z",
      "experiment": "cedar-headline",
      "files": [
        "result.json",
        "table.txt",
      ],
      "git": {
        "commit": "0000000000000000000000000000000000000000",
        "dirty": false,
      },
      "inputs": [
        {
          "name": "h100-80gb.llama-3-8b.bf16.tp1",
          "role": "profile",
          "sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        },
        {
          "name": "traces/azure.csv",
          "role": "trace",
          "sha256": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
        },
      ],
      "lockfileSha256": null,
      "node": "v20.20.2",
      "platform": "linux",
      "requestsSimulated": 20000,
      "resolvedSha256": "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
      "schema": "canopy/manifest/1",
      "seeds": [
        1,
        2,
      ],
      "startedAt": "2026-01-02T03:04:05.000Z",
      "state": "complete",
      "tool": {
        "name": "canopy-bench",
        "version": "0.1.0",
      },
    }
  `);
});

test("places of the machine go: relative inside the folder, the bare name outside it", () => {
  const words = [
    "/data/lab/a/b.yaml",
    "/data/lab",
    "/data/labour/x.csv",
    "workload.trace=/data/lab/t.csv",
    "file:///data/lab/r.ts",
    "harness/cedar.yaml",
    "a=b=c",
  ];
  expect(createManifest(environment, { ...run, command: words }, "/data/lab").command).toEqual([
    "a/b.yaml",
    ".",
    "x.csv",
    "workload.trace=t.csv",
    "r.ts",
    "harness/cedar.yaml",
    "a=b=c",
  ]);
});

test("the environment is this package's, and names neither host, user nor place", async () => {
  const found = await collectEnvironment();
  expect(found.tool.name).toBe("canopy-bench");
  expect(found.node).toBe(process.version);
  expect(found.lockfileSha256).toBe(
    await sha256OfFile(new URL("../../package-lock.json", import.meta.url).pathname),
  );
  expect(found.cpu.threads).toBeGreaterThan(0);
  const strings = JSON.stringify(found);
  expect(strings).not.toMatch(/"(\/|[A-Za-z]:\\)/);
  for (const private_ of [homedir(), hostname(), process.cwd()]) expect(strings).not.toContain(private_);
  expect(Object.values(found)).not.toContain(userInfo().username);
});

test("git: commit, dirty by a change but not by results, null below the top and outside", async () => {
  const clone = join(folder, "clone");
  await mkdir(join(clone, "src"), { recursive: true });
  const git = (...words: string[]): string =>
    execFileSync("git", ["-C", clone, "-c", "user.name=t", "-c", "user.email=t@example.org", ...words], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  git("init");
  await writeFile(join(clone, "src", "a.ts"), "1");
  git("add", ".");
  git("commit", "-m", "first");
  const commit = git("rev-parse", "HEAD");
  expect(await gitState(clone)).toEqual({ commit, dirty: false });
  await mkdir(join(clone, "results"));
  await writeFile(join(clone, "results", "table.md"), "new");
  expect(await gitState(clone)).toEqual({ commit, dirty: false });
  await writeFile(join(clone, "src", "b.ts"), "2");
  expect(await gitState(clone)).toEqual({ commit, dirty: true });
  expect(await gitState(join(clone, "src"))).toBeNull();
  expect(await gitState(folder)).toBeNull();
});

test("the file is JSON that reads back as it was", async () => {
  const manifest = createManifest(environment, run, "/data/lab");
  await writeManifest(join(folder, "result"), manifest);
  expect(JSON.parse(await readFile(join(folder, "result", "manifest.json"), "utf8"))).toEqual(manifest);
});
