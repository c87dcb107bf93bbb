import {
  fitOverhead,
  LLAMA_8B,
  LLAMA_70B,
  type Overhead,
  prefillFactors,
  readServingRuns,
} from "./calibration.ts";
import type { GpuClass, GpuId } from "./gpus.ts";
import { type KernelTables, readKernelTables, tableFile } from "./kernel-tables.ts";
import { type PowerSources, readPowerShares, readStaticBatchWatts } from "./power-sources.ts";

/** Everything that profiles are composed from, read from one folder. */
export interface Measurements {
  readonly kernels: ReadonlyMap<GpuId, KernelTables>;
  /** On one GPU, and on several. */
  readonly overhead: { readonly one: Overhead; readonly several: Overhead };
  /** Measured over composed prefill, by the GPU whose tables are used. */
  readonly prefillFactors: ReadonlyMap<GpuId, number>;
  readonly power: PowerSources;
}

const KERNELS = "aiconfigurator";
const KERNEL_FILES = {
  "a100-80gb": [
    "a100_sxm_gemm_vllm0140.csv",
    "a100_sxm_gemm_trtllm100_weightonly.csv",
    "a100_sxm_generation_attention_vllm0140.csv",
    "a100_sxm_generation_attention_mid_heads_vllm0140.csv",
    "a100_sxm_context_attention_vllm0140.csv",
    "a100_sxm_context_attention_mid_heads_vllm0140.csv",
    "a100_sxm_custom_allreduce_vllm0140.csv",
  ],
  "h100-80gb": [
    "h100_sxm_gemm_vllm0140.csv",
    "h100_sxm_generation_attention_vllm0140.csv",
    "h100_sxm_generation_attention_mid_heads_vllm0140.csv",
    "h100_sxm_context_attention_vllm0140.csv",
    "h100_sxm_context_attention_mid_heads_vllm0140.csv",
    "h100_sxm_custom_allreduce_vllm0140.csv",
  ],
} as const;
const SERVING = ["mlenergy-leaderboard", "llama31_33_lm-arena-chat_h100.csv"] as const;
const PREFILL = ["llm-inference-bench", "ttft_itl.csv"] as const;
const STATIC_POWER = ["llm-inference-bench", "power_results.csv"] as const;
const POWER_SHARES = ["splitwise-sim", "perf_model.csv"] as const;

/**
 * Reads the tables of both chips (the overhead is fitted on H100 whatever the GPU), the serving runs, the measured
 * prefills and the powers. docs/profiles.md has the folder's layout.
 *
 * @throws UserError CANOPY_DERIVE_TABLES, CANOPY_IMPORT_COLUMN, CANOPY_IMPORT_VALUE, CANOPY_IMPORT_EMPTY
 */
export async function readMeasurements(folder: string): Promise<Measurements> {
  const kernels = new Map<GpuId, KernelTables>();
  for (const [gpu, names] of Object.entries(KERNEL_FILES)) {
    kernels.set(gpu as GpuId, await readKernelTables(names.map((name) => tableFile(folder, KERNELS, name))));
  }
  const tablesOf = (gpu: GpuId) => kernels.get(gpu) as KernelTables;
  const serving = tableFile(folder, ...SERVING);
  const serving8B = await readServingRuns(serving, "Llama-3.1-8B-Instruct", 1);
  const serving70B = await readServingRuns(serving, "Llama-3.1-70B-Instruct", 4);
  const overhead = {
    one: fitOverhead(serving8B, LLAMA_8B, 1, tablesOf("h100-80gb")),
    several: fitOverhead(serving70B, LLAMA_70B, 4, tablesOf("h100-80gb")),
  };
  return {
    kernels,
    overhead,
    prefillFactors: await prefillFactors(tableFile(folder, ...PREFILL), tablesOf, overhead.one),
    power: {
      staticBatch: await readStaticBatchWatts(tableFile(folder, ...STATIC_POWER)),
      shares: await readPowerShares(tableFile(folder, ...POWER_SHARES)),
      serving8B,
      serving70B,
    },
  };
}

/** Where a profile's blocks come from. */
export function sourceFiles(gpu: GpuClass): { readonly [block: string]: readonly Origin[] } {
  const names = KERNEL_FILES[gpu.measuredOn as keyof typeof KERNEL_FILES];
  const kernels: Origin = {
    source: "ai-dynamo/aiconfigurator",
    path: names.map((name) => `${KERNELS}/${name}`).join(", "),
    licence: "Apache-2.0",
  };
  const bench = (path: readonly string[]): Origin => ({
    source: "argonne-lcf/LLM-Inference-Bench",
    path: path.join("/"),
    licence: "BSD-3-Clause",
  });
  const serving: Origin = {
    source: "ml-energy/leaderboard",
    path: SERVING.join("/"),
    licence: "none in the repository",
  };
  const splitwise: Origin = {
    source: "Mutinifni/splitwise-sim",
    path: POWER_SHARES.join("/"),
    licence: "MIT",
  };
  return {
    decode: [kernels],
    prefill: [kernels, bench(PREFILL)],
    overhead: [serving],
    power:
      gpu.id === "h100-80gb" ? [bench(STATIC_POWER), serving, splitwise] : [bench(STATIC_POWER), splitwise],
  };
}

interface Origin {
  readonly source: string;
  readonly path: string;
  readonly licence: string;
}
