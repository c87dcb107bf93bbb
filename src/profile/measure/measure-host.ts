import type { Bench, OpenEngine } from "./bench.ts";
import { type DepthPlan, loadOf, planOf } from "./plan.ts";
import type { RawFile } from "./raw-file.ts";
import {
  type IdleRecord,
  type MeasureRecords,
  type PointKey,
  type Protocol,
  type StepColumns,
  type TrialRecord,
  trialName,
} from "./records.ts";
import { isClean, joinSteps, judgedWindows } from "./trial-windows.ts";
import { isSettled, samplesOf, stopReasonOf, windowsOf } from "./windows.ts";

/** A counter has to change on both sides of an idle stretch. */
const MARGIN_SECONDS = 0.3;
/** A GPU counts as cool again this much above its temperature at the start. */
const COOL_DEGREES = 3;

export interface Progress {
  readonly done: number;
  readonly total: number;
  readonly secondsLeft: number;
  /** What was done last. */
  readonly line: string;
}

export interface MeasureOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

type Task = PointKey & { readonly trial: number };

/**
 * Measures what `records` do not hold yet of the run that their header describes; each trial is in the file when the next
 * one begins. Rejects with the signal's reason, leaving what is done.
 *
 * @throws UserError CANOPY_MEASURE_MEMORY, and what the bench throws
 */
export async function measureHost(
  bench: Bench,
  file: RawFile,
  { header, trials }: MeasureRecords,
  { signal, onProgress }: MeasureOptions,
): Promise<void> {
  const { settings } = header;
  const { protocol } = settings;
  const there = new Set(trials.map(trialName));
  const plans = planOf(settings, (layers) => bench.model(layers), header.memoryBytes).map((plan) => ({
    ...plan,
    tasks: plan.tasks.filter((task) => !there.has(trialName(task))),
  }));
  const total = plans.reduce((sum, { tasks }) => sum + tasks.length, 0);
  const pace = new Pace(bench, protocol, total);
  const idle = async (phase: IdleRecord["phase"]) => {
    await file.append(await idleRecord(bench, protocol, phase, signal));
    onProgress(pace.report(`idle, ${phase === "unloaded" ? "no model loaded" : `${phase} the load`}`));
  };
  if (total === 0) return;
  await idle("unloaded");
  const coolCelsius = bench.temperatureCelsius();
  for (const plan of plans) {
    if (plan.tasks.length === 0) continue;
    const engine = await bench.open(plan.size);
    try {
      const { kvBlocks, blockTokens } = plan.size;
      const { description } = engine;
      await file.append({
        kind: "engine",
        layers: plan.layers,
        kvTokens: kvBlocks * blockTokens,
        description,
      });
      await idle("before");
      await runTasks(plan, engine);
      await idle("after");
    } finally {
      await engine.close();
    }
  }

  async function runTasks({ tasks }: DepthPlan, engine: OpenEngine): Promise<void> {
    for (const task of tasks) {
      await coolDown(bench, protocol, coolCelsius, signal);
      const record = await runTrial(bench, engine, protocol, settings.threads, task, signal);
      await file.append(record);
      pace.taskDone();
      onProgress(pace.report(lineOf(record, protocol)));
    }
  }
}

async function idleRecord(
  bench: Bench,
  { idleSeconds }: Protocol,
  phase: IdleRecord["phase"],
  signal: AbortSignal,
): Promise<IdleRecord> {
  const meter = bench.startMeter(idleSeconds + 4 * MARGIN_SECONDS);
  try {
    if (meter !== null) await bench.sleep(MARGIN_SECONDS, signal);
    const before = bench.host();
    const fromSeconds = bench.now();
    await bench.sleep(idleSeconds, signal);
    const toSeconds = bench.now();
    const host = [before, bench.host()];
    if (meter !== null) await bench.sleep(MARGIN_SECONDS, signal);
    return { kind: "idle", phase, fromSeconds, toSeconds, host, power: meter?.stop() ?? null };
  } finally {
    meter?.stop();
  }
}

async function runTrial(
  bench: Bench,
  engine: OpenEngine,
  protocol: Protocol,
  threads: number,
  task: Task,
  signal: AbortSignal,
): Promise<TrialRecord> {
  const { windowSeconds } = protocol;
  const meter = bench.startMeter(2 * (protocol.warmUpMostSeconds + protocol.mostSeconds) + 60);
  try {
    engine.begin(loadOf(task, protocol));
    const began = bench.now();
    const warm: StepColumns[] = [];
    let settled = false;
    do {
      warm.push(await engine.advance(windowSeconds, signal));
      const samples = samplesOf(task.kind, task.promptTokens, joinSteps(warm));
      settled = isSettled(windowsOf(samples, windowSeconds));
    } while (!settled && bench.now() - began < protocol.warmUpMostSeconds);
    const from = bench.now();
    const host = [bench.host()];
    const parts: StepColumns[] = [];
    for (;;) {
      parts.push(await engine.advance(windowSeconds, signal));
      host.push(bench.host());
      const steps = joinSteps(parts);
      // Clocks that were held down show only in the samples, which are read at the end.
      const windows = judgedWindows({ ...task, steps, host, power: null }, windowSeconds, threads);
      const stopReason = stopReasonOf(windows.filter(isClean), bench.now() - from, protocol);
      if (stopReason === null) continue;
      const power = meter?.stop() ?? null;
      return { ...task, warmUpSeconds: from - began, settled, stopReason, steps, host, power };
    }
  } finally {
    meter?.stop();
  }
}

/** Waits until a GPU is as cool as at the start, or the protocol's patience is over. */
async function coolDown(
  bench: Bench,
  { coolDownMostSeconds }: Protocol,
  coolCelsius: number | null,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  if (coolCelsius === null) return;
  const until = bench.now() + coolDownMostSeconds;
  while (bench.now() < until && (bench.temperatureCelsius() ?? 0) > coolCelsius + COOL_DEGREES) {
    await bench.sleep(1, signal);
  }
}

function lineOf(record: TrialRecord, { trials }: Protocol): string {
  const samples = samplesOf(record.kind, record.promptTokens, record.steps);
  const seconds = samples.reduce((sum, sample) => sum + sample.seconds, 0) / samples.length;
  const time = samples.length === 0 ? "no step of that kind" : `${(1e3 * seconds).toPrecision(4)} ms`;
  const what =
    record.kind === "decode"
      ? `decode at batch ${record.batch}, context ${record.contextTokens}`
      : record.kind === "prefill"
        ? `prefill of ${record.promptTokens} tokens`
        : "prompts beside decoding";
  const depth = record.layers;
  return `${what}, ${depth} layers, trial ${record.trial + 1} of ${trials}: ${time}`;
}

/** How long the rest will take, by what the tasks so far took. */
class Pace {
  readonly #bench: Bench;
  readonly #total: number;
  /** Before the first task is done. */
  readonly #guessSeconds: number;
  #done = 0;
  #startSeconds: number;

  constructor(bench: Bench, protocol: Protocol, total: number) {
    this.#bench = bench;
    this.#total = total;
    this.#startSeconds = bench.now();
    this.#guessSeconds = (protocol.leastWindows + 4) * protocol.windowSeconds;
  }

  taskDone(): void {
    this.#done++;
  }

  report(line: string): Progress {
    const elapsed = this.#bench.now() - this.#startSeconds;
    const each = this.#done === 0 ? this.#guessSeconds : elapsed / this.#done;
    return { done: this.#done, total: this.#total, secondsLeft: each * (this.#total - this.#done), line };
  }
}
