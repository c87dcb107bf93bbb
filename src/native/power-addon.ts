/**
 * Power meters of the native addon (native/power/): NVML for GPUs, RAPL for CPU packages. Times are seconds of the
 * monotonic clock, that of `process.hrtime`.
 */
export interface PowerAddon {
  /** What can be metered on this host, and why the rest cannot. Initialises NVML, which may take a second. */
  describePower(places?: PowerPlaces): PowerDescription;
  readonly PowerSampler: new (options: PowerSamplerOptions) => PowerSampler;
  readonly ClockLock: new (options: ClockLockOptions) => ClockLock;
}

/** Where the meters are looked for, if not in the usual places. */
export interface PowerPlaces {
  /** Default `libnvidia-ml.so.1`, which the driver installs. */
  readonly nvmlLibrary?: string;
  /** Default `/sys/class/powercap`. */
  readonly raplFolder?: string;
}

export interface PowerDescription {
  readonly nvml: {
    /** Why no GPU can be metered; null where one can. */
    readonly reason: string | null;
    readonly driverVersion: string | null;
    readonly nvmlVersion: string | null;
    /** 13000 is CUDA 13.0. */
    readonly cudaDriverVersion: number | null;
    readonly gpus: readonly GpuPowerDescription[];
    /** Devices that NVML counts and does not open. */
    readonly unopened: readonly { readonly index: number; readonly reason: string }[];
  };
  readonly rapl: {
    /** Why no package can be metered; null where one can. */
    readonly reason: string | null;
    readonly zones: readonly RaplZone[];
  };
}

/** One physical GPU. Null: NVML does not say. */
export interface GpuPowerDescription {
  /** NVML's, as `nvidia-smi` shows it. CUDA may count otherwise: devices are named by uuid or bus id. */
  readonly index: number;
  readonly name: string;
  readonly uuid: string;
  readonly pciBusId: string;
  readonly vbiosVersion: string | null;
  readonly computeCapability: string | null;
  /** The limit in force. */
  readonly powerLimitWatts: number | null;
  readonly defaultPowerLimitWatts: number | null;
  readonly minimumPowerLimitWatts: number | null;
  readonly maximumPowerLimitWatts: number | null;
  readonly maximumSmClockMHz: number | null;
  readonly maximumMemoryClockMHz: number | null;
  readonly memoryBytes: number | null;
  readonly persistenceMode: boolean | null;
  readonly ecc: boolean | null;
  readonly mig: boolean | null;
  /** All processes with a context on the GPU, this one and a server's own included. */
  readonly computeProcesses: readonly { readonly pid: number; readonly usedBytes: number | null }[] | null;
  readonly computeProcessesReason: string | null;
  /** Why there is no energy counter; null where there is one. */
  readonly energyCounterReason: string | null;
  readonly powerSource: PowerSource;
  /** NVML's power call is the average of the last second from Ampere on, but for the A100. */
  readonly powerUsageIsAverage: boolean;
  /** Why this GPU is not metered (MIG, no meter); null where it is. */
  readonly refusal: string | null;
}

/** What `powerMilliwatts` is, best first. `instant-module` holds the CPU of a superchip too. */
export type PowerSource = "instant-gpu" | "instant-module" | "usage-instant" | "usage-average-1s" | "none";

export interface RaplZone {
  readonly name: string;
  readonly path: string;
  /** Part of the host's sum: packages and their memory; cores lie inside packages, `psys` around them. */
  readonly counted: boolean;
  readonly refusal: string | null;
}

export interface PowerSamplerOptions extends PowerPlaces {
  /** By uuid or PCI bus id. */
  readonly gpus: readonly string[];
  /** Also the CPU packages that can be read. */
  readonly cpu: boolean;
  /** 1 to 1,000 ms; 20 suits GPUs whose counters move every 20 to 100 ms. */
  readonly periodMs: number;
  /** Rows to lay out. Later ticks are counted in `lostRows`. A row of one GPU takes 96 bytes. */
  readonly capacity: number;
}

/**
 * A thread that reads all meters at fixed times, started and stopped once. Where the worker or the process that made it
 * ends, it ends too.
 *
 * Errors: ERR_CANOPY_NVML_UNAVAILABLE, ERR_CANOPY_NVML_NO_DEVICE, ERR_CANOPY_NVML_REFUSED (MIG, no meter),
 * ERR_CANOPY_RAPL_UNAVAILABLE, ERR_CANOPY_STATE (started twice), ERR_CANOPY_ARGUMENT. A meter that fails on the way is
 * no error: its values are NaN and it is in `failures`.
 */
export interface PowerSampler {
  start(): void;
  /** Notes the present instant; returns it. */
  mark(label: string): number;
  /** The newest row of each GPU; null before the first. */
  latest(): readonly ({ readonly uuid: string } & GpuReading)[] | null;
  /** Waits for at most one period; a second call returns the same. */
  stop(): PowerSamples;
}

/** Columns of a GPU. Two carry the middle of the call that gave their value; NaN where the meter gave nothing. */
export type GpuColumn =
  | "energySeconds"
  | "energyMillijoules"
  | "powerSeconds"
  | "powerMilliwatts"
  | "smClockMHz"
  | "memoryClockMHz"
  | "eventReasons"
  | "temperatureCelsius"
  | "utilisationPercent"
  | "memoryUsedBytes"
  | "performanceState";

export type GpuReading = Readonly<Record<GpuColumn, number>>;

export interface PowerSamples {
  readonly periodSeconds: number;
  /** Length of every column. The first and last row are those of `start` and `stop`. */
  readonly rows: number;
  /** Deadlines that passed while a reading was under way. */
  readonly missedDeadlines: number;
  readonly lostRows: number;
  /** Waking time less deadline; NaN for the first and the last row. */
  readonly wakeErrorSeconds: Float64Array;
  readonly marks: readonly { readonly label: string; readonly seconds: number }[];
  readonly gpus: readonly GpuSamples[];
  readonly zones: readonly ZoneSamples[];
}

export interface GpuSamples {
  readonly uuid: string;
  readonly pciBusId: string;
  readonly powerSource: PowerSource;
  readonly columns: Readonly<Record<GpuColumn, Float64Array>>;
  readonly failures: readonly MeterFailure[];
}

/** A call that failed while sampling; `times` counts on only where it may yet succeed. */
export interface MeterFailure {
  /** e.g. `ERR_CANOPY_NVML_NOT_SUPPORTED` */
  readonly code: string;
  readonly message: string;
  readonly firstSeconds: number;
  readonly times: number;
}

/** A CPU package or its memory; microjoules since the first row, wraps undone. */
export interface ZoneSamples {
  readonly name: string;
  readonly path: string;
  readonly seconds: Float64Array;
  readonly microjoules: Float64Array;
}

export interface ClockLockOptions {
  /** By uuid or PCI bus id. */
  readonly gpus: readonly string[];
  readonly smClockMHz: number;
  readonly nvmlLibrary?: string;
}

/**
 * Holds SM clocks at one frequency until `release`, garbage collection, or the end of the worker or process; one that is
 * killed leaves them locked (`nvidia-smi -rgc`). Needs root: else the constructor throws ERR_CANOPY_NVML_NO_PERMISSION.
 */
export interface ClockLock {
  /** What NVML refused to reset. */
  release(): readonly string[];
}
