import type { Forest } from "./forest.ts";
import { KERNEL, type MaskKernel, maskKernel } from "./mask-kernel.ts";

/** Leaves that a mask of 64 bits has room for. */
const MOST_DEPTH = 6;
const LEAVES = 64;
const MOST_ROWS = (KERNEL.leaves - KERNEL.rows) / 4;

/** What both forms of a forest answer to. */
export type FastForest = Pick<Forest, "place" | "scoreInto">;

/** A forest in its faster form where that has room for it, else as it is: the scores are the same bits. */
export function fastForest(forest: Forest): FastForest {
  return fits(forest) ? new MaskedForest(forest) : forest;
}

/**
 * A forest that finds the leaves of all trees at once (QuickScorer, Lucchese et al., SIGIR 2015, with the masks of a
 * feature's cuts joined beforehand): each tree is a mask of its leaves; a cut that lies below the row's value takes the
 * leaves to its left out; the lowest one left is the row's. For every feature and number of cuts below there is a row
 * of 64 bits a tree, and a score is the join of one such row for each feature. Scores are those of {@link Forest}, bit
 * for bit, in a third of the time.
 *
 * Up to a megabyte or two of memory of its own: for forests that are asked often. Not reentrant; predicting allocates
 * nothing.
 */
export class MaskedForest {
  readonly #cuts: readonly Float64Array[];
  /** For each feature where its rows of masks begin, and its place in the list of rows; -1 where no tree uses it. */
  readonly #firstRow: Int32Array;
  readonly #listed: Int32Array;
  readonly #maskBytes: number;
  readonly #rowsEnd: number;
  readonly #rows: Int32Array;
  readonly #out: Float64Array;
  readonly #score: MaskKernel;

  /** @throws RangeError for trees deeper than 6, or more features with cuts than 62 */
  constructor(forest: Forest) {
    const { trees, depth, cuts } = forest;
    if (!fits(forest)) {
      throw new RangeError(
        `${usedFeatures(forest)} features and a depth of ${depth}: at most ${MOST_ROWS} and ${MOST_DEPTH} fit`,
      );
    }
    const used = cuts.map((list) => list.length > 0);
    const count = Math.max(1, usedFeatures(forest));
    const padded = KERNEL.trees * Math.max(1, Math.ceil(trees.length / KERNEL.trees));
    this.#cuts = cuts;
    this.#maskBytes = 8 * padded;
    this.#firstRow = new Int32Array(cuts.length);
    this.#listed = new Int32Array(cuts.length).fill(-1);
    const firstMask = KERNEL.leaves + 8 * LEAVES * padded;
    let end = firstMask + this.#maskBytes;
    let listed = 0;
    for (const [f, list] of cuts.entries()) {
      if (!used[f]) continue;
      this.#firstRow[f] = end;
      this.#listed[f] = listed++;
      end += (list.length + 1) * this.#maskBytes;
    }
    const { memory, score } = maskKernel(end);
    this.#score = score;
    this.#rows = new Int32Array(memory, KERNEL.rows, count);
    this.#rowsEnd = KERNEL.rows + 4 * count;
    this.#out = new Float64Array(memory, KERNEL.score, 1);
    new Float64Array(memory, KERNEL.base, 1)[0] = forest.base;
    // Without any cut the one row takes no leaf out.
    new BigUint64Array(memory, firstMask, padded).fill(~0n);
    this.#rows[0] = firstMask;
    const slots = 2 ** depth;
    const leaves = new Float64Array(memory, KERNEL.leaves, LEAVES * padded);
    for (let t = 0; t < trees.length; t++)
      leaves.set(forest.leaves.subarray(t * slots, (t + 1) * slots), t * LEAVES);
    for (const [f, list] of cuts.entries()) {
      if (!used[f]) continue;
      const masks = new BigUint64Array(memory, this.#firstRow[f], (list.length + 1) * padded).fill(~0n);
      this.#fillMasks(forest, f, masks, padded);
      this.#rows[this.#listed[f]] = this.#firstRow[f];
    }
  }

  /** Row k of a feature's masks: what k of its cuts below a value leave of each tree. */
  #fillMasks({ trees, depth, cuts }: Forest, f: number, masks: BigUint64Array, padded: number): void {
    for (const [t, tree] of trees.entries()) {
      for (let slot = 1; slot < 2 ** depth; slot++) {
        if (tree.feature[slot] !== f) continue;
        const level = 31 - Math.clz32(slot);
        const leaves = 2 ** (depth - level);
        const first = (slot - 2 ** level) * leaves;
        masks[(cuts[f].indexOf(tree.threshold[slot]) + 1) * padded + t] &= ~leftHalf(first, leaves);
      }
    }
    for (let i = padded; i < masks.length; i++) masks[i] &= masks[i - padded];
  }

  /** As {@link Forest.place}. */
  place(row: Float64Array, at: number, from: number, to: number): void {
    const rows = this.#rows;
    for (let f = from; f < to; f++) {
      const listed = this.#listed[f];
      if (listed < 0) continue;
      const cuts = this.#cuts[f];
      const value = row[at + f];
      let below = 0;
      for (let step = (cuts.length + 1) >> 1; step > 0; step >>= 1)
        below += step * Number(value > cuts[below + step - 1]);
      rows[listed] = this.#firstRow[f] + below * this.#maskBytes;
    }
  }

  /** As {@link Forest.scoreInto}. */
  scoreInto(out: Float64Array, at: number): void {
    this.#score(this.#rowsEnd, this.#maskBytes);
    out[at] = this.#out[0];
  }
}

function fits(forest: Forest): boolean {
  return forest.depth <= MOST_DEPTH && usedFeatures(forest) <= MOST_ROWS;
}

function usedFeatures({ cuts }: Forest): number {
  return cuts.filter((list) => list.length > 0).length;
}

/** Bits of the leaves to the left of a node whose leaves are `leaves` from `first` on. */
function leftHalf(first: number, leaves: number): bigint {
  return ((1n << BigInt(leaves / 2)) - 1n) << BigInt(first);
}
