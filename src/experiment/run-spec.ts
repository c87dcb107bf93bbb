/** One run as plain data: what a worker is given beside the shared inputs, and what it gives back. */
import type { Dense } from "../learning/dense/dense.ts";
import type { PlacementSketch } from "../metrics/placement-sketch.ts";
import type { PowerSeries } from "../metrics/power-timeline.ts";
import type { RoundTrips, RouterSeries } from "../routers/contract.ts";
import type { PlainValue } from "./located-tree.ts";

export interface RunSpec {
  /** Content hash over everything the result depends on: inputs, router, seed, start, code, Node version. */
  readonly key: string;
  /** Key of the point in {@link SharedInputs.points}. */
  readonly point: string;
  readonly labels: Readonly<Record<string, PlainValue>>;
  /** Place of the point in the plan. Points of the same content share runs. */
  readonly planned: number;
  readonly router: RouterSpec;
  readonly seed: number;
  /** Start of the run in Unix seconds of the signals; null where no signal has a calendar. */
  readonly start: number | null;
  /** Key of the requests in {@link SharedInputs.workloads}: of a trace always there, of a synthetic workload where it was shared. */
  readonly workload: string;
}

/** A training: one simulation of the training requests under a router that learns. Plain data, as a run is. */
export interface TrainingSpec
  extends Pick<RunSpec, "key" | "point" | "router" | "seed" | "start" | "workload"> {
  /** Names of what it leaves. */
  readonly artefacts: readonly string[];
}

/** What a training leaves, by name, on memory that threads share. */
export type TrainedArtefacts = Readonly<Record<string, Uint8Array>>;

export interface RouterSpec {
  readonly label: string;
  /** Id in the registry, or the path of a file. */
  readonly id: string;
  readonly file: string | null;
  /** Every parameter with its value. */
  readonly parameters: Readonly<Record<string, PlainValue>>;
  /** Content hash of each artefact, by the name the router asks for. */
  readonly artefacts: Readonly<Record<string, string>>;
  /** Key of the training that makes the artefacts which no file gives; null without one. */
  readonly training: string | null;
  /**
   * Of a router whose parameters name files: the folder that they start from, and the files, whose content is part of a
   * run's key (`RouterDefinition.files`).
   */
  readonly own?: { readonly folder: string; readonly files: readonly string[] };
  /** What of the machine its decisions depend on (`RouterDefinition.backend`); null for nothing. */
  readonly backend: Pick<Dense, "backend" | "isa"> | null;
  /** What the registry says of it; no part of a run's key. */
  readonly about: {
    readonly family: string;
    readonly group: string;
    readonly status: string;
    readonly source: string;
    readonly clairvoyant: boolean;
    /** Id of the router that this one is an ablation of. */
    readonly ablationOf: string | null;
  };
}

/** What a run leaves: survives JSON without loss. */
export interface RunResult {
  readonly key: string;
  /** By name (`metric-catalogue.ts`); null where unknown. */
  readonly metrics: Readonly<Record<string, number | null>>;
  /** Why a metric is null. */
  readonly reasons: Readonly<Record<string, string>>;
  /** Latency in seconds at [quantile, …] for figures. */
  readonly percentiles: {
    readonly quantiles: readonly number[];
    readonly ttft: readonly (number | null)[];
    readonly e2e: readonly (number | null)[];
  };
  /** Null of a planner: its plans are shares, not placements. */
  readonly placements: PlacementSketch | null;
  /** Only where a figure asks for it. */
  readonly timeline: RunTimeline | null;
  /** Lines that the router reports of itself; absent or empty for most. */
  readonly series?: RouterSeries;
  /** Of a router that asks another process: by the wall clock, so that no figure is made of it. */
  readonly roundTrips?: RoundTrips;
  /** Of a planner alone: plans that were found and, where a figure asks for it, each epoch. */
  readonly epochs?: RunEpochs;
  /** Weakest provenance of the profiles used, `extrapolated` at best above 5 % outside the measured grid. */
  readonly provenance: string;
  /** Refusals by reason. */
  readonly rejections: Readonly<Record<string, number>>;
  /** What a reader of the figures has to know. */
  readonly notes: readonly string[];
}

/** Placements and power by group over time, and the carbon intensity that the run saw. */
export interface RunTimeline {
  readonly widthSeconds: number;
  readonly groups: readonly string[];
  /** By group, then bucket. */
  readonly counts: readonly (readonly number[])[];
  /** Steps in seconds and g/kWh by region, from time 0 or the last step before it; empty where it is not known. */
  readonly carbon: Readonly<
    Record<string, { readonly times: readonly number[]; readonly values: readonly number[] }>
  >;
  /** Absent from results of before it was kept. */
  readonly power?: PowerSeries;
}

/** What a run of a planner leaves beside its metrics. */
export interface RunEpochs {
  /** Found plans of some epochs as metrics under true requests, over those of even shares. */
  readonly archives: ArchivedPlans;
  /** Over those of even shares in the same epoch; null where no figure shows them. */
  readonly series: EpochSeries | null;
}

/** Metrics of plans, epoch after epoch. */
export interface ArchivedPlans {
  /** Plans of each epoch: first the one that was chosen, then the others. */
  readonly counts: readonly number[];
  /** Base64 of little-endian float32: plan after plan, four metrics each. */
  readonly metrics: string;
}

/** By epoch. */
export interface EpochSeries {
  readonly epochSeconds: number;
  readonly objective: readonly number[];
  readonly ttft: readonly number[];
  readonly carbon: readonly number[];
  readonly water: readonly number[];
  readonly cost: readonly number[];
  /** Requests of the whole trace in its epochs, by model; absent where no figure shows them. */
  readonly arrivals?: Readonly<Record<string, readonly number[]>>;
}
