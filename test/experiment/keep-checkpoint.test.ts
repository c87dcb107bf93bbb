import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { keepCheckpoint } from "../../src/experiment/keep-checkpoint.ts";
import type { SharedInputs } from "../../src/experiment/shared-inputs.ts";
import { loadCheckpoint } from "../../src/learning/checkpoint/checkpoint.ts";
import { DivergenceError, DivergenceGuard } from "../../src/learning/checkpoint/divergence-guard.ts";
import { Ddqn } from "../../src/learning/ddqn/ddqn.ts";
import { typescriptDense } from "../../src/learning/dense/typescript-dense.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const KEY = "0123456789abcdef";
const folder = temporaryFolder("diverged");
const into = (diverged?: string) => (diverged === undefined ? {} : { diverged }) as SharedInputs;
const learner = (seed: number) =>
  new Ddqn(typescriptDense(), { stateSize: 2, actions: 2, hidden: [3] }, seed);

/** Trains for as many good losses and one that is none. */
function diverge(shared: SharedInputs, good: number): unknown {
  const guard = new DivergenceGuard(learner(1), { learner: "it", everyUpdates: 2 });
  try {
    keepCheckpoint(shared, KEY, () => {
      for (let k = 0; k < good; k++) guard.watch(1);
      guard.watch(Number.NaN);
    });
  } catch (error) {
    return error;
  }
  return undefined;
}

test("the last good checkpoint of what diverges is a file that the message names", () => {
  const path = join(folder, "deeper", "0123456789ab.checkpoint");
  const error = diverge(into(join(folder, "deeper")), 3) as DivergenceError;
  expect(error).toBeInstanceOf(DivergenceError);
  expect(error.message).toBe(
    `it diverged at update 4: its loss is NaN; the last good checkpoint is of update 2; a smaller learning rate or a smaller reward may hold it; that checkpoint is ${path}`,
  );
  const again = learner(2);
  loadCheckpoint(again, readFileSync(path), path);
  expect(again.networks.online.parameters).toEqual(learner(1).networks.online.parameters);
});

test("without a folder, or one that cannot be written, it stays in memory; without a checkpoint there is no file", () => {
  writeFileSync(join(folder, "file"), "");
  for (const shared of [into(), into(join(folder, "file"))])
    expect((diverge(shared, 3) as Error).message).toMatch(/of update 2; .* may hold it$/);
  expect((diverge(into(join(folder, "none")), 1) as Error).message).toContain("no good checkpoint");
  expect(existsSync(join(folder, "none"))).toBe(false);
});

test("what ends well, or otherwise, is as it was", () => {
  expect(keepCheckpoint(into(folder), KEY, () => 3)).toBe(3);
  expect(() =>
    keepCheckpoint(into(folder), KEY, () => {
      throw new RangeError("other");
    }),
  ).toThrow(RangeError);
});
