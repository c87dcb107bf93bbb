import type { TaskKind } from "../../../src/sweep/host/open-pool.ts";
import { type SquareSetup, type SquareTask, square } from "./square.ts";

export const squares: TaskKind<SquareSetup, SquareTask, number> = {
  workerFile: new URL("./square-worker.ts", import.meta.url),
  prepare: async (setup) => (task) => square(setup, task),
};

export function setupOf(count: number): SquareSetup {
  const values = new Float64Array(new SharedArrayBuffer(8 * count));
  for (let i = 0; i < count; i++) values[i] = i + 0.5;
  return { values, begun: new Int32Array(new SharedArrayBuffer(4 * count)) };
}
