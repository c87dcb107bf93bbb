/** What a thread runs that measures one router on one state. */
import v8 from "node:v8";
import vm from "node:vm";
import { type CellTask, measureTask } from "../cell-task.ts";
import type { ThreadWork } from "../run-thread.ts";

v8.setFlagsFromString("--expose-gc");
globalThis.gc = vm.runInNewContext("gc") as typeof globalThis.gc;

// piscina takes the default export for the task.
export default ({ task, port }: ThreadWork<CellTask>): Promise<void> =>
  measureTask(task, (message) => port.postMessage(message));
