import { setTimeout } from "node:timers/promises";
import { failureOf, type Outcome } from "../../../src/sweep/messages.ts";

export interface SquareSetup {
  readonly values: Float64Array<SharedArrayBuffer>;
  /** A place for each task: 1 once it began. */
  readonly begun: Int32Array<SharedArrayBuffer>;
}

/** Squares `values[index]`, unless it is told to come to grief. */
export interface SquareTask {
  readonly index: number;
  readonly trouble?: "throw" | "exit" | "memory" | "hang";
  readonly delayMs?: number;
}

export async function square(setup: SquareSetup, task: SquareTask): Promise<Outcome<number>> {
  Atomics.store(setup.begun, task.index, 1);
  try {
    if (task.delayMs !== undefined) await setTimeout(task.delayMs);
    switch (task.trouble) {
      case "throw":
        throw new RangeError("no such square");
      case "exit":
        process.exit(13);
        break;
      case "hang":
        for (;;) Atomics.load(setup.begun, 0);
      case "memory": {
        const kept: unknown[] = [];
        for (;;) kept.push(Array.from({ length: 10_000 }, (_, i) => ({ i })));
      }
    }
    return { state: "done", result: setup.values[task.index] ** 2 };
  } catch (error) {
    return { state: "failed", failure: failureOf(error) };
  }
}
