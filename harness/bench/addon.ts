/**
 * What the native addon costs and reaches on this host: `npm run bench:addon [-- --format json] [--model 1b]
 * [--threads n]`.
 *
 * Node-API per engine step, the power sampler's deadlines beside an idle and a busy host, and the CPU engine's decode
 * against the bandwidth that the same threads read memory with. What is compared takes turns, in rounds.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import type { NativeAddon } from "../../src/native/addon.ts";
import type { Engine, StepLog } from "../../src/native/engine-addon.ts";
import { loadAddon } from "../../src/native/load-addon.ts";

const ROUNDS = 3;
/** Steps of one call of `advance`; the measuring protocol makes as many as fit into a second. */
const STEPS_OF_CALL = [1, 100, 10_000] as const;
const CALLS = 20;
const SAMPLER_PERIOD_MS = 20;
const SAMPLER_SECONDS = 5;
const BATCHES = [1, 64] as const;
const PROMPT_TOKENS = 128;
const OUTPUT_TOKENS = 128;
/** Several times a last cache. */
const STREAM_BYTES = 2 ** 31;

const { values } = parseArgs({
  options: {
    format: { type: "string", default: "table" },
    model: { type: "string", default: "1b" },
    threads: { type: "string", default: "0" },
  },
});
const found = loadAddon();
if (found.state !== "loaded") {
  process.stderr.write(`${found.reason}; ${found.remedy}\n`);
  process.exit(1);
}
const { addon } = found;
const threads = Number(values.threads);
const loadBefore = loadavg()[0];

const nodeApi = await nodeApiPerStep(addon);
const engine = await decodingEngine(addon, values.model);
const { threads: engineThreads, isa } = engine.describe();
const sampler = {
  idle: await deadlines(addon, () => new Promise((done) => setTimeout(done, 1e3 * SAMPLER_SECONDS))),
  // The engine holds every core: the sampler has to take one from it.
  busy: await deadlines(addon, () => decode(engine, 8, { seconds: SAMPLER_SECONDS })),
};
const sleeper = await sleeperDeadlines();
const decoding = await decodeAgainstStream(addon, engine);
engine.close();
const conditions = {
  node: process.version,
  cpu: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  engine: `${values.model}, bf16, ${engineThreads} threads, ${isa}`,
  contexts: `${PROMPT_TOKENS} to ${PROMPT_TOKENS + OUTPUT_TOKENS} tokens`,
  rounds: ROUNDS,
  loadAverageBefore: loadBefore,
  loadAverageAfter: loadavg()[0],
};
if (values.format === "json") {
  process.stdout.write(`${JSON.stringify({ nodeApi, sampler, sleeper, decoding, conditions })}\n`);
} else {
  printTable();
}

/**
 * What a step costs beyond itself, in microseconds: the time that JavaScript waits for `advance`, less that from the
 * begin of the first step to the end of the last, by the number of steps. Median over calls.
 */
async function nodeApiPerStep({ Engine, presetShape }: NativeAddon) {
  const tiny = { ...presetShape("tiny"), layers: 1, hidden: 64, heads: 2, kvHeads: 1, ffn: 64, vocab: 64 };
  const small = new Engine({
    shape: tiny,
    blocks: 64,
    blockTokens: 16,
    tokenBudget: 16,
    maxRequests: 4,
    threads: 1,
  });
  await small.load();
  small.beginClosedLoop({ batch: 4, promptTokens: 32, outputTokens: 64, contextInCache: true });
  await small.advance({ steps: 1000 });
  const rows = STEPS_OF_CALL.map((steps) => ({
    steps,
    overheads: [] as number[],
    stepTimes: [] as number[],
  }));
  for (let call = 0; call < CALLS; call++) {
    for (const { steps, overheads, stepTimes } of rows) {
      const start = performance.now();
      const log = await small.advance({ steps });
      const waitedNs = 1e6 * (performance.now() - start);
      const inStepsNs = log.endNs[steps - 1] - log.startNs[0];
      overheads.push((1e-3 * (waitedNs - inStepsNs)) / steps);
      stepTimes.push((1e-3 * inStepsNs) / steps);
    }
  }
  small.close();
  return rows.map(({ steps, overheads, stepTimes }) => ({
    stepsOfCall: steps,
    overheadMicroseconds: quantile(overheads, 0.5),
    stepMicroseconds: quantile(stepTimes, 0.5),
  }));
}

