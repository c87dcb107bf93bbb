/**
 * A regression tree as a binary heap: the children of slot s are 2s and 2s + 1, the root is slot 1. All arrays have
 * 2^(depth + 1) elements.
 */
export interface Tree {
  readonly depth: number;
  /** Feature that a slot splits on; -1 for a leaf and for slots that do not exist. */
  readonly feature: Int32Array;
  /** A row goes to 2s + 1 where its value is above this, to 2s otherwise and where it is missing. */
  readonly threshold: Float64Array;
  /** What a leaf adds to the score. */
  readonly value: Float64Array;
}

export function emptyTree(depth: number): Tree {
  const slots = 2 ** (depth + 1);
  return {
    depth,
    feature: new Int32Array(slots).fill(-1),
    threshold: new Float64Array(slots),
    value: new Float64Array(slots),
  };
}

/** The leaf that a row ends in. */
export function leafOf({ feature, threshold }: Tree, columns: readonly Float64Array[], row: number): number {
  let slot = 1;
  while (feature[slot] >= 0) slot = 2 * slot + (columns[feature[slot]][row] > threshold[slot] ? 1 : 0);
  return slot;
}
