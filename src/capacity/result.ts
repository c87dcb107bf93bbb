/** What `canopy capacity` finds, as it prints and keeps it. */
import type { PlainValue } from "../experiment/located-tree.ts";
import type { ResultProvenance } from "../experiment/result.ts";
import type { RouterSpec } from "../experiment/run-spec.ts";
import type { RateUnit } from "./scale-rate.ts";
import type { Finding } from "./search.ts";

/** One search: a router at a point under one seed and start. */
export interface CapacitySearch {
  readonly router: string;
  readonly point: Readonly<Record<string, PlainValue>>;
  readonly seed: number;
  /** ISO time; null without a calendar. */
  readonly start: string | null;
  /** The experiment's own rate in this run. */
  readonly ownRate: number;
  /** Path of the experiment's value that changes the rate, as in `--set`. */
  readonly axis: string;
  /** Empty where a probe failed. */
  readonly findings: readonly CapacityFinding[];
  readonly probes: readonly CapacityProbe[];
  /** Rates that cannot be run, and why. */
  readonly unplayable: readonly { readonly rate: number; readonly reason: string }[];
  /** Why there are no findings; null where all probes ended. */
  readonly failure: CapacityFailure | null;
}

/** A run that failed, and the override and the key by which `canopy run` does it alone. */
export interface CapacityFailure {
  readonly code: string;
  readonly message: string;
  readonly override: string;
  readonly run: string;
}

/** A finding, in arrivals a second: `rate` is the highest that attains. */
export interface CapacityFinding extends Pick<Finding, "level" | "state" | "monotone"> {
  readonly rate: number | null;
  /** The same as `--set` of `canopy run`: `path=value`. */
  readonly override: string | null;
  /** The lowest rate above it that misses, within the tolerance; null where none was found. */
  readonly missesAt: number | null;
  /** Rates that contradict it: lower ones that miss, higher ones that attain. */
  readonly against: readonly number[];
}

export interface CapacityProbe {
  readonly factor: number;
  readonly rate: number;
  readonly attainment: number;
  readonly requests: number;
  /** Key of the run, as in the store. */
  readonly run: string;
  readonly provenance: string;
}

/** A level of a router over its searches. */
export interface CapacityLevel {
  readonly level: number;
  /**
   * `found` in every run; `at least` where some run attains at the highest rate tried, and all attain; `not attained`
   * in any; `not in all runs`; `failed` where no search ended.
   */
  readonly state: "found" | "at least" | "not attained" | "not in all runs" | "failed";
  /** Mean over the runs, with its 95 % interval; null where some run does not attain. */
  readonly rate: number | null;
  readonly ci95: readonly [number, number] | null;
  /** Runs that attain, and searches that ended. */
  readonly attained: number;
  readonly n: number;
  /** The lowest multiple of the experiment's own rate that every search tried; null where none ended. */
  readonly lowestFactor: number | null;
  /** Mean attainment at the lowest rate that each search tried. */
  readonly atLowestProbed: number | null;
  /** Runs in which attainment was seen not to fall with the rate. */
  readonly notMonotone: number;
}

export interface CapacityRow {
  readonly router: string;
  readonly point: Readonly<Record<string, PlainValue>>;
  readonly id: string;
  readonly parameters: RouterSpec["parameters"];
  readonly about: RouterSpec["about"];
  /** Weakest over the runs at the rates found. */
  readonly provenance: string;
  readonly levels: readonly CapacityLevel[];
}

export interface CapacityResult {
  readonly schema: "canopy/capacity/1";
  readonly experiment: string;
  /** The metric whose complement is attained. */
  readonly metric: string;
  readonly levels: readonly number[];
  readonly tolerance: number;
  readonly least: number;
  readonly most: number;
  readonly unit: RateUnit;
  /** By point, then router, in the order of the file. */
  readonly rows: readonly CapacityRow[];
  readonly searches: readonly CapacitySearch[];
  /** Distinct runs that the searches rest on. */
  readonly runs: number;
  /** What the runs rest on, in sentences, of the experiment at its own rate. */
  readonly notes: readonly string[];
  readonly provenance: ResultProvenance;
}
