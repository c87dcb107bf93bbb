/**
 * Speed of sweeps: `npm run bench:sweep [-- --runs 10000 --requests 10000 --only scaling,sweep,above,merge --format json]`.
 *
 * - scaling: what two workers reach, over what two independent processes reach with half of the runs each, side by side;
 *   both without the time that processes take to start and plan, measured by turns, the median of the pairs;
 * - sweep: all runs of a sweep on two cores: time and peak memory of the process;
 * - above: what a run costs above its simulation: the processor time of a further run, planned, simulated, kept and
 *   merged, less that of the same simulation alone; of runs of 100 requests, or the simulation's own noise hides it;
 * - merge: as many parts as there are runs, a run in each.
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { executeRun } from "../../src/experiment/execute-run.ts";
import { quoted, withDuckDb } from "../../src/sweep/shards/duckdb.ts";
import { mergeSweep } from "../../src/sweep/shards/merge-sweep.ts";
import { planSweep } from "../../src/sweep/shards/plan-sweep.ts";
import { runShards } from "../../src/sweep/shards/run-shards.ts";
import { readPlan, writePlan } from "../../src/sweep/shards/sweep-plan.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "10000" },
    requests: { type: "string", default: "10000" },
    pairs: { type: "string", default: "3" },
    only: { type: "string", default: "scaling,sweep,above,merge" },
    format: { type: "string", default: "table" },
    part: { type: "string" },
    folder: { type: "string" },
    workers: { type: "string", default: "2" },
  },
});
const runs = Number(values.runs);
const requests = Number(values.requests);

/** Twelve H100 at 100 requests a second, one router: the row of bench:simulator that a sweep repeats. */
const experimentOf = (ofARun: number) => `experiment: bench
workload:
  requests: ${ofARun}
  arrival: { process: poisson, ratePerS: 100 }
  prompt: { dist: lognormal, mu: 6.5, sigma: 0.9 }
  output: { dist: lognormal, mu: 5.2, sigma: 0.8 }
tiers: [{ name: all, share: 1, sloS: 10 }]
fleet:
  - { endpoint: e, count: 12, region: us-east-1, replicas: 1, profile: h100-80gb.llama-3-8b.bf16.tp1 }
signals: { carbon: { us-east-1: 400 } }
routers: [round-robin]
seeds: 1
`;
const sweepOf = (points: number) => `sweep: bench
experiment: base.yaml
axes:
  workload.arrival.ratePerS: { from: 60, to: 140, count: ${points} }
`;

/** The first runs of each worker are slow. */
const WARM = 50;
/** Requests of a run where its costs above the simulation are measured. */
const FEW = 100;

interface PartFigures {
  readonly [name: string]: number;
}

if (values.part !== undefined) {
  const figures = await part(values.part, values.folder as string);
  process.stdout.write(`${JSON.stringify(figures)}\n`);
} else {
  const loadBefore = loadavg()[0];
  const wanted = values.only.split(",");
  const rows: Record<string, PartFigures> = {};
  if (wanted.includes("scaling")) rows["scaling"] = await scaling();
  if (wanted.includes("sweep")) rows["sweep"] = await inFolder(runs, (folder) => runPart("swept", folder));
  if (wanted.includes("above")) rows["above"] = await aboveSimulation();
  if (wanted.includes("merge")) rows["merge"] = await inFolder(runs, (folder) => runPart("merge", folder));
  const conditions = {
    runs,
    requests,
    node: process.version,
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    loadAverageBefore: loadBefore,
    loadAverageAfter: loadavg()[0],
  };
  if (values.format === "json") process.stdout.write(`${JSON.stringify({ rows, conditions })}\n`);
  else {
    for (const [name, figures] of Object.entries(rows)) {
      for (const [figure, value] of Object.entries(figures)) {
        process.stdout.write(`${name.padEnd(8)} ${figure.padEnd(34)} ${Number(value.toPrecision(4))}\n`);
      }
    }
    process.stdout.write(`${JSON.stringify(conditions)}\n`);
  }
}

