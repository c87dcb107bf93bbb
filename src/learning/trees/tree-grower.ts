import { type BinnedRows, binCount } from "./binned-rows.ts";
import { findSplit, type NodeSums, noSplit, type Split, type SplitLimits } from "./find-split.ts";
import { fillHistogram, type HistogramStride, subtractHistogram } from "./histogram.ts";
import { emptyTree, type Tree } from "./tree.ts";

export interface GrowthOptions extends SplitLimits {
  readonly depth: number;
  readonly maxLeaves: number;
  readonly learningRate: number;
}

/** A leaf while the tree grows. */
interface Leaf {
  slot: number;
  depth: number;
  /** Its rows in `order`. */
  from: number;
  to: number;
  sums: NodeSums;
  histogram: Float64Array;
  readonly split: Split;
}

/** Grows trees from the same rows, one after the other, in memory that is allocated once. */
export class TreeGrower {
  readonly #rows: BinnedRows;
  readonly #options: GrowthOptions;
  readonly #stride: HistogramStride;
  readonly #order: Int32Array;
  readonly #rightRows: Int32Array;
  readonly #free: Float64Array[] = [];

  /** @param secondDerivatives false where every second derivative is 1, as with a squared loss */
  constructor(rows: BinnedRows, options: GrowthOptions, secondDerivatives: boolean) {
    this.#rows = rows;
    this.#options = options;
    this.#stride = secondDerivatives ? 3 : 2;
    this.#order = new Int32Array(rows.rows);
    this.#rightRows = new Int32Array(rows.rows);
  }

  /**
   * Grows one tree leaf by leaf, the leaf of greatest gain first, and adds what it gives to each row's score.
   *
   * @param gradient, hessian first and second derivatives of the loss by the score, for each row
   * @param scores of each row; added to
   */
  grow(gradient: Float64Array, hessian: Float64Array, scores: Float64Array): Tree {
    const { depth, maxLeaves } = this.#options;
    const order = this.#order;
    const tree = emptyTree(depth);
    for (let row = 0; row < order.length; row++) order[row] = row;
    const leaves: Leaf[] = [this.#root(gradient, hessian)];
    while (leaves.length < maxLeaves) {
      const best = bestLeaf(leaves);
      if (best === undefined) break;
      leaves.push(this.#divide(best, tree, gradient, hessian));
    }
    for (const leaf of leaves) {
      this.#release(leaf);
      const { slot, from, to, sums } = leaf;
      const value = this.#leafValue(sums);
      tree.value[slot] = value;
      for (let i = from; i < to; i++) scores[order[i]] += value;
    }
    return tree;
  }

  #root(gradient: Float64Array, hessian: Float64Array): Leaf {
    const rows = this.#order.length;
    const sums: NodeSums = { gradient: 0, hessian: 0, rows };
    for (let row = 0; row < rows; row++) {
      sums.gradient += gradient[row];
      sums.hessian += this.#stride === 2 ? 1 : hessian[row];
    }
    const leaf: Leaf = {
      slot: 1,
      depth: 0,
      from: 0,
      to: rows,
      sums,
      histogram: NO_HISTOGRAM,
      split: noSplit(),
    };
    if (this.#canSplit(leaf)) {
      this.#fill(leaf, gradient, hessian);
      this.#find(leaf);
    }
    return leaf;
  }

  /** Turns the leaf into its left child and returns the right one. */
  #divide(leaf: Leaf, tree: Tree, gradient: Float64Array, hessian: Float64Array): Leaf {
    const { slot, split, sums, to } = leaf;
    const { used, cuts, firstBin } = this.#rows;
    tree.feature[slot] = used[split.feature];
    tree.threshold[slot] = cuts[split.feature][split.bin - firstBin[split.feature]];
    const { left } = split;
    const middle = this.#partition(leaf);
    const right: Leaf = {
      slot: 2 * slot + 1,
      depth: leaf.depth + 1,
      from: middle,
      to,
      sums: {
        gradient: sums.gradient - left.gradient,
        hessian: sums.hessian - left.hessian,
        rows: sums.rows - left.rows,
      },
      histogram: NO_HISTOGRAM,
      split: noSplit(),
    };
    leaf.slot = 2 * slot;
    leaf.depth++;
    leaf.to = middle;
    leaf.sums = { ...left };
    split.feature = -1;
    const [small, large] = middle - leaf.from <= to - middle ? [leaf, right] : [right, leaf];
    const whole = leaf.histogram;
    leaf.histogram = NO_HISTOGRAM;
    if (this.#canSplit(large)) {
      large.histogram = whole;
      this.#fill(small, gradient, hessian);
      subtractHistogram(large.histogram, small.histogram);
      this.#find(large);
      if (this.#canSplit(small)) this.#find(small);
    } else {
      this.#free.push(whole);
    }
    return right;
  }

  /** Puts the leaf's rows that go left first, both parts in their order; returns where the right ones begin. */
  #partition({ split, from, to }: Leaf): number {
    const order = this.#order;
    const right = this.#rightRows;
    const { bins, width } = this.#rows;
    const { feature, bin } = split;
    let left = from;
    let others = 0;
    for (let i = from; i < to; i++) {
      const row = order[i];
      // Both places are written and one of them kept: half the rows go either way, which no processor can guess.
      const goesRight = Number(bins[row * width + feature] > bin);
      order[left] = row;
      right[others] = row;
      others += goesRight;
      left += 1 - goesRight;
    }
    for (let i = 0; i < others; i++) order[left + i] = right[i];
    return left;
  }

  #canSplit({ depth, from, to }: Leaf): boolean {
    return depth < this.#options.depth && to - from >= 2 * this.#options.minRows;
  }

  #fill(leaf: Leaf, gradient: Float64Array, hessian: Float64Array): void {
    leaf.histogram = this.#free.pop() ?? new Float64Array(binCount(this.#rows) * this.#stride);
    fillHistogram(
      leaf.histogram,
      this.#stride,
      this.#rows,
      this.#order,
      leaf.from,
      leaf.to,
      gradient,
      hessian,
    );
  }

  #find({ split, histogram, sums }: Leaf): void {
    findSplit(split, histogram, this.#stride, this.#rows, sums, this.#options);
  }

  #release(leaf: Leaf): void {
    if (leaf.histogram !== NO_HISTOGRAM) this.#free.push(leaf.histogram);
    leaf.histogram = NO_HISTOGRAM;
  }

  #leafValue({ gradient, hessian }: NodeSums): number {
    const { learningRate, l2 } = this.#options;
    // 0 - x, since -x would write some leaves as -0.
    return hessian + l2 > 0 ? (learningRate * (0 - gradient)) / (hessian + l2) : 0;
  }
}

const NO_HISTOGRAM = new Float64Array(0);

function bestLeaf(leaves: readonly Leaf[]): Leaf | undefined {
  let best: Leaf | undefined;
  for (const leaf of leaves) {
    if (leaf.split.feature >= 0 && (best === undefined || leaf.split.gain > best.split.gain)) best = leaf;
  }
  return best;
}
