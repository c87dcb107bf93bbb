import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { simulate } from "../../src/simulator/simulate.ts";
import { arbitraryRun } from "../oracle/arbitrary.ts";
import { firstDifference } from "../oracle/equality.ts";
import { runOracle } from "../oracle/run-oracle.ts";

/** Random runs to compare, and the seed of their choice: another every day, so that the space gets searched. */
const RUNS = Number(process.env["CANOPY_ORACLE_RUNS"] ?? 2000);
const SEED = Number(process.env["CANOPY_ORACLE_SEED"] ?? Math.floor(Date.now() / 86_400_000));

describe("the fast path and the naive oracle", () => {
  test(`agree on ${RUNS} random runs of seed ${SEED}`, () => {
    fc.assert(
      fc.property(arbitraryRun, (config) => {
        expect(firstDifference(config, simulate, runOracle)).toBeNull();
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });
});
