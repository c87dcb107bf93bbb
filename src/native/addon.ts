import type { DenseExports } from "./dense-addon.ts";
import type { EngineAddon } from "./engine-addon.ts";
import type { PowerAddon } from "./power-addon.ts";

/**
 * What the native addon exports (native/bindings/). Its errors are `Error`s with a `code` that starts with ERR_CANOPY_:
 * ERR_CANOPY_ARGUMENT, ERR_CANOPY_MEMORY, ERR_CANOPY_FAILED, and those that the functions name.
 */
export interface NativeAddon extends DenseExports, EngineAddon, PowerAddon {
  describe(): AddonDescription;
  /** Initialises the CUDA driver: for the main thread of a process that forks no more, never in pool workers. */
  describeCuda(): CudaDescription;
}

/** Every export by name: a missing one tells that the addon was built from older sources. */
export const ADDON_EXPORTS: Readonly<Record<keyof NativeAddon, true>> = {
  describe: true,
  describeCuda: true,
  DenseKernels: true,
  DenseMlp: true,
  denseIsas: true,
  Engine: true,
  presetShape: true,
  presetShapeNames: true,
  streamBandwidth: true,
  describePower: true,
  PowerSampler: true,
  ClockLock: true,
};

/** The build and the processor, as a profile records them. */
export interface AddonDescription {
  readonly build: {
    /** Name and version. */
    readonly compiler: string;
    readonly flags: string;
    readonly system: string;
    /** Version of nvcc; null in a build without CUDA. */
    readonly cuda: string | null;
    readonly cudaArchitectures: string | null;
    /** Commit of the sources, `-dirty` where they differ from it; null outside a clone and in builds by hand. */
    readonly commit: string | null;
  };
  readonly cpu: {
    readonly model: string | null;
    /** Those that kernels choose by, weakest first. */
    readonly instructionSets: readonly string[];
    /** Logical processors that this process may run on. */
    readonly usableThreads: number;
    /** Physical cores behind them. */
    readonly usableCores: number;
    /** Processors' worth of time that the container grants; null without a quota. */
    readonly quotaCpus: number | null;
  };
}

/** Versions are CUDA's numbers: 13000 is 13.0. */
export interface CudaDescription {
  /** The newest runtime that the driver serves; 0 without a driver. */
  readonly driverVersion: number;
  /** Of this build; 0 in a build without CUDA. */
  readonly runtimeVersion: number;
  readonly devices: readonly CudaDeviceDescription[];
  /** Why there are no devices; null where there are. */
  readonly reason: string | null;
}

export interface CudaDeviceDescription {
  /** CUDA's own; NVML counts in another order: match by uuid. */
  readonly index: number;
  readonly name: string;
  /** `GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` */
  readonly uuid: string;
  readonly pciBus: string | null;
  /** Compute capability, e.g. `9.0`. */
  readonly compute: string;
  readonly multiprocessors: number;
  readonly memoryBytes: number;
}