async function inFolder<T>(
  points: number,
  work: (folder: string) => Promise<T>,
  ofARun = requests,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "canopy-bench-"));
  try {
    writeFileSync(join(folder, "base.yaml"), experimentOf(ofARun));
    writeFileSync(join(folder, "sweep.yaml"), sweepOf(points));
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A part in a process of its own, so that its memory and its processor time are its own. */
function runPart(name: string, folder: string, workers = values.workers): Promise<PartFigures> {
  const words = ["--part", name, "--folder", folder, "--runs", values.runs, "--requests", values.requests];
  const child = spawn(
    process.execPath,
    [...process.execArgv, fileURLToPath(import.meta.url), ...words, "--workers", workers],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (piece: string) => (text += piece));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve(JSON.parse(text) as PartFigures) : reject(new Error(`${name} left with ${code}`)),
    );
  });
}

function part(name: string, folder: string): Promise<PartFigures> {
  if (name === "direct") return direct(folder);
  if (name === "merge") return merge(folder);
  return swept(folder);
}

/** The simulations alone, in this thread. */
async function direct(folder: string): Promise<PartFigures> {
  const { specs, planner } = await planSweep(join(folder, "sweep.yaml"), { folder });
  const all = [...specs.values()];
  const { inputs } = planner;
  for (const spec of all.slice(0, 50)) await executeRun(spec, inputs);
  const measured = all.slice(0, 1000);
  const before = process.cpuUsage();
  const began = performance.now();
  for (const spec of measured) await executeRun(spec, inputs);
  const { user, system } = process.cpuUsage(before);
  return {
    cpuMsPerRun: (user + system) / 1000 / measured.length,
    runsPerSecond: (1000 * measured.length) / (performance.now() - began),
  };
}

/** Processor time of this process so far, all threads. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** A sweep as the command does it: plan, shards, merge. */
async function swept(folder: string): Promise<PartFigures> {
  const began = performance.now();
  const planned = await planSweep(join(folder, "sweep.yaml"), { folder });
  await writePlan(folder, planned.plan);
  const plannedAt = performance.now();
  let first = 0;
  let last = 0;
  let ended = 0;
  let cpuFirst = 0;
  let cpuLast = 0;
  const outcome = await runShards(
    planned.plan,
    async () => ({
      specs: planned.specs,
      inputs: planned.planner.inputs,
      trainings: planned.planner.trainings,
    }),
    {
      folder,
      workers: Number(values.workers),
      progress: {
        begin: () => undefined,
        ended: () => {
          ended++;
          last = performance.now();
          cpuLast = cpuMs();
          if (ended === WARM) [first, cpuFirst] = [last, cpuLast];
        },
        end: () => undefined,
      },
    },
  );
  const doneAt = performance.now();
  if (outcome.done !== planned.specs.size)
    throw new Error(`${outcome.done} of ${planned.specs.size} runs done`);
  const merged = await mergeSweep(folder, await readPlan(folder));
  if (merged.missing.length > 0) throw new Error(`${merged.missing.length} runs are missing`);
  const { user, system } = process.cpuUsage();
  return {
    runs: outcome.done,
    seconds: (performance.now() - began) / 1000,
    planSeconds: (plannedAt - began) / 1000,
    runSeconds: (doneAt - plannedAt) / 1000,
    mergeSeconds: (performance.now() - doneAt) / 1000,
    steadyRunsPerSecond: (1000 * (ended - WARM)) / (last - first),
    steadyCpuMsPerRun: (cpuLast - cpuFirst) / (ended - WARM),
    requestsPerSecond: (1000 * outcome.requestsSimulated) / (doneAt - plannedAt),
    cpuMsPerRun: (user + system) / 1000 / outcome.done,
    peakMB: (process.resourceUsage().maxRSS * 1024) / 1e6,
  };
}

