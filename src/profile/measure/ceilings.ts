import { GPU_IDS, GPUS } from "../derive/gpus.ts";
import type { ModelFacts, Peaks } from "./records.ts";

/** Data-sheet ceilings of a GPU by the name that the driver gives it; unknown ones have none. */
export function gpuPeaks(name: string, memoryBytes: number): Peaks {
  const words = name.toLowerCase();
  const found = GPU_IDS.map((id) => GPUS[id]).find(({ sku, memoryBytes: bytes }) => {
    const [chip] = sku.toLowerCase().split("-");
    // The name of a PCIe board has the same chip and other clocks and memory.
    return words.includes(chip) && !words.includes("pcie") && Math.abs(memoryBytes / bytes - 1) < 0.1;
  });
  if (found === undefined) {
    return { bytesPerSecond: null, flopsPerSecond: null, source: `no data sheet for ${name}` };
  }
  return {
    bytesPerSecond: found.bandwidth,
    flopsPerSecond: found.flopsPerSecond,
    source: `data sheet of ${found.sku}, dense bf16`,
  };
}

/** Work of one step. */
export interface StepWork {
  /** Tokens that pass the layers. */
  readonly tokens: number;
  /** Tokens that pass the head. */
  readonly sampled: number;
  /** Tokens of the KV cache that are read. */
  readonly contextTokens: number;
}

/** Share of the peak bandwidth: bytes of weights and of KV cache that a step must read, by its time. */
export function bandwidthUtilisation(
  model: ModelFacts,
  { contextTokens }: StepWork,
  seconds: number,
  { bytesPerSecond }: Peaks,
): number | null {
  if (bytesPerSecond === null) return null;
  const weights = (model.parameters - model.embeddingParameters) * model.bytesPerParameter;
  return (weights + contextTokens * model.kvBytesPerToken) / seconds / bytesPerSecond;
}

/** Share of the peak FLOP/s: two for each parameter that a token passes, by the step's time; attention is not counted. */
export function computeUtilisation(
  model: ModelFacts,
  { tokens, sampled }: StepWork,
  seconds: number,
  { flopsPerSecond }: Peaks,
): number | null {
  if (flopsPerSecond === null) return null;
  const { parameters, embeddingParameters, headParameters } = model;
  const flops = 2 * (tokens * (parameters - embeddingParameters - headParameters) + sampled * headParameters);
  return flops / seconds / flopsPerSecond;
}
