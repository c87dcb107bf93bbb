import { UserError } from "../../errors.ts";
import { kvCapacityByFormula, MEMORY_SHARE } from "../physical-checks.ts";
import { type Provenance, weakestProvenance } from "../provenance.ts";
import { PROFILE_SCHEMA_ID, type Profile } from "../schema.ts";
import { type Overhead, overheadAt } from "./calibration.ts";
import { DecodePower, type Utilisation } from "./decode-power.ts";
import { type Deployment, KernelSum } from "./kernel-sum.ts";
import { type KernelTables, PRECISIONS } from "./kernel-tables.ts";
import { type Measurements, sourceFiles } from "./measurements.ts";
import { kvBytesPerToken, linearParameters, type ModelShape, weightBytes } from "./model-shape.ts";
import { rounded } from "./rounded.ts";

/** The grids of a composed profile. */
export const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 192, 256];
export const CONTEXTS = [128, 512, 1024, 2048, 4096, 8192, 16384];
export const PROMPTS = [64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384];
/** Live tokens per sequence in the runs whose power was measured: 400 to 600. */
const POWER_CONTEXT = 512;

/**
 * The profile of a deployment, composed from measurements: kernels summed over the layers, the fitted overhead, the
 * prefill calibrated on the one measured point of the chip, power by `DecodePower`. A decode cell is at most the cell
 * of the next larger batch.
 *
 * @throws UserError CANOPY_DERIVE_MEMORY where the weights do not fit, CANOPY_DERIVE_TENSOR_PARALLEL,
 *   CANOPY_DERIVE_TABLES where a kernel's shape is outside the tables
 */
export function composeProfile(measurements: Measurements, deployment: Deployment): Profile {
  const { gpu, shape, tensorParallel, precision } = deployment;
  const model = modelBlock(shape, tensorParallel, weightBytes(shape, PRECISIONS[precision].bytes));
  const gpuBlock = {
    sku: gpu.sku,
    count: tensorParallel,
    memoryBytes: gpu.memoryBytes,
    tdpWatts: gpu.tdpWatts,
  };
  const kvCapacityTokens = kvCapacityByFormula({ gpu: gpuBlock, model }) ?? 0;
  if (kvCapacityTokens < 1) throw doesNotFit(deployment, model.weightBytes);
  const tables = measurements.kernels.get(gpu.measuredOn) as KernelTables;
  const overhead = tensorParallel === 1 ? measurements.overhead.one : measurements.overhead.several;
  const sum = new KernelSum(tables, deployment);
  // Kernels of another board, scaled by a ratio of bandwidths, are a formula's.
  const base: Provenance = gpu.id === gpu.measuredOn ? "derived" : "modelled";
  const power = powerBlock(measurements, deployment);
  const factor = measurements.prefillFactors.get(gpu.measuredOn) ?? 1;
  return {
    schema: PROFILE_SCHEMA_ID,
    id: `${gpu.id}.${shape.name}.${precision}.tp${tensorParallel}`.toLowerCase(),
    provenance: weakestProvenance([base, power.provenance ?? base]),
    gpu: gpuBlock,
    model,
    precision,
    tensorParallel,
    engine: {
      name: "vllm",
      version: "0.14.0 (kernels); 2025 serving runs (overhead)",
      flags: "gpu_memory_utilization 0.90, CUDA graphs, bf16 KV cache",
      backend: "server",
      gemm: precision.startsWith("int") ? "TensorRT-LLM 1.0.0 weight-only" : "vllm 0.14.0 default",
    },
    maxModelTokens: shape.maxTokens,
    kvCapacityTokens,
    maxBatch: BATCHES[BATCHES.length - 1],
    decode: { provenance: base, ...decodeGrid(sum, overhead) },
    prefill: { provenance: base, ...prefillGrid(sum, overhead, factor) },
    mixed: { rule: "add", provenance: "modelled" },
    overhead: {
      baseMs: rounded(Math.max(0, overhead.baseMs), 4),
      perSequenceMs: rounded(overhead.perSequenceMs, 4),
      provenance: "derived",
    },
    power,
    interpolated: interpolatedKernels(sum),
    sources: Object.entries(sourceFiles(gpu)).flatMap(([block, origins]) =>
      origins.map((origin) => ({
        block,
        ...origin,
        commit: null,
        date: null,
        host: null,
        driver: null,
        script: "canopy profile derive",
      })),
    ),
    notes:
      base === "modelled"
        ? `${gpu.measuredOn} kernels, memory-bound part x ratio of the HBM bandwidths`
        : "sum of measured kernels + fitted engine overhead",
  };
}

