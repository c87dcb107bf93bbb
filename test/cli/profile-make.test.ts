import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { dataRoot, testWithData } from "../data-root.ts";
import { command, workFolder } from "./canopy.ts";

const SHAPE = [
  "name: Llama-3-8B",
  "layers: 32",
  "hidden: 4096",
  "heads: 32",
  "kvHeads: 8",
  "headDim: 128",
  "ffn: 14336",
  "vocab: 128256",
  "maxTokens: 8192",
].join("\n");
const READINGS = [
  "model,hardware,prompt_size,batch_size,token_size,peak_power,average_power,prompt_time,token_time,e2e_time,tensor_parallel",
  "m,a100-80gb,100,1,128,1,0.5,10,5,0,2",
  "m,a100-80gb,400,1,128,1,0.5,40,9,0,2",
].join("\n");

describe("profiles from others' measurements", () => {
  testWithData("profile derive writes the shipped profile again, but for its sources", async () => {
    const cwd = workFolder({ "shape.yaml": SHAPE });
    const tables = join(dataRoot ?? "", "profiles");
    const args = [
      "--model-shape",
      "shape.yaml",
      "--gpu",
      "h100-80gb",
      "--tables",
      tables,
      "--out",
      "mine.json",
    ];
    const { code, stdout, stderr } = await command(["profile", "derive", ...args], { cwd });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("mine.json: h100-80gb.llama-3-8b.bf16.tp1, modelled");
    const read = (path: string | URL) => {
      const { sources: _, notes: __, ...profile } = JSON.parse(readFileSync(path, "utf8"));
      return profile;
    };
    const shipped = new URL("../../profiles/h100-80gb.llama-3-8b.bf16.tp1.json", import.meta.url);
    expect(read(join(cwd, "mine.json"))).toEqual(read(shipped));
  });

  test("profile import writes a profile that check accepts, and says what it lacks", async () => {
    const cwd = workFolder({ "readings.csv": READINGS });
    const args = ["splitwise-sim", "readings.csv", "--idle-watts", "85", "--out", "mine.json"];
    const { code, stdout } = await command(["profile", "import", ...args], { cwd });
    expect(code).toBe(0);
    expect(stdout).toContain("the files lack");
    expect((await command(["profile", "check", "mine.json"], { cwd })).code).toBe(0);
  });

  test.each([
    [
      ["import", "splitwise", "readings.csv", "--out", "x.json"],
      /^error CANOPY_IMPORT_FORMAT: no importer "splitwise" \(did you mean "splitwise-sim"\?\)/,
    ],
    [
      ["import", "splitwise-sim", "readings.csv", "--tp", "8", "--out", "x.json"],
      /^error CANOPY_IMPORT_CHOICE: readings\.csv: no rows with tensor_parallel "8"/,
    ],
    [
      ["import", "splitwise-sim", "readings.csv", "--idle-watts", "few", "--out", "x.json"],
      /^error CANOPY_OPTION_VALUE: --idle-watts few: /,
    ],
    [["derive", "--model-shape", "shape.yaml", "--gpu", "h100-80gb"], /^error CANOPY_USAGE: .*--out/],
    [
      ["derive", "--model-shape", "shape.yaml", "--gpu", "h100-8gb", "--out", "x.json"],
      /^error CANOPY_DERIVE_GPU: no GPU "h100-8gb" \(did you mean "h100-80gb"\?\)/,
    ],
    [
      ["derive", "--model-shape", "shape.yaml", "--gpu", "h100-80gb", "--tables", ".", "--out", "x.json"],
      /^error CANOPY_DERIVE_TABLES: aiconfigurator\/.*\.csv is not there: `canopy data list`/,
    ],
    [
      ["derive", "--model-shape", "shape.yaml", "--gpu", "h100-80gb", "--precision", "fp9", "--out", "x"],
      /^error CANOPY_OPTION_VALUE: --precision fp9 is not known \(did you mean "fp8"\?\)/,
    ],
  ])("profile %j", async (args, message) => {
    const cwd = workFolder({ "readings.csv": READINGS, "shape.yaml": SHAPE });
    const { code, stdout, stderr } = await command(["profile", ...args], { cwd });
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^[^\n]+\n$/);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(existsSync(join(cwd, "x.json"))).toBe(false);
  });
});

/** The shipped profile's step at batch 1 and 512 tokens of context. */
function stepOf(id: string): number {
  const path = new URL(`../../profiles/${id}.json`, import.meta.url);
  return JSON.parse(readFileSync(path, "utf8")).decode.iterationMs[0][1];
}

test("profile compare prints ratios and writes a figure; profile show writes one too", async () => {
  const cwd = workFolder({});
  const [a, b] = ["a100-80gb.llama-3-8b.bf16.tp1", "h100-80gb.llama-3-8b.bf16.tp1"];
  const compared = await command(["profile", "compare", a, b, "--figure", "ab.svg", "--format", "json"], {
    cwd,
  });
  expect(compared.code).toBe(0);
  const { decode, prefill, watts } = JSON.parse(compared.stdout);
  expect(decode.map(({ contextTokens }: { contextTokens: number }) => contextTokens)).toEqual([
    512, 2048, 8192,
  ]);
  expect(decode[0].points[0]).toEqual({ at: 1, a: stepOf(a), b: stepOf(b), ratio: stepOf(b) / stepOf(a) });
  expect(prefill).toHaveLength(9);
  expect(watts).toHaveLength(10);
  expect(readFileSync(join(cwd, "ab.svg"), "utf8")).toMatch(/^<svg[\s\S]*b, 8192 tokens[\s\S]*<\/svg>\n$/);
  const shown = await command(["profile", "show", b, "--figure", "b.svg"], { cwd });
  expect(shown.code).toBe(0);
  expect(readFileSync(join(cwd, "b.svg"), "utf8")).toContain("16384 tokens");
});
