import { describe, expect, test } from "vitest";
import { Forest } from "../../../src/learning/trees/forest.ts";
import { fastForest, MaskedForest } from "../../../src/learning/trees/masked-forest.ts";
import { trainForest } from "../../../src/learning/trees/train-forest.ts";
import { emptyTree } from "../../../src/learning/trees/tree.ts";
import { Stream } from "../../../src/numeric/random.ts";

const out = new Float64Array(1);

function scoreOf(forest: Pick<Forest, "place" | "scoreInto">, row: number[]): number {
  forest.place(Float64Array.from(row), 0, 0, row.length);
  forest.scoreInto(out, 0);
  return out[0];
}

/** One tree of depth 2 on features 0 and 1: left of 10 by 5, right of 10 a leaf. */
function smallForest(): Forest {
  const tree = emptyTree(2);
  tree.feature[1] = 0;
  tree.threshold[1] = 10;
  tree.feature[2] = 1;
  tree.threshold[2] = 5;
  tree.value[3] = 400;
  tree.value[4] = 1;
  tree.value[5] = 20;
  return new Forest({ features: ["a", "b"], loss: "squared", base: 0.5, depth: 2, trees: [tree] });
}

describe("masked forest", () => {
  test("worked by hand: every leaf, cuts themselves and missing values to the left", () => {
    const forest = new MaskedForest(smallForest());
    const rows = [
      [10, 5],
      [10, 5.1],
      [10.1, 0],
      [11, 9],
      [Number.NaN, Number.NaN],
      [0, Number.POSITIVE_INFINITY],
    ];
    expect(rows.map((row) => scoreOf(forest, row))).toEqual([1.5, 20.5, 400.5, 400.5, 1.5, 20.5]);
  });

  test("features that are placed again change, the others keep what they had", () => {
    const forest = new MaskedForest(smallForest());
    expect(scoreOf(forest, [0, 9])).toBe(20.5);
    forest.place(Float64Array.of(0, 1), 0, 1, 2);
    forest.scoreInto(out, 0);
    expect(out[0]).toBe(1.5);
    forest.place(Float64Array.of(99, 9), 0, 0, 1);
    forest.scoreInto(out, 0);
    expect(out[0]).toBe(400.5);
  });

  test.each([
    [64, 6, 5],
    [13, 3, 5],
    [1, 1, 1],
  ])("%i trees of depth %i on %i features: the same bits as the forest", (trees, depth, features) => {
    const stream = new Stream(trees, "test/masked-forest");
    const count = 1500;
    const columns = Array.from({ length: features }, (_, f) =>
      Float64Array.from({ length: count }, () => (f % 2 === 0 ? stream.normal() : stream.below(4))),
    );
    const labels = Float64Array.from({ length: count }, (_, i) =>
      columns.reduce((sum, column, f) => sum + Math.sin((f + 1) * column[i]), stream.normal()),
    );
    const names = columns.map((_, f) => `f${f}`);
    const { forest } = trainForest(names, { columns, labels }, { loss: "squared", trees, depth });
    const masked = fastForest(forest);
    expect(masked).toBeInstanceOf(MaskedForest);
    let different = 0;
    for (let i = 0; i < count; i++) {
      const row = columns.map((column) => column[i]);
      if (i % 7 === 0) row[i % features] = Number.NaN;
      if (!Object.is(scoreOf(masked, row), scoreOf(forest, row))) different++;
    }
    expect(different).toBe(0);
  });

  test("no tree, and trees of a single leaf", () => {
    const parts = { features: ["a"], loss: "squared", base: 3, depth: 2 } as const;
    expect(scoreOf(new MaskedForest(new Forest({ ...parts, trees: [] })), [1])).toBe(3);
    const leaf = emptyTree(2);
    leaf.value[1] = 0.25;
    expect(scoreOf(new MaskedForest(new Forest({ ...parts, trees: [leaf, leaf] })), [1])).toBe(3.5);
  });

  test("a deeper forest stays as it is", () => {
    const deep = new Forest({ features: ["a"], loss: "squared", base: 1, depth: 7, trees: [emptyTree(7)] });
    expect(fastForest(deep)).toBe(deep);
    expect(() => new MaskedForest(deep)).toThrow("depth of 7");
  });
});
