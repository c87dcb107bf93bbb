import { UserError } from "../../errors.ts";
import { mean } from "../../numeric/statistics.ts";
import { SourceTable } from "../import/source-table.ts";
import { GPUS, type GpuId } from "./gpus.ts";
import { KernelSum } from "./kernel-sum.ts";
import type { KernelTables } from "./kernel-tables.ts";
import type { ModelShape } from "./model-shape.ts";

/** The shapes of the models that were measured end to end (Llama-3.1's are the same). */
export const LLAMA_8B: ModelShape = {
  name: "Llama-3-8B",
  layers: 32,
  hidden: 4096,
  heads: 32,
  kvHeads: 8,
  headDim: 128,
  ffn: 14336,
  vocab: 128256,
  maxTokens: 8192,
};
export const LLAMA_70B: ModelShape = {
  ...LLAMA_8B,
  name: "Llama-3-70B",
  layers: 80,
  hidden: 8192,
  heads: 64,
  ffn: 28672,
};

/** Whether two models compute the same: everything but name and longest sequence. */
export function sameArchitecture(a: ModelShape, b: ModelShape): boolean {
  const architecture = ({ layers, hidden, heads, kvHeads, headDim, ffn, vocab }: ModelShape) =>
    [layers, hidden, heads, kvHeads, headDim, ffn, vocab].join();
  return architecture(a) === architecture(b);
}

/** Engine time in every step, in milliseconds: base + perSequence x sequences. */
export interface Overhead {
  readonly baseMs: number;
  readonly perSequenceMs: number;
}

export function overheadAt({ baseMs, perSequenceMs }: Overhead, sequences: number): number {
  return Math.max(0, baseMs) + perSequenceMs * sequences;
}

/** Serving runs of ML.ENERGY on H100: by the cap on concurrent sequences, median step (ms) and watts of all GPUs. */
export type ServingRuns = ReadonlyMap<number, { readonly stepMs: number; readonly watts: number }>;

const SERVING_COLUMNS = ["model_id", "num_gpus", "max_num_seqs", "median_itl_ms", "avg_power_watts"];
/** Concurrencies that the overhead is fitted on. */
const FITTED = [8, 16, 32, 64, 96, 128];
/** Live tokens per sequence in those runs: prompt and half of an output of about 395. The file does not say. */
const CHAT_CONTEXT = 400;

/** @throws UserError CANOPY_DERIVE_TABLES where the file lacks a concurrency that the fit needs */
export async function readServingRuns(path: string, modelSuffix: string, gpus: number): Promise<ServingRuns> {
  const table = await SourceTable.read(path, SERVING_COLUMNS);
  const runs = new Map<number, { stepMs: number; watts: number }>();
  for (const row of table.rows) {
    if (!row.text("model_id").endsWith(modelSuffix) || row.count("num_gpus") !== gpus) continue;
    runs.set(row.count("max_num_seqs"), {
      stepMs: row.positive("median_itl_ms"),
      watts: row.positive("avg_power_watts"),
    });
  }
  const missing = FITTED.filter((batch) => !runs.has(batch));
  if (missing.length === 0) return runs;
  throw new UserError(
    "CANOPY_DERIVE_TABLES",
    `${path}: no run of ${modelSuffix} on ${gpus} GPUs with max_num_seqs ${missing.join(", ")}`,
  );
}

/** Least squares over what the measured steps take beyond their kernels. */
export function fitOverhead(
  runs: ServingRuns,
  shape: ModelShape,
  gpus: number,
  h100: KernelTables,
): Overhead {
  const sum = new KernelSum(h100, { gpu: GPUS["h100-80gb"], shape, tensorParallel: gpus, precision: "bf16" });
  const rest = FITTED.map((batch) => (runs.get(batch)?.stepMs ?? 0) - sum.decode(batch, CHAT_CONTEXT));
  const meanBatch = mean(FITTED);
  const meanRest = mean(rest);
  let covariance = 0;
  let variance = 0;
  FITTED.forEach((batch, i) => {
    covariance += (batch - meanBatch) * (rest[i] - meanRest);
    variance += (batch - meanBatch) ** 2;
  });
  const perSequenceMs = covariance / variance;
  return { baseMs: meanRest - perSequenceMs * meanBatch, perSequenceMs };
}

const PREFILL_COLUMNS = [
  "Hardware",
  "Num of Hardware",
  "Framework",
  "Model",
  "Input Length",
  "Batch Size",
  "TTFT Latency",
];
/** The GPU of LLM-Inference-Bench's names; 40 GB follows from what did not fit there. */
export const BENCH_GPUS: Readonly<Record<string, GpuId>> = {
  "Nvidia A100 GPU": "a100-40gb",
  "Nvidia H100 GPU": "h100-80gb",
};

/**
 * Measured over composed prefill for Llama-3-8B: one end-to-end point for each chip, of LLM-Inference-Bench.
 *
 * @returns by the GPU whose tables are used
 */
export async function prefillFactors(
  path: string,
  tablesOf: (gpu: GpuId) => KernelTables,
  overhead: Overhead,
): Promise<ReadonlyMap<GpuId, number>> {
  const table = await SourceTable.read(path, PREFILL_COLUMNS);
  const factors = new Map<GpuId, number>();
  for (const row of table.rows) {
    if (row.text("Framework") !== "vLLM" || !row.text("Model").includes("Llama-3-8B")) continue;
    const id = BENCH_GPUS[row.text("Hardware")];
    if (id === undefined || row.count("Num of Hardware") !== 1) continue;
    const gpu = GPUS[id];
    const sum = new KernelSum(tablesOf(gpu.measuredOn), {
      gpu,
      shape: LLAMA_8B,
      tensorParallel: 1,
      precision: "bf16",
    });
    const sequences = row.count("Batch Size");
    const composed = sum.prefill(row.count("Input Length"), sequences) + overheadAt(overhead, sequences);
    factors.set(gpu.measuredOn, (1e3 * row.positive("TTFT Latency")) / composed);
  }
  return factors;
}
