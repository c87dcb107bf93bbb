/**
 * node worker-harness.mjs ADDON SECONDS: loads the addon in several worker threads, which run exercises.mjs in a loop and
 * are terminated in the midst of it, while the main thread does the same. Prints what ran, as JSON. A crash ends the
 * process by a signal, a wrong answer with 1. Plain JavaScript, so that it runs under a sanitizer without a loader.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { exercises } from "./exercises.mjs";

const WORKERS = 4;

/** @param {any} addon @param {any} places @param {Int32Array} counts calls of each exercise */
async function round(addon, places, counts) {
  for (const [i, { run }] of exercises.entries()) {
    await run(addon, places);
    Atomics.add(counts, i, 1);
  }
  // Lets a termination in between calls too, and timers of the main thread.
  await new Promise((resolve) => setImmediate(resolve));
}

async function work() {
  const { path, places, counts } = workerData;
  const addon = createRequire(import.meta.url)(path);
  parentPort?.postMessage("ready");
  for (;;) await round(addon, places, counts);
}

/** One package whose counter stands still. */
function raplFolder() {
  const folder = mkdtempSync(join(tmpdir(), "canopy-rapl-"));
  const zone = join(folder, "intel-rapl:0");
  mkdirSync(zone);
  const files = { name: "package-0", energy_uj: "1000000", max_energy_range_uj: "262143328850" };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(zone, name), `${text}\n`);
  return folder;
}

async function main() {
  const [path, seconds] = process.argv.slice(2);
  const places = { nvmlLibrary: join(dirname(path), "testing", "libfake_nvml.so"), raplFolder: raplFolder() };
  const counts = new Int32Array(new SharedArrayBuffer(4 * exercises.length));
  const own = new Int32Array(exercises.length);
  const end = performance.now() + 1000 * Number(seconds);
  let terminated = 0;
  while (terminated === 0 || performance.now() < end) {
    const workers = Array.from(
      { length: WORKERS },
      () => new Worker(new URL(import.meta.url), { workerData: { path, places, counts } }),
    );
    const failed = workers.map((worker) => new Promise((_, reject) => worker.once("error", reject)));
    const ready = workers.map((worker) => new Promise((resolve) => worker.once("message", resolve)));
    // The first round waits until every worker runs; later ones may end while a worker still loads the addon.
    const until = terminated === 0 ? Promise.all(ready) : Promise.race(ready);
    await Promise.race([until, ...failed]);
    const addon = createRequire(import.meta.url)(path);
    const stop = performance.now() + 200 * Math.random();
    do await Promise.race([round(addon, places, own), ...failed]);
    while (performance.now() < stop);
    await wait(0);
    for (const worker of workers) await worker.terminate();
    terminated += WORKERS;
  }
  rmSync(places.raplFolder, { recursive: true });
  const calls = Object.fromEntries(exercises.map(({ name }, i) => [name, [own[i], counts[i]]]));
  process.stdout.write(`${JSON.stringify({ terminated, calls })}\n`);
}

await (isMainThread ? main() : work());
