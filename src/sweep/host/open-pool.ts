import { setImmediate } from "node:timers/promises";
import { failureOf, type Outcome, type RunFailure } from "../messages.ts";

export interface TaskOptions {
  /** Worker threads; 0: none, in this thread. */
  readonly threads: number;
  /** Ends the work: what runs is stopped, its outcome is not reported. Without workers: only after the current task. */
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

/** Workers for tasks that are not all known beforehand, because what is done next hangs on what was found. */
export interface TaskPool<Task, Result> {
  /**
   * Resolves to the task's outcome; tasks begin in the order in which they were given.
   *
   * @throws the reason of the signal once the work is ended, or an error when no worker lives any more
   */
  run(task: Task): Promise<Outcome<Result>>;
  close(): Promise<void>;
}

/**
 * Opens workers, or for 0 threads a pool in this thread. One worker is not the same as none: while a task runs here, this
 * process hears no signal.
 *
 * @param setup given to every worker once; shared array buffers in it are shared, the rest is copied
 * @param tasks how many will come at most: more workers than that are not started
 */
export async function openPool<Setup, Task, Result>(
  kind: TaskKind<Setup, Task, Result>,
  setup: Setup,
  options: TaskOptions,
  tasks = Number.POSITIVE_INFINITY,
): Promise<TaskPool<Task, Result>> {
  return options.threads < 1 ? poolHere(kind, setup, options) : poolOfWorkers(kind, setup, options, tasks);
}

async function poolHere<Setup, Task, Result>(
  kind: TaskKind<Setup, Task, Result>,
  setup: Setup,
  { signal }: TaskOptions,
): Promise<TaskPool<Task, Result>> {
  const execute = await kind.prepare(setup);
  let last: Promise<unknown> = Promise.resolve();
  return {
    run: (task) => {
      const outcome = last.then(async () => {
        // Lets signals of the system, timers and the journal have their turn.
        await setImmediate();
        signal?.throwIfAborted();
        return execute(task);
      });
      last = outcome.catch(() => undefined);
      return outcome;
    },
    close: async () => undefined,
  };
}

async function poolOfWorkers<Setup, Task, Result>(
  kind: TaskKind<Setup, Task, Result>,
  setup: Setup,
  options: TaskOptions,
  tasks: number,
): Promise<TaskPool<Task, Result>> {
  const { Piscina } = await import("piscina");
  const { signal } = options;
  const threads = Math.min(options.threads, tasks);
  const heap = options.workerHeapMiB ?? (await heapShare(threads));
  const pool = new Piscina<Task, Outcome<Result>>({
    filename: kind.workerFile.href,
    minThreads: threads,
    maxThreads: threads,
    workerData: setup,
    ...loaderOf(kind.workerFile),
    resourceLimits: { maxOldGenerationSizeMb: heap },
  });
  let end: (error: unknown) => void = () => undefined;
  const ended = new Promise<never>((_, reject) => {
    end = reject;
  });
  // Whoever waits for a task hears of it; nobody may be waiting.
  ended.catch(() => undefined);
  /** Workers that fail at their start are not replaced; once all are gone, what is queued would wait for ever. */
  const endIfDead = (error: unknown) => {
    if (pool.threads.length === 0 && pool.queueSize > 0) end(error);
  };
  pool.on("error", endIfDead);
  let destroyed: Promise<void> | undefined;
  const destroy = () => {
    // Once: a second call ends at once, and piscina then starts new workers in the place of those still ending.
    destroyed ??= pool.destroy();
    return destroyed;
  };
  const stop = () => {
    end(signal?.reason);
    void destroy();
  };
  if (signal?.aborted === true) stop();
  signal?.addEventListener("abort", stop, { once: true });
  return {
    run: (task) =>
      Promise.race([
        ended,
        pool.run(task).catch((error: unknown) => {
          endIfDead(error);
          return lost(error, heap);
        }),
      ]),
    close: async () => {
      signal?.removeEventListener("abort", stop);
      await destroy();
    },
  };
}

/**
 * What Node needs to run a worker from its TypeScript source: tsx for `import` alone. piscina tries `require` first,
 * and under tsx's own hook for that every module becomes CommonJS, whose calls across modules are looked up by name:
 * a simulation then takes a seventh to a third longer.
 */
function loaderOf({ pathname }: URL): { execArgv?: string[] } {
  if (!pathname.endsWith(".ts")) return {};
  const api = JSON.stringify(import.meta.resolve("tsx/esm/api"));
  return { execArgv: ["--import", `data:text/javascript,import{register}from${api};register()`] };
}

/** The outcome of a task whose worker did not answer. */
function lost(error: unknown, heapMiB: number): Outcome<never> {
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
async function heapShare(threads: number): Promise<number> {
  const { totalmem } = await import("node:os");
  return Math.max(512, Math.floor((0.8 * totalmem()) / 2 ** 20 / threads));
}
