/** What an experiment comes to: `canopy/result/1`, plain JSON. */
import type { ComparisonRow, RankAgreement } from "../metrics/comparison.ts";
import type { RouterSeries } from "../routers/contract.ts";
import type { PlainValue } from "./located-tree.ts";
import type { FigureConfig, TableConfig } from "./output-schema.ts";
import type { EpochSeries, RouterSpec, RunTimeline } from "./run-spec.ts";
import type { StandingValidation } from "./standing-validation.ts";

export const RESULT_SCHEMA_ID = "canopy/result/1";

/** A metric over the runs of a row. */
export interface MetricSummary {
  /** Null where no run knows it. */
  readonly mean: number | null;
  /** 95 % bootstrap interval of the mean over the runs (seed x start); null with fewer than two. */
  readonly ci95: readonly [number, number] | null;
  readonly unit: string;
  /** Runs that know it. */
  readonly n: number;
  /** Why the mean is null. */
  readonly reason?: string;
}

/** A metric against the baseline's, paired by seed and start. */
export interface MetricDifference {
  readonly difference: number;
  readonly differenceCi95: readonly [number, number] | null;
  /** Null where the baseline is not above 0. */
  readonly ratio: number | null;
  readonly ratioCi95: readonly [number, number] | null;
}

/** One router at one point. */
export interface ResultRow {
  readonly router: string;
  readonly point: Readonly<Record<string, PlainValue>>;
  readonly metrics: Readonly<Record<string, MetricSummary>>;
  /** The paper's figures by metric, in the metric's unit where they can be converted. */
  readonly published: Readonly<Record<string, number>>;
  /** One word for each published figure (`src/metrics/comparison.ts`). */
  readonly verdict: Readonly<Record<string, string>>;
  /** Against the baseline; empty for the baseline itself. */
  readonly differences: Readonly<Record<string, MetricDifference>>;
  readonly comparison: readonly ComparisonRow[];
  readonly id: string;
  readonly parameters: RouterSpec["parameters"];
  readonly about: RouterSpec["about"];
  /** Weakest over the runs; `unknown` while none has ended. */
  readonly provenance: string;
  /**
   * The metrics of every run (`run-samples.ts`), in the order of `metrics` and by seed, then start; absent in older
   * results.
   */
  readonly samples?: string;
  /** Runs done and runs planned. */
  readonly runs: { readonly done: number; readonly planned: number };
  readonly notes: readonly string[];
  /** Mean over the runs of the latency at each quantile, for figures. */
  readonly percentiles: {
    readonly quantiles: readonly number[];
    readonly ttft: readonly (number | null)[];
    readonly e2e: readonly (number | null)[];
  };
  /** Placements by group over time of the first run, where a figure asks for them. */
  readonly timeline: RunTimeline | null;
  /** Lines that the router reported of itself in the first run; absent without any. */
  readonly series?: RouterSeries;
  /** Of a planner, mean over the runs, where a figure asks for it. */
  readonly epochs?: EpochSeries;
}

/** How far paper and run agree on the order of the routers at a point. */
export interface PointRanks {
  readonly point: Readonly<Record<string, PlainValue>>;
  readonly ranks: readonly RankAgreement[];
}

export interface ExperimentResult {
  readonly schema: typeof RESULT_SCHEMA_ID;
  readonly experiment: string;
  readonly description: string | null;
  readonly paper: string | null;
  /** Label of the router that the others are compared with. */
  readonly baseline: string;
  /** By point, then router, both in the order of the file. */
  readonly rows: readonly ResultRow[];
  readonly ranks: readonly PointRanks[];
  /** What the experiment wants shown. */
  readonly outputs: { readonly tables: readonly TableConfig[]; readonly figures: readonly FigureConfig[] };
  /** By metric: why its absolute values cannot be compared with the paper's, in numbers. */
  readonly comparable: Readonly<Record<string, string>>;
  /** Quantities that were fitted to the paper's, and the path of what was fitted. */
  readonly calibrated: readonly {
    readonly router: string;
    readonly metric: string;
    readonly by: string;
    readonly note?: string | undefined;
  }[];
  readonly provenance: ResultProvenance;
}

export interface ResultProvenance {
  /** Hash of the code that made the runs, and the version of Node. */
  readonly code: string;
  readonly node: string;
  /** `epochs` where the rows are planners; absent where they are routers. */
  readonly kind?: "epochs";
  /** The dense kernels that learned planners ran on: their rows are the same bytes on the same kernels only. */
  readonly dense?: DenseBackend;
  /** The experiment file and those it extends, as named by the user. */
  readonly files: readonly string[];
  readonly points: readonly PointProvenance[];
  /** How the simulator fared against a running engine; null where that was not tried, absent in older results. */
  readonly validation?: StandingValidation | null;
}

/** Dense kernels: the addon's with their instruction set, or the TypeScript twin's. */
export interface DenseBackend {
  readonly backend: "native" | "typescript";
  readonly isa: string;
}

export interface PointProvenance {
  readonly point: Readonly<Record<string, PlainValue>>;
  /** Content hash of the point's inputs. */
  readonly inputs: string;
  readonly seeds: readonly number[];
  /** ISO times; empty where no signal has a calendar. */
  readonly starts: readonly string[];
  readonly workload: Readonly<Record<string, PlainValue>>;
  /** Service classes, strictest first; empty where no objective is given. */
  readonly tiers: readonly { readonly name: string; readonly share: number | null; readonly sloS: number }[];
  readonly signal: string;
  readonly carbon: Readonly<Record<string, Readonly<Record<string, string | number>>>>;
  readonly price: Readonly<Record<string, Readonly<Record<string, string | number>>>>;
  readonly profiles: readonly { readonly id: string; readonly provenance: string }[];
  readonly prices: readonly { readonly endpoint: string; readonly source: string }[];
  readonly latency: string;
  readonly end: string;
  readonly horizon: string | number;
  readonly warmup: { readonly fraction: number; readonly atLeast: number } | null;
  readonly calibration: Readonly<Record<string, number>>;
  readonly notes: readonly string[];
  /** Of planners: what every table says at its head, and the sentences that describe the setting. */
  readonly epochs?: {
    readonly header: string;
    /** By which counts were multiplied under the first seed; absent in older results, whose header says it. */
    readonly factor?: number;
    readonly setting: readonly string[];
  };
}
