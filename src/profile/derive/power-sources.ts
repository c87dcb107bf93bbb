import { UserError } from "../../errors.ts";
import { quantileOf } from "../../numeric/quantile.ts";
import { SourceTable } from "../import/source-table.ts";
import { BENCH_GPUS, type ServingRuns } from "./calibration.ts";
import type { GpuId } from "./gpus.ts";

/** Published watts that decode power rests on, per GPU. */
export interface PowerSources {
  /** Llama-3-8B in a static batch (LLM-Inference-Bench, run mean): by GPU, watts by batch. */
  readonly staticBatch: ReadonlyMap<GpuId, ReadonlyMap<number, number>>;
  /** Llama-2-70B on A100-80GB (splitwise-sim, prompts of 512): by tensor parallel degree and batch, shares of the TDP. */
  readonly shares: ReadonlyMap<number, ReadonlyMap<number, { readonly mean: number; readonly peak: number }>>;
  /** Llama-3.1 on H100 (ML.ENERGY): 8B on one GPU, 70B on four. */
  readonly serving8B: ServingRuns;
  readonly serving70B: ServingRuns;
}

/** Of LLM-Inference-Bench; the file's avg_power is in milliwatts. */
export async function readStaticBatchWatts(path: string): Promise<PowerSources["staticBatch"]> {
  const table = await SourceTable.read(path, ["Hardware", "Framework", "Model", "Batch Size", "avg_power"]);
  const byGpu = new Map<GpuId, Map<number, number>>();
  for (const row of table.rows) {
    const gpu = BENCH_GPUS[row.text("Hardware")];
    if (row.text("Framework") !== "vLLM" || !row.text("Model").includes("Llama-3-8B") || gpu === undefined)
      continue;
    const watts = byGpu.get(gpu) ?? byGpu.set(gpu, new Map()).get(gpu)!;
    watts.set(row.count("Batch Size"), row.positive("avg_power") / 1e3);
  }
  for (const [gpu, batches] of [
    ["a100-40gb", [1, 32, 64]],
    ["h100-80gb", [1]],
  ] as const) {
    const missing = batches.filter((batch) => !byGpu.get(gpu)?.has(batch));
    if (missing.length === 0) continue;
    throw new UserError(
      "CANOPY_DERIVE_TABLES",
      `${path}: no power of Llama-3-8B under vLLM on ${gpu} at batch ${missing.join(", ")}`,
    );
  }
  return byGpu;
}

/** Medians over the repetitions of splitwise-sim, runs with prompts of 512 and 128 generated tokens. */
export async function readPowerShares(path: string): Promise<PowerSources["shares"]> {
  const columns = ["model", "hardware", "prompt_size", "batch_size", "token_size", "tensor_parallel"];
  const table = await SourceTable.read(path, [...columns, "peak_power", "average_power"]);
  const samples = new Map<string, { degree: number; batch: number; mean: number[]; peak: number[] }>();
  for (const row of table.rows) {
    if (row.text("model") !== "llama2-70b" || row.text("hardware") !== "a100-80gb") continue;
    if (row.count("prompt_size") !== 512 || row.count("token_size") !== 128) continue;
    const [degree, batch] = [row.count("tensor_parallel"), row.count("batch_size")];
    const key = `${degree}/${batch}`;
    const sample = samples.get(key) ?? { degree, batch, mean: [], peak: [] };
    samples.set(key, sample);
    sample.mean.push(row.number("average_power"));
    sample.peak.push(row.number("peak_power"));
  }
  const shares = new Map<number, Map<number, { mean: number; peak: number }>>();
  for (const { degree, batch, mean, peak } of samples.values()) {
    // Zero stands for "not recorded".
    if (quantileOf(mean, 0.5) === 0) continue;
    const byBatch = shares.get(degree) ?? shares.set(degree, new Map()).get(degree)!;
    byBatch.set(batch, { mean: quantileOf(mean, 0.5), peak: Math.min(1, quantileOf(peak, 0.5)) });
  }
  const missing = [2, 4, 8].filter((degree) => !shares.get(degree)?.has(1));
  if (missing.length === 0) return shares;
  throw new UserError(
    "CANOPY_DERIVE_TABLES",
    `${path}: no power of llama2-70b on a100-80gb at batch 1 with tensor_parallel ${missing.join(", ")}`,
  );
}
