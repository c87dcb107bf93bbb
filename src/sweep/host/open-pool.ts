import { setImmediate } from "node:timers/promises";
import type { Outcome } from "../messages.ts";
import { heapShare, loaderOf, lost, type TaskKind, type TaskOptions } from "./run-tasks.ts";

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

/** Opens workers, or a pool in this thread for 0 and 1 threads. */
export async function openPool<Setup, Task, Result>(
  kind: TaskKind<Setup, Task, Result>,
  setup: Setup,
  options: TaskOptions,
): Promise<TaskPool<Task, Result>> {
  return options.threads <= 1 ? poolHere(kind, setup, options) : poolOfWorkers(kind, setup, options);
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
): Promise<TaskPool<Task, Result>> {
  const { Piscina } = await import("piscina");
  const { threads, signal } = options;
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
  const stop = () => {
    end(signal?.reason);
    void pool.destroy();
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
      await pool.destroy();
    },
  };
}
