import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { standingValidation } from "../../src/experiment/standing-validation.ts";
import { foundationNotes } from "../../src/report/foundation-notes.ts";
import { readValidation } from "../../src/validation/records.ts";
import { validationOf } from "../../src/validation/result.ts";
import { sampleResult } from "../report/sample-result.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const ROOT = new URL("../../", import.meta.url);
const RAW = fileURLToPath(new URL("test/validation/fixtures/cpu-tiny.raw.msgpack", ROOT));

describe("how the simulator fared against an engine", () => {
  test("is read off a validation and stands under every table", async () => {
    const path = join(temporaryFolder("validation"), "validation.json");
    const made = validationOf(await readValidation(RAW));
    writeFileSync(path, JSON.stringify(made));
    const validation = standingValidation(path);
    const errors = made.loads.map(({ e2eSeconds }) => e2eSeconds.medianError);
    expect(validation).toMatchObject({
      target: "Canopy's own CPU engine, model tiny",
      loads: [0.3, 0.6, 0.9],
      requests: 120,
      steps: { equal: 1124, all: 1124 },
      e2eMedianError: [Math.min(...errors), Math.max(...errors)],
    });
    const { result } = await sampleResult(["seeds=1"]);
    const notes = (of: typeof validation | undefined) => {
      const { validation: _, ...provenance } = result.provenance;
      const withValidation = of === undefined ? provenance : { ...provenance, validation: of };
      return foundationNotes({ ...result, provenance: withValidation }, new Set()).filter((note) =>
        /^Simulator/.test(note),
      );
    };
    expect(notes(validation)).toEqual([
      expect.stringMatching(
        /^Simulator: checked against Canopy's own CPU engine, model tiny only, 120 requests at 0.3, 0.6, 0.9 of its capacity: 1124 of 1124 steps are equal, the median error of a request's end-to-end time is [\d.]+ to [\d.]+ % by load, its bias -[\d.]+ to [\d.]+ %\.$/,
      ),
    ]);
    expect(notes(null)).toEqual(["Simulator: not checked against a running engine."]);
    expect(notes(undefined)).toEqual([]);
    const stands = existsSync(new URL("results/validation/validation.json", ROOT));
    expect(result.provenance.validation !== null).toBe(stands);
  });

  test("is nothing where there is no such file, or another one", () => {
    const folder = temporaryFolder("validation");
    expect(standingValidation(join(folder, "none.json"))).toBeNull();
    writeFileSync(join(folder, "other.json"), '{ "schema": "canopy/validation/9", "loads": [] }');
    expect(standingValidation(join(folder, "other.json"))).toBeNull();
  });
});
