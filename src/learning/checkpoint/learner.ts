import type { Mlp } from "../dense/dense.ts";

/** What a checkpoint keeps of a learner; all of it is read and written in place. */
export interface Learner {
  /** Word for the algorithm, e.g. `sac`. */
  readonly kind: string;
  /** What has to be equal for a checkpoint to fit: sizes and whatever else decides what a parameter means. */
  readonly shape: Readonly<Record<string, string | number>>;
  /** Networks that are trained: parameters, both moments and the count of steps are kept. */
  readonly networks: Readonly<Record<string, Mlp>>;
  /** Everything else: parameters of target networks, temperatures, counts, the state of random streams. */
  readonly arrays: Readonly<Record<string, StateArray>>;
}

export type StateArray = Float32Array | Float64Array | Int32Array;
