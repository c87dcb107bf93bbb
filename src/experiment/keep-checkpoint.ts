import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DivergenceError } from "../learning/checkpoint/divergence-guard.ts";
import type { SharedInputs } from "./shared-inputs.ts";

/**
 * Does a step in which something learns. Where that diverges, its last good checkpoint is written to a file of the
 * folder that the runs' results are kept in, which the message then names.
 *
 * @param key of the run or training
 * @throws DivergenceError
 */
export function keepCheckpoint<T>({ diverged }: SharedInputs, key: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof DivergenceError) || error.checkpoint === null || diverged === undefined)
      throw error;
    const path = join(diverged, `${key.slice(0, 12)}.checkpoint`);
    try {
      mkdirSync(diverged, { recursive: true });
      writeFileSync(path, error.checkpoint.bytes);
    } catch {
      // That the training diverged matters more than that its checkpoint could not be written.
      throw error;
    }
    throw new DivergenceError(`${error.message}; that checkpoint is ${path}`, error.checkpoint);
  }
}
