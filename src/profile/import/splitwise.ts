import { UserError } from "../../errors.ts";
import { quantileOf } from "../../numeric/quantile.ts";
import type { Profile } from "../schema.ts";
import { type ActivePower, assemble, type ImportOptions, knownGpu } from "./assemble.ts";
import { decodeFromPoints, prefillFromPoints } from "./grid.ts";
import { rowsOfConfiguration } from "./selection.ts";
import { type SourceRow, SourceTable } from "./source-table.ts";

const COLUMNS = [
  "model",
  "hardware",
  "prompt_size",
  "batch_size",
  "token_size",
  "peak_power",
  "average_power",
  "prompt_time",
  "token_time",
  "tensor_parallel",
];

/**
 * splitwise-sim's performance model (`data/perf_model.csv`): medians over its repetitions. Decode at the mean context
 * prompt + half of the output; prefill from the runs with one prompt. Power is a share of the TDP, 0 where it was not
 * recorded; the run's mean stands for decode, its peak at the smallest batch for prefill.
 */
export async function importSplitwise(path: string, options: ImportOptions): Promise<Profile> {
  const table = await SourceTable.read(path, COLUMNS);
  const rows = rowsOfConfiguration(path, table.rows, [
    { column: "model", option: "--model", wanted: options.model },
    { column: "hardware", option: "--gpu", wanted: options.hardware },
    {
      column: "tensor_parallel",
      option: "--tp",
      wanted: options.tensorParallel === undefined ? undefined : String(options.tensorParallel),
    },
  ]);
  const runs = group(rows).map((same) => ({
    prompt: same[0].count("prompt_size"),
    batch: same[0].count("batch_size"),
    generated: same[0].count("token_size"),
    promptMs: quantileOf(
      same.map((row) => row.positive("prompt_time")),
      0.5,
    ),
    tokenMs: quantileOf(
      same.map((row) => row.positive("token_time")),
      0.5,
    ),
    meanShare: quantileOf(
      same.map((row) => row.number("average_power")),
      0.5,
    ),
    peakShare: quantileOf(
      same.map((row) => row.number("peak_power")),
      0.5,
    ),
  }));
  const single = runs.filter(({ batch }) => batch === 1);
  if (new Set(single.map(({ prompt }) => prompt)).size < 2) {
    throw new UserError(
      "CANOPY_IMPORT_POINTS",
      `${path}: runs of batch 1 with ${single.length === 0 ? "no" : "one"} prompt size: expected two at least, for prefill`,
    );
  }
  const hardware = rows[0].text("hardware");
  const gpu = knownGpu(hardware);
  const withPower = runs.filter(({ meanShare, generated }) => meanShare > 0 && generated === 128);
  const batches = [...new Set(withPower.map(({ batch }) => batch))].sort((a, b) => a - b);
  // One prompt size that was run at every batch.
  const prompt = withPower.find((run) =>
    batches.every((batch) => withPower.some((other) => other.prompt === run.prompt && other.batch === batch)),
  )?.prompt;
  const common = withPower.filter((run) => run.prompt === prompt);
  const smallest = common.reduce((a, b) => (b.batch < a.batch ? b : a), common[0]);
  const power: ActivePower | string =
    gpu === undefined
      ? `the file's power is a share of the TDP, and no datasheet of ${hardware} is at hand`
      : common.length === 0
        ? `the file has no power of ${hardware}`
        : {
            prefillWatts: Math.min(1, smallest.peakShare) * gpu.tdpWatts,
            prefillProvenance: "published",
            decode: common
              .map(({ batch, meanShare }) => ({ batch, watts: meanShare * gpu.tdpWatts }))
              .sort((a, b) => a.batch - b.batch),
          };
  return assemble(
    {
      source: { name: "Mutinifni/splitwise-sim", licence: "MIT" },
      files: [path],
      model: rows[0].text("model"),
      hardware,
      gpu,
      tensorParallel: rows[0].count("tensor_parallel"),
      precision: "bf16",
      engine: "vllm",
      decode: decodeFromPoints(
        runs.map(({ prompt, batch, generated, tokenMs }) => ({
          batch,
          contextTokens: prompt + Math.round(generated / 2),
          milliseconds: tokenMs,
        })),
        "published",
      ),
      prefill: prefillFromPoints(
        single.map(({ prompt, promptMs }) => ({ tokens: prompt, milliseconds: promptMs })),
        "published",
      ),
      power,
      longestTokens: Math.max(...runs.map(({ prompt, generated }) => prompt + generated)),
      lacks: ["the engine's version (2023)", "the precision (16 bits are assumed)"],
    },
    options,
  );
}

/** Repetitions of the same run together. */
function group(rows: readonly SourceRow[]): SourceRow[][] {
  const groups = new Map<string, SourceRow[]>();
  for (const row of rows) {
    const key = ["prompt_size", "batch_size", "token_size"].map((column) => row.count(column)).join("/");
    const same = groups.get(key);
    if (same === undefined) groups.set(key, [row]);
    else same.push(row);
  }
  return [...groups.values()];
}
