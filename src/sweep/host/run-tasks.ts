import { setImmediate } from "node:timers/promises";
import { failureOf, type Outcome, type RunFailure } from "../messages.ts";

export interface TaskOptions {
  /** Threads; 0 and 1 run in this thread. */
  readonly threads: number;
  /** Ends the work: what runs is stopped, its outcome is not reported. In this thread: after the current task. */
  readonly signal?: AbortSignal | undefined;
  /** Heap of a worker in MiB, above which its run fails; default: what the system leaves for each. */
  readonly workerHeapMiB?: number | undefined;
}

/** The work of one kind of task, in this thread and in workers. */
export interface TaskKind<Setup, Task, Result> {
  /**
   * Module for the workers. Its default export takes a task and resolves to its `Outcome`; it finds the setup in
   * piscina's `workerData`.
   */
  readonly workerFile: URL;
  /** The same without workers. */
  readonly prepare: (setup: Setup) => Promise<(task: Task) => Promise<Outcome<Result>>>;
}

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
  if (tasks.length === 0 || options.signal?.aborted === true) return;
  if (options.threads <= 1) return runHere(kind, setup, tasks, options, report);
  return runInWorkers(kind, setup, tasks, options, report);
}

async function runHere<Setup, Task, Result>(
  kind: TaskKind<Setup, Task, Result>,
  setup: Setup,
  tasks: readonly Task[],
  { signal }: TaskOptions,
  report: (index: number, outcome: Outcome<Result>) => void,
): Promise<void> {
  const run = await kind.prepare(setup);
  for (const [index, task] of tasks.entries()) {
    report(index, await run(task));
    // Lets signals of the system, timers and the journal have their turn.
    await setImmediate();
    if (signal?.aborted === true) return;
  }
}

async function runInWorkers<Setup, Task, Result>(
  kind: TaskKind<Setup, Task, Result>,
  setup: Setup,
  tasks: readonly Task[],
  options: TaskOptions,
  report: (index: number, outcome: Outcome<Result>) => void,
): Promise<void> {
  const { Piscina } = await import("piscina");
  const threads = Math.min(options.threads, tasks.length);
  const heap = options.workerHeapMiB ?? (await heapShare(threads));
  const pool = new Piscina<Task, Outcome<Result>>({
    filename: kind.workerFile.href,
    minThreads: threads,
    maxThreads: threads,
    workerData: setup,
    ...loaderOf(kind.workerFile),
    resourceLimits: { maxOldGenerationSizeMb: heap },
  });
  let next = 0;
  let over = false;
  const stop = () => {
    over = true;
    void pool.destroy();
  };
  options.signal?.addEventListener("abort", stop, { once: true });

  let abandon: (error: unknown) => void = () => undefined;
  const abandoned = new Promise<never>((_, reject) => {
    abandon = reject;
  });
  /** Workers that fail at their start are not replaced; once all are gone, what is queued would wait for ever. */
  const abandonIfDead = (error: unknown) => {
    if (pool.threads.length === 0 && pool.queueSize > 0) abandon(error);
  };
  pool.on("error", abandonIfDead);
  const lane = async () => {
    while (next < tasks.length && !over) {
      const index = next++;
      const outcome = await pool.run(tasks[index]).catch((error: unknown) => {
        abandonIfDead(error);
        return lost(error, heap);
      });
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
  try {
    await Promise.race([abandoned, Promise.all(Array.from({ length: 2 * threads }, lane))]);
  } finally {
    options.signal?.removeEventListener("abort", stop);
    over = true;
    await pool.destroy();
  }
}

/** What Node needs to run a worker from its TypeScript source. */
export function loaderOf({ pathname }: URL): { execArgv?: string[] } {
  return pathname.endsWith(".ts") ? { execArgv: ["--import", import.meta.resolve("tsx")] } : {};
}

/** The outcome of a task whose worker did not answer. */
export function lost(error: unknown, heapMiB: number): Outcome<never> {
  const { code } = error as { code?: unknown };
  const failure: RunFailure =
    code === "ERR_WORKER_OUT_OF_MEMORY"
      ? {
          code: "CANOPY_WORKER_MEMORY",
          message: `the worker ran out of its ${heapMiB} MiB of heap; use fewer --workers`,
          stack: null,
        }
      : { ...failureOf(error), code: "CANOPY_WORKER_LOST" };
  return { state: "failed", failure };
}

/** MiB of heap for each of some workers. */
export async function heapShare(threads: number): Promise<number> {
  const { totalmem } = await import("node:os");
  return Math.max(512, Math.floor((0.8 * totalmem()) / 2 ** 20 / threads));
}
