import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sha256OfFile, sha256OfText } from "../../src/files.ts";
import type { Manifest } from "../../src/report/manifest.ts";
import { readResult, writeResult } from "../../src/report/write-result.ts";
import { sampleResult } from "./sample-result.ts";

type Sample = Awaited<ReturnType<typeof sampleResult>>;

const folder = mkdtempSync(join(tmpdir(), "canopy-write-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let sample: Sample;
let files: string[];
beforeAll(async () => {
  sample = await sampleResult(["seeds=2", "workload.requests=60"]);
  files = await write("first", sample);
});

async function write(name: string, { plan, result }: Sample, at = 0, formats?: ["txt"]): Promise<string[]> {
  return writeResult(
    join(folder, name),
    result,
    plan,
    {
      command: ["canopy", "run", "sample.yaml"],
      startedAt: new Date(at),
      endedAt: new Date(at + 1000),
      requestsSimulated: 360,
      state: "complete",
    },
    formats === undefined ? {} : { formats },
  );
}

function manifestOf(name: string): Manifest {
  return JSON.parse(readFileSync(join(folder, name, "manifest.json"), "utf8")) as Manifest;
}

test("writes what it says it writes, the manifest last", () => {
  expect(readdirSync(join(folder, "first")).sort()).toEqual([...files].sort());
  expect(files.at(-1)).toBe("manifest.json");
  expect(files).toEqual(
    expect.arrayContaining([
      "table.txt",
      "table.md",
      "table.tex",
      "table.csv",
      "table-2.csv",
      "figure-latency.svg",
      "figure-latency.png",
      "result.json",
      "resolved.json",
    ]),
  );
  expect(manifestOf("first").files).toEqual(files.slice(0, -1));
});

test("the same bytes each time, but for the manifest's times", async () => {
  await write("second", sample, 86_400_000);
  for (const name of files.filter((file) => file !== "manifest.json")) {
    const [a, b] = ["first", "second"].map((part) => readFileSync(join(folder, part, name)));
    expect(a.equals(b), name).toBe(true);
  }
  const { startedAt: _, endedAt: __, ...first } = manifestOf("first");
  const { startedAt: ___, endedAt: ____, ...second } = manifestOf("second");
  expect(second).toEqual(first);
  expect(manifestOf("second").startedAt).toBe("1970-01-02T00:00:00.000Z");
});

test("the manifest names the inputs by their hashes, and hashes the resolved experiment", async () => {
  const { inputs, seeds, resolvedSha256, command } = manifestOf("first");
  const [source] = sample.plan.loaded.files;
  expect(inputs.find(({ role }) => role === "experiment")).toEqual({
    role: "experiment",
    name: "sample.yaml",
    sha256: await sha256OfFile(source),
  });
  expect(inputs.filter(({ role }) => role === "profile").map(({ sha256 }) => sha256)).toEqual(
    expect.arrayContaining(Object.keys(sample.plan.inputs.profiles)),
  );
  expect(seeds).toEqual([1, 2]);
  expect(command).toEqual(["canopy", "run", "sample.yaml"]);
  const resolved = readFileSync(join(folder, "first", "resolved.json"), "utf8");
  expect(resolvedSha256).toBe(sha256OfText(resolved));
  const [point] = (JSON.parse(resolved) as { points: { experiment: Record<string, unknown> }[] }).points;
  // What the command line set, and a default that stands in no file.
  expect(point.experiment).toMatchObject({
    seeds: [1, 2],
    telemetryIntervalS: 0.1,
    workload: { requests: 60 },
  });
});

test("the manifest and the resolved experiment name no place on this disk", () => {
  for (const name of ["manifest.json", "resolved.json"]) {
    expect(readFileSync(join(folder, "first", name), "utf8")).not.toContain(tmpdir());
  }
});

test("reads back what it wrote", async () => {
  expect(await readResult(join(folder, "first"))).toEqual(sample.result);
});

test("files of an earlier result go, files of others stay", async () => {
  await write("stale", sample);
  writeFileSync(join(folder, "stale", "notes.txt"), "mine");
  const fewer = await write("stale", sample, 0, ["txt"]);
  expect(fewer).toEqual(["table.txt", "result.json", "resolved.json", "manifest.json"]);
  expect(readdirSync(join(folder, "stale")).sort()).toEqual([...fewer, "notes.txt"].sort());
});

test("what is no result is refused in one line that says what is there", async () => {
  await expect(readResult(join(folder, "nowhere"))).rejects.toMatchObject({ code: "CANOPY_FILE_MISSING" });
  for (const [text, why] of [
    ["{", "is no JSON"],
    ["null", "its schema is missing"],
    ['{"schema":"canopy/plan/1"}', 'its schema is "canopy/plan/1"'],
    ['{"schema":"canopy/result/1"}', "it says not what to show"],
  ]) {
    writeFileSync(join(folder, "result.json"), text);
    await expect(readResult(folder)).rejects.toMatchObject({
      code: "CANOPY_RESULT_FORMAT",
      message: `result ${join(folder, "result.json")}: ${why}, expected canopy/result/1 as canopy run --out writes it`,
    });
  }
  expect(existsSync(join(folder, "manifest.json"))).toBe(false);
});
