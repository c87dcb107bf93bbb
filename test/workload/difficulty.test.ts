import { describe, expect, test } from "vitest";
import { normalCdf } from "../../src/numeric/special.ts";
import { withDifficulty } from "../../src/workload/difficulty.ts";
import { SyntheticWorkload } from "../../src/workload/synthetic.ts";
import { materialize } from "../../src/workload/trace.ts";
import { average, cedar, columnsOf, standardDeviation } from "./rows.ts";

const workload = new SyntheticWorkload({ ...cedar, requests: 50_000 });
const { difficulty, ...others } = columnsOf(withDifficulty(workload, 3));

describe("difficulty", () => {
  test("is standard normal, and changes nothing else", () => {
    expect(Math.abs(average(difficulty))).toBeLessThan(0.02);
    expect(standardDeviation(difficulty)).toBeCloseTo(1, 1.5);
    for (const limit of [-2, -1, 0, 1, 2]) {
      const share = difficulty.filter((value) => value <= limit).length / difficulty.length;
      expect(Math.abs(share - normalCdf(limit))).toBeLessThan(0.01);
    }
    expect(others).toEqual(columnsOf(workload));
  });

  test("depends on seed and row alone: a trace in chunks of any size has the same", () => {
    const trace = materialize(workload);
    expect(columnsOf(withDifficulty(trace, 3)).difficulty).toEqual(difficulty);
    expect(columnsOf(withDifficulty(trace, 4)).difficulty).not.toEqual(difficulty);
  });

  test("that a workload has stays", () => {
    const own = withDifficulty(workload, 3);
    expect(columnsOf(withDifficulty(own, 99)).difficulty).toEqual(difficulty);
  });
});
