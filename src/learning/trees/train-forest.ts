import { binRows } from "./binned-rows.ts";
import { Forest } from "./forest.ts";
import { bestConstant, fillDerivatives, type Loss, meanLoss } from "./loss.ts";
import { leafOf, type Tree } from "./tree.ts";
import { TreeGrower } from "./tree-grower.ts";

/** Settings of {@link trainForest}; the defaults are those of CAPS (its specification, section 3). */
export interface ForestOptions {
  readonly loss: Loss;
  /** Default 64. */
  readonly trees: number;
  /** Splits between the root and a leaf, 1 to 8, default 6. */
  readonly depth: number;
  /** Default 63. */
  readonly maxLeaves: number;
  /** Share of each leaf's value that is added, default 0.1. */
  readonly learningRate: number;
  /** Bins of a feature, 2 to 255, default 255. */
  readonly maxBins: number;
  /** Fewest rows of a leaf, default 20. */
  readonly minRows: number;
  /** Added to a leaf's sum of second derivatives, default 0. */
  readonly l2: number;
  /**
   * Stops after this many trees without a lower loss on the validation rows, and keeps the trees up to the lowest;
   * default: all trees are kept.
   */
  readonly patience?: number;
  /** Whether to follow the loss of the training rows, which takes time; default false. */
  readonly followLoss: boolean;
}

export const FOREST_DEFAULTS: Omit<ForestOptions, "loss"> = {
  trees: 64,
  depth: 6,
  maxLeaves: 63,
  learningRate: 0.1,
  maxBins: 255,
  minRows: 20,
  l2: 0,
  followLoss: false,
};

/** Rows for training: a column for each feature, and what is to be predicted. NaN is a missing value. */
export interface LabelledRows {
  readonly columns: readonly Float64Array[];
  readonly labels: Float64Array;
}

export interface TrainedForest {
  readonly forest: Forest;
  /** Mean loss on the training rows: of the constant, then after each tree; empty without `followLoss`. */
  readonly trainingLoss: readonly number[];
  /** Mean loss on the validation rows likewise; empty without any. */
  readonly validationLoss: readonly number[];
}

/** Least sum of second derivatives of a leaf: below it a log-odds runs away (LightGBM's and scikit-learn's). */
const MIN_HESSIAN = 1e-3;

/**
 * Trains gradient-boosted trees on histograms (Friedman 2001; Ke et al. 2017). Nothing is drawn: the same rows give
 * the same forest, bit for bit.
 *
 * @param features names of the columns; they are kept with the forest
 * @param validation rows for early stopping, see `patience`
 * @throws RangeError for options out of range, columns of other lengths, no rows, or labels that are not finite
 * @example
 * const { forest } = trainForest(["x"], { columns: [Float64Array.of(1, 2, 3, 4)], labels: Float64Array.of(-1, -1, 1, 1) },
 *   { loss: "squared", minRows: 1 });
 * forest.predict(Float64Array.of(2));
 */
export function trainForest(
  features: readonly string[],
  rows: LabelledRows,
  given: Partial<ForestOptions> & Pick<ForestOptions, "loss">,
  validation?: LabelledRows,
): TrainedForest {
  const options: ForestOptions = { ...FOREST_DEFAULTS, ...given };
  checkOptions(options);
  checkRows(features, rows, options.loss);
  if (validation !== undefined) checkRows(features, validation, options.loss);
  const { loss, patience, followLoss } = options;
  const { labels, columns } = rows;
  const base = bestConstant(loss, labels);
  const scores = new Float64Array(labels.length).fill(base);
  const validationScores = new Float64Array(validation?.labels.length ?? 0).fill(base);
  const trainingLoss = followLoss ? [meanLoss(loss, labels, scores)] : [];
  const validationLoss =
    validation === undefined ? [] : [meanLoss(loss, validation.labels, validationScores)];
  const gradient = new Float64Array(labels.length);
  const hessian = new Float64Array(loss === "logistic" ? labels.length : 0);
  const binned = binRows(columns, labels.length, options.maxBins);
  const grower = new TreeGrower(binned, { ...options, minHessian: MIN_HESSIAN }, loss === "logistic");
  const trees: Tree[] = [];
  let kept = 0;
  while (trees.length < options.trees) {
    fillDerivatives(loss, labels, scores, gradient, hessian);
    const tree = grower.grow(gradient, hessian, scores);
    trees.push(tree);
    if (followLoss) trainingLoss.push(meanLoss(loss, labels, scores));
    if (validation === undefined) continue;
    for (let row = 0; row < validationScores.length; row++)
      validationScores[row] += tree.value[leafOf(tree, validation.columns, row)];
    validationLoss.push(meanLoss(loss, validation.labels, validationScores));
    if (validationLoss[trees.length] < validationLoss[kept]) kept = trees.length;
    if (patience !== undefined && trees.length - kept >= patience) break;
  }
  const stops = patience !== undefined && validation !== undefined;
  return {
    forest: new Forest({
      features,
      loss,
      base,
      depth: options.depth,
      trees: stops ? trees.slice(0, kept) : trees,
    }),
    trainingLoss,
    validationLoss,
  };
}

function checkOptions(options: ForestOptions): void {
  const whole = (
    name: "trees" | "depth" | "maxLeaves" | "maxBins" | "minRows",
    least: number,
    most: number,
  ) => {
    const value = options[name];
    if (!Number.isInteger(value) || value < least || value > most)
      throw new RangeError(`${name} ${value}: expected a whole number from ${least} to ${most}`);
  };
  whole("trees", 1, 10_000);
  whole("depth", 1, 8);
  whole("maxLeaves", 2, 256);
  whole("maxBins", 2, 255);
  whole("minRows", 1, 2 ** 31 - 1);
  const { learningRate, l2 } = options;
  if (!(learningRate > 0 && learningRate <= 1))
    throw new RangeError(`learningRate ${learningRate}: expected a number above 0, at most 1`);
  if (!(l2 >= 0 && l2 < Number.POSITIVE_INFINITY))
    throw new RangeError(`l2 ${l2}: expected a number from 0 on`);
}

function checkRows(features: readonly string[], { columns, labels }: LabelledRows, loss: Loss): void {
  if (labels.length === 0) throw new RangeError("no rows to train on");
  if (columns.length !== features.length)
    throw new RangeError(`${columns.length} columns for ${features.length} features`);
  for (let f = 0; f < columns.length; f++)
    if (columns[f].length !== labels.length)
      throw new RangeError(`feature ${features[f]}: ${columns[f].length} values for ${labels.length} labels`);
  for (const label of labels) {
    if (loss === "logistic" ? label !== 0 && label !== 1 : !Number.isFinite(label))
      throw new RangeError(`label ${label}: expected ${loss === "logistic" ? "0 or 1" : "a finite number"}`);
  }
}
