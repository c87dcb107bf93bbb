import type { Finding } from "./finding.ts";
import { interpolateDecodeWatts } from "./interpolate.ts";
import type { Profile } from "./schema.ts";

/** Share of GPU memory an engine may fill: vLLM's long-standing `gpu_memory_utilization` default. */
export const MEMORY_SHARE = 0.9;
/** Memory of one GPU kept for activations and CUDA graphs. */
export const RESERVE_BYTES = 2 * 2 ** 30;

/** Share by which the stated KV capacity may exceed or fall short of the formula. */
const KV_TOLERANCE = 0.2;
/** Board power may exceed the TDP by this factor for a short while. */
const TDP_FACTOR = 1.1;

/** What a KV cache's size depends on; a profile has it. */
interface MemoryFacts {
  readonly gpu: Pick<NonNullable<Profile["gpu"]>, "count" | "memoryBytes"> | null;
  readonly model: Pick<Profile["model"], "weightBytes" | "kvBytesPerToken"> & Partial<Profile["model"]>;
}

/**
 * Tokens the KV cache holds: count x (0.90 x memory - weights / count - 2 GiB) / bytes per token; null where
 * the profile does not know one of them, 0 where nothing is left.
 */
export function kvCapacityByFormula({ gpu, model }: MemoryFacts): number | null {
  if (gpu === null || gpu.memoryBytes === null) return null;
  if (model.weightBytes === null || model.kvBytesPerToken === null) return null;
  const freeBytes =
    gpu.count * (MEMORY_SHARE * gpu.memoryBytes - model.weightBytes / gpu.count - RESERVE_BYTES);
  return Math.max(0, Math.floor(freeBytes / model.kvBytesPerToken));
}

/** The weights and the reserve fit the memory of each GPU. */
export function checkMemory({ gpu, model, precision }: Profile): Finding[] {
  if (gpu === null || gpu.memoryBytes === null || model.weightBytes === null) return [];
  const needed = model.weightBytes / gpu.count + RESERVE_BYTES;
  if (needed < MEMORY_SHARE * gpu.memoryBytes) return [];
  const plural = gpu.count === 1 ? "GPU" : "GPUs";
  return [
    {
      level: "error",
      code: "CANOPY_PROFILE_MEMORY",
      path: "model.weightBytes",
      message:
        `${model.name} ${precision} does not fit ${gpu.count} x ${gpu.sku}: ` +
        `weights ${gigabytes(model.weightBytes)} GB / ${gpu.count} ${plural} + ${gigabytes(RESERVE_BYTES)} GB reserve > ` +
        `${MEMORY_SHARE.toFixed(2)} x ${gigabytes(gpu.memoryBytes)} GB ` +
        `(${gigabytes(needed)} > ${gigabytes(MEMORY_SHARE * gpu.memoryBytes)} GB per GPU): expected more GPUs or fewer bits per weight`,
    },
  ];
}

/**
 * More KV tokens than the memory holds cannot be; far fewer are possible (an engine set to a small cache) and
 * only odd.
 */
export function checkKvCapacity(profile: Profile): Finding[] {
  const formula = kvCapacityByFormula(profile);
  const { gpu, model, kvCapacityTokens } = profile;
  if (kvCapacityTokens === null || formula === null || formula === 0 || gpu === null) return [];
  const ratio = kvCapacityTokens / formula;
  if (Math.abs(ratio - 1) <= KV_TOLERANCE) return [];
  return [
    {
      level: ratio > 1 ? "error" : "warning",
      code: "CANOPY_PROFILE_KV",
      path: "kvCapacityTokens",
      message:
        `${kvCapacityTokens} tokens is ${ratio.toPrecision(3)} times the ${formula} of ${gpu.count} x ` +
        `(${MEMORY_SHARE.toFixed(2)} x ${gigabytes(gpu.memoryBytes ?? 0)} - ${gigabytes(model.weightBytes ?? 0)} / ${gpu.count} - ` +
        `${gigabytes(RESERVE_BYTES)}) GB / ${model.kvBytesPerToken} B: expected within ${100 * KV_TOLERANCE} %`,
    },
  ];
}

/** No phase draws more than 1.1 x TDP. */
export function checkWatts({ gpu, power }: Profile): Finding[] {
  if (power === null || gpu === null || gpu.tdpWatts === null) return [];
  const { tdpWatts } = gpu;
  const stated: [path: string, watts: number][] = [
    ["power.idleUnloadedWattsPerGpu", power.idleUnloadedWattsPerGpu ?? 0],
    ["power.idleLoadedWattsPerGpu", power.idleLoadedWattsPerGpu],
    ["power.prefillWattsPerGpu", power.prefillWattsPerGpu],
    ...power.decode.map((point, i): [string, number] => [
      `power.decode[${i}].wattsPerGpu`,
      point.wattsPerGpu,
    ]),
  ];
  return stated
    .filter(([, watts]) => watts > TDP_FACTOR * tdpWatts)
    .map(([path, watts]) => ({
      level: "error",
      code: "CANOPY_PROFILE_POWER",
      path,
      message: `${watts} W exceeds ${TDP_FACTOR} x the TDP of ${tdpWatts} W: expected watts of one GPU`,
    }));
}

/**
 * Energy per decoded token falls with batch, since the weights are read once for all sequences; a rise is odd
 * but happens where a kernel table steps up. Looks only at cells that the KV cache and the model allow.
 */
export function checkEnergyPerToken(profile: Profile): Finding[] {
  const { decode, power, maxModelTokens } = profile;
  if (power === null) return [];
  const capacity = profile.kvCapacityTokens ?? Number.POSITIVE_INFINITY;
  const millijoules = (b: number, c: number) =>
    (interpolateDecodeWatts(power, decode.batch[b]) * decode.iterationMs[b][c]) / decode.batch[b];
  const findings: Finding[] = [];
  for (let b = 1; b < decode.batch.length; b++) {
    let worst = 0;
    let worstContext = 0;
    decode.contextTokens.forEach((context, c) => {
      if (context > maxModelTokens || context * decode.batch[b] > capacity) return;
      const rise = millijoules(b, c) / millijoules(b - 1, c) - 1;
      if (rise > worst) {
        worst = rise;
        worstContext = c;
      }
    });
    if (worst === 0) continue;
    findings.push({
      level: "warning",
      code: "CANOPY_PROFILE_ENERGY",
      path: `decode.iterationMs[${b}][${worstContext}]`,
      message:
        `energy per token rises by ${(100 * worst).toFixed(1)} % from batch ${decode.batch[b - 1]} to ${decode.batch[b]} ` +
        `at context ${decode.contextTokens[worstContext]}: expected it to fall`,
    });
  }
  return findings;
}

function gigabytes(bytes: number): string {
  return (bytes / 1e9).toFixed(1);
}
