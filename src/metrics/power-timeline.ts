import type { ReplicaWatcher } from "../simulator/options.ts";
import { PowerBuckets } from "./power-buckets.ts";

/**
 * Power over a run in buckets of equal width, watts by group, then bucket: the energy that the meters counted in the
 * bucket over its length. The last bucket ends at `endSeconds`. A group is null where a profile of it has no power.
 */
export interface PowerSeries {
  readonly widthSeconds: number;
  readonly endSeconds: number;
  /** GPUs while they work: the boundary of `energy_j_per_request`. */
  readonly gpuWatts: readonly (readonly number[] | null)[];
  /** GPUs working and idle, and their hosts: the boundary of `energy_server_j_per_request`. */
  readonly serverWatts: readonly (readonly number[] | null)[];
}

/** Buckets at most, and their width while the run is short, as of the placements over time (`time-buckets.ts`). */
const MOST_BUCKETS = 256;
const FIRST_WIDTH_SECONDS = 0.1;
/** Significant digits that are kept. */
const DIGITS = 9;

/** Listens to the meters of a run, so that their energy over time is that of its totals. */
export class PowerTimeline {
  readonly #groupOf: ArrayLike<number>;
  readonly #groups: number;
  /** Two lines a group: GPUs while they work, and all else. */
  readonly #buckets = new PowerBuckets(0, FIRST_WIDTH_SECONDS, MOST_BUCKETS);

  /** @param groupOf group of each endpoint */
  constructor(groupOf: ArrayLike<number>, groups: number) {
    this.#groupOf = groupOf;
    this.#groups = groups;
  }

  /** What listens to the replicas of an endpoint. */
  watcher(endpoint: number): ReplicaWatcher {
    const working = 2 * this.#groupOf[endpoint];
    const buckets = this.#buckets;
    return {
      admitted: () => undefined,
      prefilled: () => undefined,
      displaced: () => undefined,
      power: (from, to, watts, isWorking) => buckets.add(isWorking ? working : working + 1, from, to, watts),
      host: (from, to, watts) => buckets.add(working + 1, from, to, watts),
    };
  }

  /** @param endSeconds when the meters were closed: the run's end or its horizon, whichever is later */
  series(endSeconds: number): PowerSeries {
    const groups = Array.from({ length: this.#groups }, (_, group) => group);
    const line = (index: number) => this.#buckets.series(index, endSeconds).map(({ watts }) => watts);
    const lines = groups.map((group) => ({ working: line(2 * group), others: line(2 * group + 1) }));
    return {
      widthSeconds: this.#buckets.widthSeconds,
      endSeconds,
      gpuWatts: lines.map(({ working }) => known(working)),
      serverWatts: lines.map(({ working, others }) => known(working.map((watts, i) => watts + others[i]))),
    };
  }
}

function known(watts: readonly number[]): readonly number[] | null {
  return watts.some(Number.isNaN) ? null : watts.map((value) => Number(value.toPrecision(DIGITS)));
}
