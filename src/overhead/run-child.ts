import { fork } from "node:child_process";

/** What a child says to its parent. */
export type FromChild<Message> =
  | { readonly kind: "ready" }
  | { readonly kind: "found"; readonly message: Message }
  | { readonly kind: "ended"; readonly error: string | null };

export interface ChildLimits {
  /** Longest time of the task, the start of the process not counted; infinite for no limit. */
  readonly capSeconds: number;
  readonly signal: AbortSignal;
}

/** The module of a worker beside this file, as source or compiled. */
export function workerFile(name: string): URL {
  return new URL(`./worker/${name}${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);
}

/**
 * Runs a task in a process of its own, new and then ended, so that nothing else has shaped its compiled code or its heap,
 * nor shares its processor time; it is killed after `capSeconds`, and what it had found by then is heard. A process and
 * no thread: what runs TypeScript keeps some 16 files open for every thread that was ever started.
 *
 * @param task plain data and typed arrays; the copy is on memory of its own
 * @returns why it did not come to its end, `cut after …` or `failed: …`; null where it did
 * @throws the signal's reason when it is aborted
 */
export async function runChild<Task, Message>(
  file: URL,
  task: Task,
  { capSeconds, signal }: ChildLimits,
  hear: (message: Message) => void,
): Promise<string | null> {
  signal.throwIfAborted();
  const child = fork(file, {
    execArgv: [
      "--expose-gc",
      ...(file.pathname.endsWith(".ts") ? ["--import", import.meta.resolve("tsx")] : []),
    ],
    serialization: "advanced",
    // What a router prints is no result of ours.
    stdio: ["ignore", 2, 2, "ipc"],
  });
  const kill = () => child.kill("SIGKILL");
  let isCut = false;
  let cap: NodeJS.Timeout | undefined;
  let end: { readonly error: string | null } | undefined;
  signal.addEventListener("abort", kill, { once: true });
  child.on("message", (said: FromChild<Message>) => {
    if (said.kind === "found") hear(said.message);
    else if (said.kind === "ended") end = said;
    else if (Number.isFinite(capSeconds)) {
      cap = setTimeout(() => {
        isCut = true;
        kill();
      }, 1000 * capSeconds);
    }
  });
  try {
    const left = await new Promise<string>((resolve, reject) => {
      child.on("error", reject);
      // What it sent last may come after its end: the channel closes when all is read.
      let exited: string | undefined;
      const over = () => {
        if (exited !== undefined && !child.connected) resolve(exited);
      };
      child.on("disconnect", over);
      child.on("exit", (code, by) => {
        exited = by === null ? `left with ${code}` : `was ended by ${by}`;
        over();
      });
      child.send(task as object, (error) => {
        // A child that has died says so by its end.
        if (error !== null && child.connected) reject(error);
      });
    });
    signal.throwIfAborted();
    if (end !== undefined) return end.error === null ? null : `failed: ${end.error}`;
    return isCut ? `cut after ${capSeconds} s` : `failed: its process ${left}`;
  } finally {
    clearTimeout(cap);
    signal.removeEventListener("abort", kill);
    kill();
  }
}
