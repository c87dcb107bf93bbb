import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type ForestOptions, trainForest } from "../../../src/learning/trees/train-forest.ts";

interface Reference {
  readonly columns: readonly number[][];
  readonly quantity: readonly number[];
  readonly label: readonly number[];
  readonly cases: readonly {
    readonly name: string;
    readonly library: string;
    readonly options: ForestOptions;
    /** Of the first rows. */
    readonly scores: readonly number[];
  }[];
}

const reference = JSON.parse(
  readFileSync(new URL("./reference/reference.json", import.meta.url), "utf8"),
) as Reference;
const columns = reference.columns.map((column) => Float64Array.from(column));
const features = columns.map((_, f) => `x${f}`);

/**
 * scikit-learn's histogram trees keep their gradients in float32, ours in float64: their scores are right to about
 * 2^-24 of a gradient, a few of which add up. Its exact trees compute in float64 throughout.
 */
const TOLERANCE: Readonly<Record<string, number>> = {
  HistGradientBoostingRegressor: 1e-7,
  HistGradientBoostingClassifier: 1e-7,
  GradientBoostingRegressor: 1e-9,
};

describe("scikit-learn's forests of the same rows", () => {
  test.each(reference.cases.map((made) => [made.name, made] as const))(
    "%s",
    (_, { library, options, scores }) => {
      const labels = Float64Array.from(options.loss === "logistic" ? reference.label : reference.quantity);
      const { forest } = trainForest(features, { columns, labels }, options);
      let worst = 0;
      for (let row = 0; row < scores.length; row++) {
        const score = forest.predict(Float64Array.from(columns, (column) => column[row]));
        worst = Math.max(worst, Math.abs(score - scores[row]));
      }
      expect(worst).toBeLessThan(TOLERANCE[library]);
    },
  );
});
