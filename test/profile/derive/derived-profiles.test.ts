import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { LLAMA_8B, LLAMA_70B } from "../../../src/profile/derive/calibration.ts";
import { composeProfile } from "../../../src/profile/derive/compose-profile.ts";
import { gpuClass } from "../../../src/profile/derive/gpus.ts";
import type { Precision } from "../../../src/profile/derive/kernel-tables.ts";
import { type Measurements, readMeasurements } from "../../../src/profile/derive/measurements.ts";
import type { ModelShape } from "../../../src/profile/derive/model-shape.ts";
import { examineProfile } from "../../../src/profile/load.ts";
import type { Profile } from "../../../src/profile/schema.ts";
import { dataRoot, describeWithData } from "../../data-root.ts";

const SHAPES: readonly ModelShape[] = [
  LLAMA_8B,
  LLAMA_70B,
  { ...LLAMA_8B, name: "Mistral-7B-v0.3", vocab: 32768, maxTokens: 32768 },
  { ...LLAMA_8B, name: "SOLAR-10.7B-v1.0", layers: 48, vocab: 32000, maxTokens: 4096 },
  {
    name: "Qwen1.5-32B",
    layers: 64,
    hidden: 5120,
    heads: 40,
    kvHeads: 8,
    headDim: 128,
    ffn: 27392,
    vocab: 152064,
    maxTokens: 32768,
  },
  {
    name: "Yi-1.5-34B",
    layers: 60,
    hidden: 7168,
    heads: 56,
    kvHeads: 8,
    headDim: 128,
    ffn: 20480,
    vocab: 64000,
    maxTokens: 4096,
  },
];

describeWithData("the 28 profiles of the reference data", async () => {
  if (dataRoot === undefined) return;
  const folder = join(dataRoot, "profiles");
  const published: Profile[] = JSON.parse(await readFile(join(folder, "derived/profiles.json"), "utf8"));
  let measurements: Measurements;
  beforeAll(async () => {
    measurements = await readMeasurements(folder);
  });

  test("there are 28", () => {
    expect(published).toHaveLength(28);
  });

  test.each(published.map((profile) => [profile.id, profile] as const))("%s", (id, wanted) => {
    const shape = SHAPES.find(({ name }) => name === wanted.model.name);
    if (shape === undefined) throw new Error(`no shape for ${wanted.model.name}`);
    const composed = composeProfile(measurements, {
      gpu: gpuClass(id.split(".")[0]),
      shape,
      tensorParallel: wanted.tensorParallel,
      precision: wanted.precision as Precision,
    });
    // Sources and notes name other files; everything else is the same to the last printed digit.
    const { sources: _s, notes: _n, ...ours } = composed;
    const { sources: _t, notes: _m, ...theirs } = wanted;
    expect(ours).toEqual(theirs);
    expect(examineProfile(composed).findings.filter(({ level }) => level === "error")).toEqual([]);
  });
});
