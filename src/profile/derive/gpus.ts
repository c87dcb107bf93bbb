import { suggestion, UserError } from "../../errors.ts";

export type GpuId = "a100-40gb" | "a100-80gb" | "h100-80gb";

/** What the composition needs to know of a GPU (datasheets; SXM boards). */
export interface GpuClass {
  readonly id: GpuId;
  readonly sku: string;
  readonly memoryBytes: number;
  /** HBM, bytes per second. */
  readonly bandwidth: number;
  /** Dense bf16. */
  readonly flopsPerSecond: number;
  readonly tdpWatts: number;
  /** Whose kernels were measured; another GPU of the same chip is scaled to its bandwidth. */
  readonly measuredOn: GpuId;
  readonly idle: {
    readonly unloadedWatts: number;
    readonly unloadedProvenance: "published" | "modelled";
    readonly loadedWatts: number;
    readonly loadedProvenance: "published" | "modelled";
  };
}

// Idle watts are single published readings: chuyishang/inference-energy for A100-80GB (59 W); vllm-project/vllm issue
// 27508 and LMCache/LMCache issue 259 for H100. A loaded A100: +26 W, the low end of the step of an open CUDA context
// in arXiv 2605.23918.
const A100_IDLE = {
  unloadedWatts: 59,
  unloadedProvenance: "published",
  loadedWatts: 85,
  loadedProvenance: "modelled",
} as const;

export const GPUS: Readonly<Record<GpuId, GpuClass>> = {
  "a100-40gb": {
    id: "a100-40gb",
    sku: "A100-SXM4-40GB",
    memoryBytes: 40 * 2 ** 30,
    bandwidth: 1555e9,
    flopsPerSecond: 312e12,
    tdpWatts: 400,
    measuredOn: "a100-80gb",
    // No reading of its own: that of the board with more memory.
    idle: { ...A100_IDLE, unloadedProvenance: "modelled" },
  },
  "a100-80gb": {
    id: "a100-80gb",
    sku: "A100-SXM4-80GB",
    memoryBytes: 80 * 2 ** 30,
    bandwidth: 2039e9,
    flopsPerSecond: 312e12,
    tdpWatts: 400,
    measuredOn: "a100-80gb",
    idle: A100_IDLE,
  },
  "h100-80gb": {
    id: "h100-80gb",
    sku: "H100-SXM5-80GB",
    memoryBytes: 80 * 2 ** 30,
    bandwidth: 3350e9,
    flopsPerSecond: 989e12,
    tdpWatts: 700,
    measuredOn: "h100-80gb",
    idle: {
      unloadedWatts: 74,
      unloadedProvenance: "published",
      loadedWatts: 119,
      loadedProvenance: "published",
    },
  },
};

export const GPU_IDS = Object.keys(GPUS) as GpuId[];

/** @throws UserError CANOPY_DERIVE_GPU */
export function gpuClass(id: string): GpuClass {
  const found = GPU_IDS.find((each) => each === id.toLowerCase());
  if (found !== undefined) return GPUS[found];
  throw new UserError("CANOPY_DERIVE_GPU", `no GPU "${id}"${suggestion(id, GPU_IDS)}`);
}
