import { describe, expect, test } from "vitest";
import { forestFromJson, forestToJson } from "../../../src/learning/trees/forest-json.ts";
import {
  type ForestOptions,
  type LabelledRows,
  trainForest,
} from "../../../src/learning/trees/train-forest.ts";
import { Stream } from "../../../src/numeric/random.ts";

const ROWS = 2000;

/** Rows of five features: two that matter together, one category, one of ties, one of nothing. */
function someRows(seed = 1): { features: string[]; quantity: LabelledRows; label: LabelledRows } {
  const stream = new Stream(seed, "test/forest");
  const columns = Array.from({ length: 5 }, () => new Float64Array(ROWS));
  const quantity = new Float64Array(ROWS);
  const label = new Float64Array(ROWS);
  for (let i = 0; i < ROWS; i++) {
    const [a, b] = [stream.normal(), stream.normal()];
    const category = stream.below(3);
    const ties = stream.below(6);
    const noise = stream.normal();
    [a, b, category, ties, noise].forEach((value, f) => {
      columns[f][i] = value;
    });
    quantity[i] = a * b + (category === 1 ? 2 : 0) + 0.3 * ties + 0.5 * stream.normal();
    label[i] = stream.uniform() < 1 / (1 + Math.exp(-quantity[i])) ? 1 : 0;
  }
  return {
    features: ["a", "b", "category", "ties", "noise"],
    quantity: { columns, labels: quantity },
    label: { columns, labels: label },
  };
}

function predictions(
  rows: LabelledRows,
  features: string[],
  options: Partial<ForestOptions> = {},
): Float64Array {
  const { forest } = trainForest(features, rows, { loss: "squared", trees: 20, ...options });
  return predicted(forest, rows.columns);
}

function predicted(
  forest: ReturnType<typeof trainForest>["forest"],
  columns: readonly Float64Array[],
): Float64Array {
  return columns[0].map((_, i) => forest.predict(Float64Array.from(columns, (column) => column[i])));
}

describe("facts worked by hand", () => {
  test("one stump of four rows: split in the middle, leaves -1 and +1 (CAPS specification, section 11)", () => {
    const rows = { columns: [Float64Array.of(1, 2, 3, 4)], labels: Float64Array.of(-1, -1, 1, 1) };
    const { forest, trainingLoss } = trainForest(["x"], rows, {
      loss: "squared",
      trees: 1,
      depth: 1,
      learningRate: 1,
      minRows: 1,
      followLoss: true,
    });
    expect(forestToJson(forest)).toEqual({
      loss: "squared",
      base: 0,
      depth: 1,
      trees: [[0, 2.5, -1, 1]],
    });
    // Half the squared error falls from 1/2 to 0 a row: by gain / (2 rows) with the gain of 4.
    expect(trainingLoss).toEqual([0.5, 0]);
    expect([1, 2, 2.5, 2.6, 4].map((x) => forest.predict(Float64Array.of(x)))).toEqual([-1, -1, -1, 1, 1]);
  });

  test("l2 shrinks the leaves: G/(H + l2) with G = 2, H = 2 and l2 = 2", () => {
    const rows = { columns: [Float64Array.of(1, 2, 3, 4)], labels: Float64Array.of(-1, -1, 1, 1) };
    const { forest } = trainForest(["x"], rows, {
      loss: "squared",
      trees: 1,
      depth: 1,
      learningRate: 1,
      minRows: 1,
      l2: 2,
    });
    expect(forestToJson(forest).trees).toEqual([[0, 2.5, -0.5, 0.5]]);
  });

  test("a logistic stump steps by -G/H of its leaf", () => {
    // Base: log-odds of 1/2. Left: one label of three is 1; g = p - y sums to 0.5, h = 0.25 each to 0.75.
    const rows = {
      columns: [Float64Array.of(0, 0, 0, 1, 1, 1)],
      labels: Float64Array.of(0, 0, 1, 1, 1, 0),
    };
    const { forest } = trainForest(["x"], rows, {
      loss: "logistic",
      trees: 1,
      depth: 1,
      learningRate: 1,
      minRows: 1,
    });
    const [[, threshold, left, right]] = forestToJson(forest).trees as [[number, number, number, number]];
    expect(forest.base).toBe(0);
    expect(threshold).toBe(0.5);
    expect(left).toBeCloseTo(-2 / 3, 15);
    expect(right).toBeCloseTo(2 / 3, 15);
    expect(forest.probability(Float64Array.of(1))).toBeCloseTo(1 / (1 + Math.exp(-2 / 3)), 15);
  });

  test("leaf by leaf: the cap goes to the split of greatest gain", () => {
    // Both halves could be split at depth 2; the right one holds more of the error.
    const rows = {
      columns: [Float64Array.of(1, 2, 3, 4)],
      labels: Float64Array.of(0, 1, 10, 14),
    };
    const { forest } = trainForest(["x"], rows, {
      loss: "squared",
      trees: 1,
      depth: 2,
      maxLeaves: 3,
      learningRate: 1,
      minRows: 1,
    });
    const [root] = forestToJson(forest).trees;
    expect(root).toEqual([0, 2.5, -5.75, [0, 3.5, 3.75, 7.75]]);
    expect([1, 2, 3, 4].map((x) => forest.predict(Float64Array.of(x)))).toEqual([0.5, 0.5, 10, 14]);
  });

  test("no leaf has fewer rows than allowed", () => {
    const rows = { columns: [Float64Array.of(1, 2, 3, 4, 5)], labels: Float64Array.of(10, 0, 0, 0, 0) };
    const options = { loss: "squared", trees: 1, depth: 3, learningRate: 1 } as const;
    expect(forestToJson(trainForest(["x"], rows, { ...options, minRows: 2 }).forest).trees).toEqual([
      [0, 2.5, 3, -2],
    ]);
    expect(forestToJson(trainForest(["x"], rows, { ...options, minRows: 3 }).forest).trees).toEqual([0]);
  });

  test("a missing value has a side of its own, whatever the others are", () => {
    const missing = Number.NaN;
    const rows = {
      columns: [Float64Array.of(missing, -5, missing, 7, missing, 0)],
      labels: Float64Array.of(3, 0, 3, 0, 3, 0),
    };
    const { forest } = trainForest(["x"], rows, { loss: "squared", trees: 1, learningRate: 1, minRows: 1 });
    const predict = (x: number) => forest.predict(Float64Array.of(x));
    expect([missing, Number.NEGATIVE_INFINITY].map(predict)).toEqual([3, 3]);
    expect([-1e300, -5, 0, 7, Number.POSITIVE_INFINITY].map(predict)).toEqual([0, 0, 0, 0, 0]);
    expect(forestToJson(forest).trees).toEqual([[0, null, 1.5, -1.5]]);
  });
});

