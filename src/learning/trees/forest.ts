import { logistic } from "../../numeric/logistic.ts";
import type { Loss } from "./loss.ts";
import type { Tree } from "./tree.ts";

export interface ForestParts {
  readonly features: readonly string[];
  readonly loss: Loss;
  /** The score before any tree. */
  readonly base: number;
  /** Of every tree, 1 to 8. */
  readonly depth: number;
  readonly trees: readonly Tree[];
}

/** Trees walked side by side: a walk waits for memory at every step, and four of them wait together. */
const SIDE_BY_SIDE = 4;

/**
 * Boosted trees, flat: all are filled up to the same depth, so that a walk is the same few integer operations at every
 * step and has no branch to guess. A row's values are first turned into the numbers of cuts below them, feature by
 * feature, then compared as integers.
 *
 * Not reentrant: it holds the row it was last given. Predicting allocates nothing.
 */
export class Forest {
  readonly features: readonly string[];
  readonly loss: Loss;
  readonly base: number;
  readonly depth: number;
  readonly trees: readonly Tree[];
  /** Cuts of each feature that the trees use, ascending, filled up with Infinity to a power of two less one. */
  readonly cuts: readonly Float64Array[];
  /** [trees, 2^depth], slot 1 the root: feature << 8 | cut. A row goes right where it is above the cut. */
  readonly #nodes: Uint16Array | Int32Array;
  /** [trees, filled up to a multiple of four; 2^depth]: what each leaf adds, those of the full depth. */
  readonly leaves: Float64Array;
  /** For each feature: feature << 8 | cuts below the row's value. */
  readonly #place: Int32Array;
  readonly #base: Float64Array;
  readonly #score = new Float64Array(1);

  /** @throws RangeError for trees that need more than 255 cuts of a feature */
  constructor({ features, loss, base, depth, trees }: ForestParts) {
    this.features = features;
    this.loss = loss;
    this.base = base;
    this.#base = Float64Array.of(base);
    this.depth = depth;
    this.trees = trees;
    const thresholds = features.map(() => new Set<number>());
    for (const tree of trees)
      for (let slot = 1; slot < 2 ** depth; slot++)
        if (tree.feature[slot] >= 0) thresholds[tree.feature[slot]].add(tree.threshold[slot]);
    this.cuts = thresholds.map((set, f) => {
      if (set.size > 255) throw new RangeError(`feature ${features[f]}: ${set.size} cuts, at most 255 fit`);
      const length = 2 ** Math.ceil(Math.log2(set.size + 1)) - 1;
      const sorted = [...set].sort((a, b) => a - b);
      return new Float64Array(length).fill(Number.POSITIVE_INFINITY).map((none, i) => sorted[i] ?? none);
    });
    const padded = Math.ceil(trees.length / SIDE_BY_SIDE) * SIDE_BY_SIDE;
    const slots = 2 ** depth;
    // Half the memory, so that more of it stays near, where the numbers of features allow it.
    this.#nodes = new (features.length > 256 ? Int32Array : Uint16Array)(padded * slots);
    this.leaves = new Float64Array(padded * slots);
    this.#place = new Int32Array(Math.max(1, features.length));
    for (const [t, tree] of trees.entries()) this.#lay(tree, t * slots);
  }

  /** Below a leaf that is not at the full depth all slots lead to its value, whichever way they are taken. */
  #lay(tree: Tree, at: number): void {
    const slots = 2 ** this.depth;
    const value = Float64Array.from(tree.value);
    for (let slot = 1; slot < slots; slot++) {
      const feature = tree.feature[slot];
      const above = slot > 1 && tree.feature[slot >> 1] < 0;
      if (above) value[slot] = value[slot >> 1];
      if (feature >= 0)
        this.#nodes[at + slot] = (feature << 8) | this.cuts[feature].indexOf(tree.threshold[slot]);
    }
    for (let leaf = 0; leaf < slots; leaf++) {
      const slot = slots + leaf;
      this.leaves[at + leaf] = tree.feature[slot >> 1] < 0 ? value[slot >> 1] : tree.value[slot];
    }
  }

  /**
   * Score of a row: the quantity itself, or a log-odds with a logistic loss.
   *
   * @param row values of the features from `at` on, in the order of `features`
   */
  predict(row: Float64Array, at = 0): number {
    this.place(row, at, 0, this.features.length);
    return this.score();
  }

  /** Probability of label 1, for a forest with a logistic loss. */
  probability(row: Float64Array, at = 0): number {
    return logistic(this.predict(row, at));
  }

  /**
   * Takes in some features of a row; the others keep what they had. For rows that differ in few features: `score`
   * then gives what `predict` would for the whole.
   *
   * @param from, to features from `from` to before `to`
   */
  place(row: Float64Array, at: number, from: number, to: number): void {
    const place = this.#place;
    for (let f = from; f < to; f++) {
      const cuts = this.cuts[f];
      const value = row[at + f];
      let below = 0;
      for (let step = (cuts.length + 1) >> 1; step > 0; step >>= 1)
        below += step * Number(value > cuts[below + step - 1]);
      place[f] = (f << 8) | below;
    }
  }

  /** Score of the row that `place` was given. */
  score(): number {
    this.scoreInto(this.#score, 0);
    return this.#score[0];
  }

  /** Writes the score of the row that `place` was given to `out[at]`: a fraction handed back by a call may be boxed. */
  scoreInto(out: Float64Array, at: number): void {
    const nodes = this.#nodes;
    const leaves = this.leaves;
    const place = this.#place;
    const depth = this.depth;
    const slots = 1 << depth;
    // Read from a column: a sum that starts from a field would be boxed at every step.
    let sum = this.#base[0];
    for (let a = 0; a < nodes.length; a += SIDE_BY_SIDE * slots) {
      const b = a + slots;
      const c = b + slots;
      const d = c + slots;
      let i = 1;
      let j = 1;
      let k = 1;
      let l = 1;
      for (let step = 0; step < depth; step++) {
        const p = nodes[a + i];
        const q = nodes[b + j];
        const r = nodes[c + k];
        const s = nodes[d + l];
        // The sign of the difference: 1 where the row is above the cut.
        i = 2 * i + ((p - place[p >>> 8]) >>> 31);
        j = 2 * j + ((q - place[q >>> 8]) >>> 31);
        k = 2 * k + ((r - place[r >>> 8]) >>> 31);
        l = 2 * l + ((s - place[s >>> 8]) >>> 31);
      }
      sum += leaves[a + i - slots] + leaves[b + j - slots] + (leaves[c + k - slots] + leaves[d + l - slots]);
    }
    out[at] = sum;
  }
}