/** Waking time less deadline while `work` is under way, in milliseconds. One CPU meter, of files. */
async function deadlines({ PowerSampler }: NativeAddon, work: () => Promise<unknown>) {
  const folder = mkdtempSync(join(tmpdir(), "canopy-bench-"));
  try {
    const zone = join(folder, "intel-rapl:0");
    mkdirSync(zone);
    for (const [name, text] of [
      ["name", "package-0"],
      ["energy_uj", "1000000"],
      ["max_energy_range_uj", "262143328850"],
    ]) {
      writeFileSync(join(zone, name), `${text}\n`);
    }
    const meter = new PowerSampler({
      gpus: [],
      cpu: true,
      periodMs: SAMPLER_PERIOD_MS,
      capacity: 100_000,
      raplFolder: folder,
    });
    meter.start();
    await work();
    const { wakeErrorSeconds, missedDeadlines } = meter.stop();
    const errors = [...wakeErrorSeconds]
      .filter((seconds) => !Number.isNaN(seconds))
      .map((seconds) => 1e3 * seconds);
    return { ...deadlineErrors(errors), missedDeadlines };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The same of a thread that does nothing but sleep until each deadline: what the host itself adds. */
async function sleeperDeadlines() {
  const code = `
    const { parentPort, workerData } = require("node:worker_threads");
    const { periodMs, count } = workerData;
    const cell = new Int32Array(new SharedArrayBuffer(4));
    const errors = [];
    const begin = performance.now();
    for (let i = 1; i <= count; i++) {
      const deadline = begin + i * periodMs;
      const left = deadline - performance.now();
      if (left > 0) Atomics.wait(cell, 0, 0, left);
      errors.push(performance.now() - deadline);
    }
    parentPort.postMessage(errors);`;
  const workerData = { periodMs: SAMPLER_PERIOD_MS, count: (1e3 * SAMPLER_SECONDS) / SAMPLER_PERIOD_MS };
  const errors = await new Promise<number[]>((resolve, reject) => {
    const worker = new Worker(code, { eval: true, workerData });
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  return deadlineErrors(errors);
}

function deadlineErrors(errors: readonly number[]) {
  return {
    periodMs: SAMPLER_PERIOD_MS,
    samples: errors.length,
    p50Ms: quantile(errors, 0.5),
    p99Ms: quantile(errors, 0.99),
    maxMs: quantile(errors, 1),
  };
}

async function decodingEngine({ Engine, presetShape }: NativeAddon, model: string): Promise<Engine> {
  const most = Math.max(...BATCHES);
  const made = new Engine({
    shape: presetShape(model),
    blocks: most * Math.ceil((PROMPT_TOKENS + OUTPUT_TOKENS) / 16),
    blockTokens: 16,
    tokenBudget: most,
    maxRequests: most,
    threads,
  });
  await made.load();
  return made;
}

function decode(
  on: Engine,
  batch: number,
  limits: { readonly steps?: number; readonly seconds?: number },
): Promise<StepLog> {
  on.beginClosedLoop({
    batch,
    promptTokens: PROMPT_TOKENS,
    outputTokens: OUTPUT_TOKENS,
    contextInCache: true,
  });
  return on.advance(limits);
}

/** Best step of each batch, and best stream: rounds in turn, so that a busy host slows all alike. */
async function decodeAgainstStream({ presetShape, streamBandwidth }: NativeAddon, on: Engine) {
  const shape = presetShape(values.model);
  // A step reads one row of the embedding per sequence, and all other weights.
  const weightBytes = shape.weightBytes * (1 - (shape.vocab * shape.hidden) / shape.parameters);
  let streamBytesPerSecond = 0;
  const bestNs = BATCHES.map(() => Number.POSITIVE_INFINITY);
  const contexts = BATCHES.map(() => 0);
  for (let round = 0; round < ROUNDS; round++) {
    const stream = await streamBandwidth({ bytes: STREAM_BYTES, threads, passes: 3 });
    streamBytesPerSecond = Math.max(streamBytesPerSecond, stream);
    for (const [i, batch] of BATCHES.entries()) {
      const { startNs, endNs, contextTokens } = await decode(on, batch, { steps: batch === 1 ? 15 : 4 });
      for (let step = 0; step < endNs.length; step++) {
        const ns = endNs[step] - startNs[step];
        if (ns < bestNs[i]) [bestNs[i], contexts[i]] = [ns, contextTokens[step]];
      }
    }
  }
  const rows = BATCHES.map((batch, i) => ({
    batch,
    stepMs: 1e-6 * bestNs[i],
    tokensPerSecond: batch / (1e-9 * bestNs[i]),
    shareOfStream:
      (weightBytes + contexts[i] * shape.kvBytesPerToken) / (1e-9 * bestNs[i]) / streamBytesPerSecond,
  }));
  return {
    streamGigabytesPerSecond: 1e-9 * streamBytesPerSecond,
    rows,
    gain: rows[rows.length - 1].tokensPerSecond / rows[0].tokensPerSecond,
  };
}

function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

function printTable(): void {
  const lines = [
    ...nodeApi.map(
      ({ stepsOfCall, overheadMicroseconds, stepMicroseconds }) =>
        `Node-API, ${stepsOfCall} steps a call: ${overheadMicroseconds.toFixed(2)} us a step (a step takes ${stepMicroseconds.toFixed(1)} us)`,
    ),
    ...Object.entries(sampler).map(
      ([host, { p50Ms, p99Ms, maxMs, samples, missedDeadlines }]) =>
        `sampler at ${SAMPLER_PERIOD_MS} ms, ${host} host: deadline error p50 ${p50Ms.toFixed(3)}, p99 ${p99Ms.toFixed(3)}, most ${maxMs.toFixed(3)} ms of ${samples}; ${missedDeadlines} missed`,
    ),
    `a thread that only sleeps, idle host: p50 ${sleeper.p50Ms.toFixed(3)}, p99 ${sleeper.p99Ms.toFixed(3)}, most ${sleeper.maxMs.toFixed(3)} ms of ${sleeper.samples}`,
    `stream: ${decoding.streamGigabytesPerSecond.toFixed(1)} GB/s`,
    ...decoding.rows.map(
      ({ batch, stepMs, tokensPerSecond, shareOfStream }) =>
        `decode, batch ${batch}: ${stepMs.toFixed(1)} ms a step, ${tokensPerSecond.toFixed(1)} tokens/s, ${(100 * shareOfStream).toFixed(0)} % of the stream`,
    ),
    `batch ${BATCHES[1]} : batch ${BATCHES[0]}: ${decoding.gain.toFixed(2)} in tokens/s`,
    "",
    `${conditions.cpu}, ${conditions.cores} cores, Node ${conditions.node}; engine: ${conditions.engine}, contexts of ${conditions.contexts}; best of ${ROUNDS} rounds in turn; load average ${conditions.loadAverageBefore.toFixed(2)} before and ${conditions.loadAverageAfter.toFixed(2)} after`,
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}
