import { MessageChannel, type MessagePort, receiveMessageOnPort } from "node:worker_threads";

/** What a worker's default export is given. */
export interface ThreadWork<Task> {
  readonly task: Task;
  /** Takes what is found as it is found. */
  readonly port: MessagePort;
}

/** The module of a worker beside this file, as source or compiled. */
export function workerFile(name: string): URL {
  return new URL(`./worker/${name}${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);
}

/**
 * Runs a task in a thread of its own, new and then ended, so that nothing else has shaped its compiled code or its heap;
 * it is ended after `capSeconds`, and what it had sent by then is heard.
 *
 * @returns why it did not come to its end; null where it did
 * @throws the signal's reason when it is aborted
 */
export async function runThread<Task, Message>(
  file: URL,
  task: Task,
  { capSeconds, signal }: { readonly capSeconds: number; readonly signal: AbortSignal },
  hear: (message: Message) => void,
): Promise<string | null> {
  signal.throwIfAborted();
  const { Piscina } = await import("piscina");
  const pool = new Piscina<ThreadWork<Task>, void>({
    filename: file.href,
    minThreads: 1,
    maxThreads: 1,
    ...(file.pathname.endsWith(".ts") ? { execArgv: ["--import", import.meta.resolve("tsx")] } : {}),
  });
  const { port1, port2 } = new MessageChannel();
  const cap = AbortSignal.timeout(1000 * capSeconds);
  try {
    await pool.run({ task, port: port2 }, { transferList: [port2], signal: AbortSignal.any([signal, cap]) });
    return null;
  } catch (error) {
    signal.throwIfAborted();
    if (cap.aborted) return `cut after ${capSeconds} s`;
    return `failed: ${String((error as Error).message ?? error).split("\n")[0]}`;
  } finally {
    for (let got = receiveMessageOnPort(port1); got !== undefined; got = receiveMessageOnPort(port1)) {
      hear(got.message as Message);
    }
    port1.close();
    await pool.destroy();
  }
}