/** Two workers against two processes of one worker, by turns. */
async function scaling(): Promise<PartFigures> {
  const points = Math.max(200, Math.round(runs / 10));
  const ratios: number[] = [];
  const byProcessor: number[] = [];
  let together = 0;
  let apart = 0;
  for (let pair = 0; pair < Number(values.pairs); pair++) {
    const two = await inFolder(points, (folder) => runPart("swept", folder, "2"));
    const [a, b] = await Promise.all(
      [0, 1].map(() => inFolder(Math.round(points / 2), (folder) => runPart("swept", folder, "1"))),
    );
    together = two["steadyRunsPerSecond"];
    apart = a["steadyRunsPerSecond"] + b["steadyRunsPerSecond"];
    ratios.push(together / apart);
    // The same in processor time: other work on the machine moves it less.
    byProcessor.push((a["steadyCpuMsPerRun"] + b["steadyCpuMsPerRun"]) / 2 / two["steadyCpuMsPerRun"]);
  }
  ratios.sort((a, b) => a - b);
  byProcessor.sort((a, b) => a - b);
  return {
    ratio: ratios[ratios.length >> 1],
    lowestRatio: ratios[0],
    highestRatio: ratios[ratios.length - 1],
    ratioOfProcessorTimes: byProcessor[byProcessor.length >> 1],
    lastRunsPerSecondOfTwoWorkers: together,
    lastRunsPerSecondOfTwoProcesses: apart,
  };
}

/** A tenth of the sweep first: what is the same in both is the start of processes and threads. */
async function aboveSimulation(): Promise<PartFigures> {
  const tenth = Math.max(100, runs / 10);
  const alone = await inFolder(tenth, (folder) => runPart("direct", folder), FEW);
  const small = await inFolder(tenth, (folder) => runPart("swept", folder), FEW);
  const whole = await inFolder(runs, (folder) => runPart("swept", folder), FEW);
  const cpuOf = (figures: PartFigures) => figures["cpuMsPerRun"] * figures["runs"];
  const marginal = (cpuOf(whole) - cpuOf(small)) / (whole["runs"] - small["runs"]);
  return {
    requests: FEW,
    cpuMsPerSimulation: alone["cpuMsPerRun"],
    cpuMsPerFurtherRun: marginal,
    cpuMsPerRunAboveSimulation: marginal - alone["cpuMsPerRun"],
  };
}

/** As many parts as there are runs. */
async function merge(folder: string): Promise<PartFigures> {
  const { plan, specs, planner } = await planSweep(join(folder, "sweep.yaml"), { folder, shards: runs });
  await writePlan(folder, plan);
  const [spec] = specs.values();
  const result = await executeRun(spec, planner.inputs);
  await withDuckDb(async (connection) => {
    for (const [i, key] of [...specs.keys()].entries()) {
      const shard = join(
        folder,
        "shards",
        `${String(i).padStart(5, "0")}-of-${String(runs).padStart(5, "0")}`,
      );
      mkdirSync(shard, { recursive: true });
      const text = JSON.stringify({ ...result, key });
      await connection.run(
        `COPY (SELECT ${quoted(key)} AS key, ${quoted(text)} AS result) TO ${quoted(join(shard, "part.parquet"))} (FORMAT parquet, COMPRESSION zstd)`,
      );
    }
  });
  const before = performance.now();
  const merged = await mergeSweep(folder, await readPlan(folder));
  const seconds = (performance.now() - before) / 1000;
  if (merged.done !== runs) throw new Error(`${merged.done} of ${runs} runs merged`);
  const bytes = readFileSync(join(folder, "runs.parquet")).length;
  return {
    parts: runs,
    seconds,
    outputMB: bytes / 1e6,
    peakMB: (process.resourceUsage().maxRSS * 1024) / 1e6,
  };
}
