import { appendFileSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { RawFile, readRawFile } from "../../../src/profile/measure/raw-file.ts";
import type { TrialRecord } from "../../../src/profile/measure/records.ts";
import { checkSameRun } from "../../../src/profile/measure/start-run.ts";
import { temporaryFolder } from "../../temporary-folder.ts";
import { columnsOf, headerOf } from "./scripted-bench.ts";

const path = () => join(temporaryFolder("raw"), "x.raw.msgpack");

function trial(of: Partial<TrialRecord> = {}): TrialRecord {
  return {
    kind: "decode",
    layers: 8,
    batch: 1,
    contextTokens: 64,
    promptTokens: 60,
    outputTokens: 8,
    trial: 0,
    warmUpSeconds: 1,
    settled: true,
    stopReason: "error",
    steps: columnsOf([{ start: 1, end: 1.5, prefill: 0, sequences: 1, context: 64, steady: true }]),
    host: [],
    power: null,
    ...of,
  };
}

test("records come back as they went, a later one of a trial in place of an earlier", async () => {
  const file = await RawFile.create(path(), headerOf());
  await file.append(trial({ warmUpSeconds: 5 }));
  await file.append(trial({ batch: 2 }));
  await file.append(trial({ warmUpSeconds: Number.NaN }));
  const { header, trials } = await readRawFile(file.path);
  expect(header).toEqual(headerOf());
  expect(trials.map(({ batch, warmUpSeconds }) => [batch, warmUpSeconds])).toEqual([
    [1, Number.NaN],
    [2, 1],
  ]);
  expect(trials[0].steps.startSeconds).toEqual(Float64Array.of(1));
});

test("a record that was cut short anywhere is not there, and the next one takes its place", async () => {
  const file = await RawFile.create(path(), headerOf());
  await file.append(trial());
  const whole = readFileSync(file.path).length;
  await file.append(trial({ batch: 2 }));
  const both = readFileSync(file.path);
  for (let length = whole; length < both.length; length += 7) {
    writeFileSync(file.path, both);
    truncateSync(file.path, length);
    expect((await readRawFile(file.path)).trials).toHaveLength(1);
  }
  const resumed = await RawFile.resume(file.path);
  expect(readFileSync(file.path)).toHaveLength(whole);
  await resumed.file.append(trial({ batch: 3 }));
  expect((await readRawFile(file.path)).trials.map(({ batch }) => batch)).toEqual([1, 3]);
});

test("measurements are not overwritten, and other files are refused", async () => {
  const file = await RawFile.create(path(), headerOf());
  await expect(RawFile.create(file.path, headerOf())).rejects.toMatchObject({
    code: "CANOPY_MEASURE_EXISTS",
  });
  await expect(readRawFile(`${file.path}x`)).rejects.toMatchObject({ code: "CANOPY_FILE_MISSING" });
  const other = path();
  writeFileSync(other, "hello");
  await expect(readRawFile(other)).rejects.toMatchObject({ code: "CANOPY_MEASURE_RAW" });
  appendFileSync(file.path, "damage");
  await expect(readRawFile(file.path)).rejects.toMatchObject({ code: "CANOPY_MEASURE_RAW" });
});

test("a run goes on only with the same host, build and options", () => {
  const old = headerOf();
  checkSameRun(old, headerOf({ seed: "another" }), "x");
  const refused = (now: ReturnType<typeof headerOf>) => {
    expect(() => checkSameRun(old, now, "x.raw")).toThrow(/^x\.raw is a run of another kind: /);
  };
  refused(headerOf({ model: "tiny" }));
  refused(headerOf({ threads: 3 }));
  refused(headerOf({ layers: [2, 4] }));
  refused(headerOf({}, { host: { ...old.host, cpuModel: "another" } }));
  expect(() => checkSameRun(old, headerOf({ model: "tiny" }), "x")).toThrow(
    "--model was scripted and is tiny: expected the same host, build and options",
  );
});
