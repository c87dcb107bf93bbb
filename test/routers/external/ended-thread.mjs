// Ends a thread that is opening the pipes of a process, and prints which folders it left. Needs a slow mkfifo in PATH.
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { setTimeout } from "node:timers/promises";
import { isMainThread, Worker } from "node:worker_threads";
import { register } from "tsx/esm/api";

register();
const { PipedProcess, sweepAtExit } = await import("../../../src/routers/external/piped-process.ts");
const folders = () => readdirSync(tmpdir()).filter((name) => name.startsWith("canopy-external-"));

if (isMainThread) {
  sweepAtExit();
  const thread = new Worker(new URL(import.meta.url));
  while (folders().length === 0) await setTimeout(5);
  await thread.terminate();
  console.log(JSON.stringify(folders()));
} else {
  new PipedProcess(["true"], tmpdir());
}
