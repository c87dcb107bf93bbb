import type { Outcome } from "../messages.ts";
import { openPool, type TaskKind, type TaskOptions } from "./open-pool.ts";

/**
 * Runs tasks and reports each as it ends, in any order. A task that throws, or that takes its worker with it, fails
 * alone. At most two tasks a thread are under way, so that a long plan is never queued as a whole.
 *
 * @param setup given to every worker once; shared array buffers in it are shared, the rest is copied
 * @param report called in this thread with the task's place in `tasks`; what it throws ends the work
 */
export async function runTasks<Setup, Task, Result>(
  kind: TaskKind<Setup, Task, Result>,
  setup: Setup,
  tasks: readonly Task[],
  options: TaskOptions,
  report: (index: number, outcome: Outcome<Result>) => void,
): Promise<void> {
  const { signal } = options;
  if (tasks.length === 0 || signal?.aborted === true) return;
  const pool = await openPool(kind, setup, options, tasks.length);
  let next = 0;
  let over = false;
  const lane = async () => {
    while (next < tasks.length && !over) {
      const index = next++;
      const outcome = await pool.run(tasks[index]);
      if (over) return;
      try {
        report(index, outcome);
      } catch (error) {
        // At once: another lane's outcome may be waiting for its turn.
        over = true;
        throw error;
      }
    }
  };
  const lanes = 2 * Math.max(1, Math.min(options.threads, tasks.length));
  try {
    await Promise.all(Array.from({ length: lanes }, lane));
  } catch (error) {
    if (error !== signal?.reason) throw error;
  } finally {
    over = true;
    await pool.close();
  }
}