describe("properties", () => {
  const { features, quantity, label } = someRows();

  test.each(["squared", "logistic"] as const)(
    "the %s loss of the training rows falls with every tree",
    (loss) => {
      const rows = loss === "squared" ? quantity : label;
      const { trainingLoss } = trainForest(features, rows, { loss, followLoss: true });
      expect(trainingLoss).toHaveLength(65);
      for (let t = 1; t < trainingLoss.length; t++) expect(trainingLoss[t]).toBeLessThan(trainingLoss[t - 1]);
    },
  );

  test("a forest's scores of the training rows have the loss that was counted while it grew", () => {
    const { forest, trainingLoss } = trainForest(features, quantity, {
      loss: "squared",
      followLoss: true,
    });
    const scores = predicted(forest, quantity.columns);
    let loss = 0;
    for (let i = 0; i < ROWS; i++) loss += (scores[i] - quantity.labels[i]) ** 2 / (2 * ROWS);
    expect(loss).toBeCloseTo(trainingLoss[64], 12);
  });

  test("increasing functions of the features change no prediction of the training rows", () => {
    const bent = quantity.columns.map((column, f) =>
      f % 2 === 0 ? column.map(Math.exp) : column.map((x) => 3 * x - 1),
    );
    const before = predictions(quantity, features);
    expect(predictions({ ...quantity, columns: bent }, features)).toEqual(before);
    expect(predictions({ ...quantity, columns: bent }, features, { maxBins: 16 })).toEqual(
      predictions(quantity, features, { maxBins: 16 }),
    );
  });

  test("the same rows give the same forest, and their order next to none", () => {
    expect(forestToJson(trainForest(features, label, { loss: "logistic" }).forest)).toEqual(
      forestToJson(trainForest(features, label, { loss: "logistic" }).forest),
    );
    const reversed = {
      columns: quantity.columns.map((column) => column.slice().reverse()),
      labels: quantity.labels.slice().reverse(),
    };
    const there = predictions(quantity, features);
    const back = predictions(reversed, features).reverse();
    for (let i = 0; i < ROWS; i++) expect(back[i]).toBeCloseTo(there[i], 9);
  });

  test("a scale and an offset of the quantity go through to the predictions", () => {
    const scaled = { ...quantity, labels: quantity.labels.map((y) => 4 * y + 8) };
    const before = predictions(quantity, features);
    const after = predictions(scaled, features);
    for (let i = 0; i < ROWS; i++) expect(after[i]).toBeCloseTo(4 * before[i] + 8, 9);
  });

  test("features that do not vary are never split on, and all constant features leave the constant", () => {
    const constant = { columns: [new Float64Array(ROWS).fill(7)], labels: quantity.labels };
    const { forest } = trainForest(["x"], constant, { loss: "squared" });
    let sum = 0;
    for (const y of quantity.labels) sum += y;
    expect(forest.predict(Float64Array.of(7))).toBeCloseTo(sum / ROWS, 12);
    const withConstant = { ...quantity, columns: [constant.columns[0], ...quantity.columns] };
    expect(predictions(withConstant, ["x", ...features])).toEqual(predictions(quantity, features));
  });

  test("labels that are all equal give a finite log-odds", () => {
    const { forest } = trainForest(
      ["x"],
      { columns: [quantity.columns[0]], labels: new Float64Array(ROWS) },
      { loss: "logistic" },
    );
    expect(forest.probability(Float64Array.of(0))).toBeGreaterThan(0);
    expect(forest.probability(Float64Array.of(0))).toBeLessThan(1e-3);
  });

  test("stops early at the lowest loss of the validation rows", () => {
    const { quantity: others } = someRows(2);
    const options = { loss: "squared", trees: 400, learningRate: 0.5, minRows: 2 } as const;
    const { forest, validationLoss } = trainForest(features, quantity, { ...options, patience: 10 }, others);
    const lowest = validationLoss.indexOf(Math.min(...validationLoss));
    expect(forest.trees).toHaveLength(lowest);
    expect(validationLoss).toHaveLength(lowest + 10 + 1);
    expect(trainForest(features, quantity, { ...options, trees: 40 }, others).forest.trees).toHaveLength(40);
  });
});

