import { Worker } from "node:worker_threads";
import type { FromChild } from "./run-child.ts";

/** Between two looks at whether the parent lives. */
const LOOK_MS = 500;

/**
 * The other side of `runChild`: takes the task, does it, says what it finds as it finds it, and leaves.
 *
 * @param work may block for as long as it likes
 */
export function answerParent<Task, Message>(
  work: (task: Task, report: (message: Message) => void) => Promise<void>,
): void {
  const say = (said: FromChild<Message>, then: () => void = () => undefined) => process.send?.(said, then);
  leaveWithParent();
  process.once("message", async (task: Task) => {
    let error: string | null = null;
    say({ kind: "ready" });
    try {
      await work(task, (message) => say({ kind: "found", message }));
    } catch (thrown) {
      error = String((thrown as Error).message ?? thrown).split("\n")[0];
    }
    // A router may have left timers behind.
    say({ kind: "ended", error }, () => process.exit(0));
  });
}

/**
 * Ends this process when its parent is gone, whatever it does: one whose parent was killed would measure on for nobody,
 * and disturb the next measurement. A thread looks after it, for this one is in a router's hands.
 */
function leaveWithParent(): void {
  const watch = `const parent = process.ppid;
setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, "SIGKILL"); }, ${LOOK_MS});`;
  new Worker(watch, { eval: true, execArgv: [] }).unref();
}
