import { Forest } from "./forest.ts";
import type { Loss } from "./loss.ts";
import { emptyTree, type Tree } from "./tree.ts";

/** A leaf's value, or [feature, threshold, left, right]; the threshold null sends only missing values left. */
export type TreeJson = number | readonly [number, number | null, TreeJson, TreeJson];

/** A forest as JSON: numbers keep all their digits, so that it predicts the same bits when read again. */
export interface ForestJson {
  readonly loss: Loss;
  readonly base: number;
  readonly depth: number;
  readonly trees: readonly TreeJson[];
}

export function forestToJson({ loss, base, depth, trees }: Forest): ForestJson {
  return { loss, base, depth, trees: trees.map((tree) => nodeToJson(tree, 1)) };
}

/**
 * @param features names of the features, in the order in which the trees number them
 * @throws Error with what is wrong and where, e.g. `trees[3]: feature 20 of 16`
 */
export function forestFromJson(json: unknown, features: readonly string[]): Forest {
  if (!isObject(json)) throw new Error("expected a forest");
  const { loss, base, depth, trees } = json;
  if (loss !== "squared" && loss !== "logistic") throw new Error("loss: expected squared or logistic");
  if (!isNumber(base)) throw new Error("base: expected a number");
  if (!Number.isInteger(depth) || !isNumber(depth) || depth < 1 || depth > 8)
    throw new Error("depth: expected a whole number from 1 to 8");
  if (!Array.isArray(trees)) throw new Error("trees: expected a list");
  const grown = trees.map((root: unknown, t) => {
    const tree = emptyTree(depth);
    try {
      nodeFromJson(root, tree, 1, features.length);
    } catch (error) {
      throw new Error(`trees[${t}]: ${(error as Error).message}`);
    }
    return tree;
  });
  return new Forest({ features, loss, base, depth, trees: grown });
}

function nodeToJson(tree: Tree, slot: number): TreeJson {
  const feature = tree.feature[slot];
  if (feature < 0) return tree.value[slot];
  const threshold = tree.threshold[slot];
  return [
    feature,
    threshold === Number.NEGATIVE_INFINITY ? null : threshold,
    nodeToJson(tree, 2 * slot),
    nodeToJson(tree, 2 * slot + 1),
  ];
}

function nodeFromJson(json: unknown, tree: Tree, slot: number, features: number): void {
  if (isNumber(json)) {
    tree.value[slot] = json;
    return;
  }
  if (!Array.isArray(json) || json.length !== 4)
    throw new Error("expected a number or [feature, threshold, left, right]");
  const [feature, threshold, left, right] = json as unknown[];
  if (!isNumber(feature) || !Number.isInteger(feature) || feature < 0 || feature >= features)
    throw new Error(`feature ${JSON.stringify(feature)} of ${features}`);
  if (threshold !== null && !isNumber(threshold))
    throw new Error(`threshold ${JSON.stringify(threshold)}, expected a number or null`);
  if (2 * slot + 1 >= tree.feature.length) throw new Error(`deeper than ${tree.depth}`);
  tree.feature[slot] = feature;
  tree.threshold[slot] = threshold ?? Number.NEGATIVE_INFINITY;
  nodeFromJson(left, tree, 2 * slot, features);
  nodeFromJson(right, tree, 2 * slot + 1, features);
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