describe("a forest", () => {
  const { features, quantity, label } = someRows();

  test.each(["squared", "logistic"] as const)(
    "written and read again predicts the same bits (%s)",
    (loss) => {
      const { forest } = trainForest(features, loss === "squared" ? quantity : label, { loss, trees: 7 });
      const again = forestFromJson(JSON.parse(JSON.stringify(forestToJson(forest))), features);
      expect(predicted(again, quantity.columns)).toEqual(predicted(forest, quantity.columns));
    },
  );

  test("gives what its trees say when they are walked one by one", () => {
    for (const depth of [1, 3, 6, 8]) {
      const { forest } = trainForest(features, quantity, {
        loss: "squared",
        trees: 9,
        depth,
        maxLeaves: 200,
      });
      const { trees, base } = forestToJson(forest);
      const walk = (node: (typeof trees)[number], row: number): number =>
        typeof node === "number"
          ? node
          : walk(
              quantity.columns[node[0]][row] > (node[1] ?? Number.NEGATIVE_INFINITY) ? node[3] : node[2],
              row,
            );
      const flat = predicted(forest, quantity.columns);
      for (let i = 0; i < ROWS; i += 10) {
        let sum = base;
        for (const tree of trees) sum += walk(tree, i);
        expect(flat[i]).toBeCloseTo(sum, 12);
      }
    }
  });

  test("takes a row in two parts", () => {
    const { forest } = trainForest(features, quantity, { loss: "squared" });
    const row = Float64Array.of(9, 0.3, -0.7, 1, 4, 0.1);
    forest.place(row, 1, 0, 3);
    forest.place(row, 1, 3, 5);
    expect(forest.score()).toBe(forest.predict(row, 1));
    const other = Float64Array.of(0.3, -0.7, 1, 0, -2);
    forest.place(other, 0, 3, 5);
    expect(forest.score()).toBe(forest.predict(other));
  });

  test.each([256, 257])("%i features, split on the last", (count) => {
    const names = Array.from({ length: count }, (_, i) => `f${i}`);
    const forest = forestFromJson(
      { loss: "squared", base: 0, depth: 1, trees: [[count - 1, 0, 1, 2]] },
      names,
    );
    const row = new Float64Array(count);
    expect(forest.predict(row)).toBe(1);
    row[count - 1] = 0.5;
    expect(forest.predict(row)).toBe(2);
  });

  test.each([
    [{}, "loss: expected squared or logistic"],
    [{ loss: "squared", base: 0, depth: 9, trees: [] }, "depth: expected a whole number from 1 to 8"],
    [{ loss: "squared", base: 0, depth: 1, trees: [[5, 0, 1, 2]] }, "trees[0]: feature 5 of 5"],
    [{ loss: "squared", base: 0, depth: 1, trees: [0, [0, 0, 1, [0, 1, 2, 3]]] }, "trees[1]: deeper than 1"],
    [{ loss: "squared", base: 0, depth: 1, trees: [[0, 0, 1]] }, "trees[0]: expected a number or [feature"],
  ])("refuses %j", (json, message) => {
    expect(() => forestFromJson(json, features)).toThrow(message);
  });
});

describe("what cannot be trained on", () => {
  const rows = { columns: [Float64Array.of(1, 2)], labels: Float64Array.of(0, 1) };
  test.each([
    [{ trees: 0 }, "trees 0: expected a whole number from 1"],
    [{ depth: 9 }, "depth 9: expected a whole number from 1 to 8"],
    [{ maxBins: 256 }, "maxBins 256: expected a whole number from 2 to 255"],
    [{ learningRate: 0 }, "learningRate 0"],
    [{ l2: -1 }, "l2 -1"],
  ])("options %j", (options, message) => {
    expect(() => trainForest(["x"], rows, { loss: "squared", ...options })).toThrow(message);
  });

  test("labels and columns", () => {
    const label = { ...rows, labels: Float64Array.of(0, 0.5) };
    expect(() => trainForest(["x"], label, { loss: "logistic" })).toThrow("label 0.5: expected 0 or 1");
    expect(() => trainForest(["x", "y"], rows, { loss: "squared" })).toThrow("1 columns for 2 features");
  });
});