function modelBlock(shape: ModelShape, tensorParallel: number, bytes: number) {
  return {
    name: shape.name,
    layers: shape.layers,
    kvBytesPerToken: kvBytesPerToken(shape, tensorParallel),
    weightBytes: Math.round(bytes),
    weights: null,
    weightsReason: "composed from kernel timings: no weights were loaded",
  };
}

/** Decode steps in milliseconds over the grid; an overhead of zero gives the kernels alone. */
export function decodeGrid(sum: KernelSum, overhead: Overhead) {
  const step = (batch: number, context: number) => sum.decode(batch, context) + overheadAt(overhead, batch);
  const iterationMs = BATCHES.map((_, b) =>
    CONTEXTS.map((context) => {
      const atLeast = BATCHES.slice(b).map((batch) => step(batch, context));
      return rounded(Math.min(...atLeast), 3);
    }),
  );
  return {
    batch: [...BATCHES],
    contextTokens: [...CONTEXTS],
    iterationMs,
    extrapolated: BATCHES.map((batch) => CONTEXTS.map((context) => sum.decodeExtrapolated(batch, context))),
  };
}

export function prefillGrid(sum: KernelSum, overhead: Overhead, factor: number) {
  return {
    promptTokens: [...PROMPTS],
    latencyMs: PROMPTS.map((tokens) => rounded((sum.prefill(tokens) + overheadAt(overhead, 1)) * factor, 3)),
    extrapolated: PROMPTS.map((tokens) => sum.prefillExtrapolated(tokens)),
  };
}

/** The kernels that are not in the tables as such. */
export function interpolatedKernels(sum: KernelSum): NonNullable<Profile["interpolated"]> {
  return sum
    .kernels()
    .flatMap(({ kernel, shape, status, how }) =>
      status === "measured" ? [] : [{ kernel, shape, status, how }],
    );
}

function powerBlock(measurements: Measurements, deployment: Deployment): NonNullable<Profile["power"]> {
  const { gpu, shape, tensorParallel } = deployment;
  const decodePower = new DecodePower(measurements.power, utilisationOf(measurements));
  const decode = BATCHES.map((batch) => {
    const { watts, provenance } = decodePower.decode(gpu, shape, tensorParallel, batch);
    return { batch, wattsPerGpu: rounded(watts, 1), provenance };
  });
  const prefill = decodePower.prefill(gpu, shape, tensorParallel);
  const { unloadedWatts, unloadedProvenance, loadedWatts, loadedProvenance } = gpu.idle;
  return {
    provenance: weakestProvenance([
      unloadedProvenance,
      loadedProvenance,
      prefill.provenance,
      ...decode.map(({ provenance }) => provenance),
    ]),
    idleUnloadedWattsPerGpu: unloadedWatts,
    idleUnloadedProvenance: unloadedProvenance,
    idleLoadedWattsPerGpu: loadedWatts,
    idleLoadedProvenance: loadedProvenance,
    prefillWattsPerGpu: rounded(prefill.watts, 1),
    prefillProvenance: prefill.provenance,
    decode,
  };
}

/** Bytes of weights (without the input embedding) and KV cache of one GPU over step time and bandwidth. */
function utilisationOf(measurements: Measurements): Utilisation {
  return (gpu, shape, tensorParallel, batch) => {
    const tables = measurements.kernels.get(gpu.measuredOn) as KernelTables;
    const sum = new KernelSum(tables, { gpu, shape, tensorParallel, precision: "bf16" });
    const overhead = tensorParallel === 1 ? measurements.overhead.one : measurements.overhead.several;
    const weights = linearParameters(shape) * 2 + shape.vocab * shape.hidden * 2;
    const bytes = (weights + batch * POWER_CONTEXT * kvBytesPerToken(shape, tensorParallel)) / tensorParallel;
    const seconds = (sum.decode(batch, POWER_CONTEXT) + overheadAt(overhead, batch)) / 1e3;
    return bytes / seconds / gpu.bandwidth;
  };
}

function doesNotFit({ gpu, shape, tensorParallel, precision }: Deployment, bytes: number): UserError {
  const gigabytes = (value: number) => (value / 1e9).toFixed(1);
  return new UserError(
    "CANOPY_DERIVE_MEMORY",
    `${shape.name} ${precision} does not fit ${tensorParallel} x ${gpu.sku}: weights of ${gigabytes(bytes)} GB leave no room for a KV cache in ${tensorParallel} x ${MEMORY_SHARE.toFixed(2)} x ${gigabytes(gpu.memoryBytes)} GB: expected more GPUs or fewer bits per weight`,
  );
}
