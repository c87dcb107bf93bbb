import { ConservationError } from "../errors.ts";
import type { EngineLimits, RecordedSteps, RecordedTrace } from "./records.ts";
import { type Chunk, WatchedReplica } from "./watched-replica.ts";

/** Kinds of an event (native/engine/step_log.h). */
const EVENT = { preempted: 0, admitted: 1, chunk: 2, finished: 3 } as const;

/** How far the simulator forms the same steps as the engine. */
export interface StepComparison {
  /** Of the engine's account. */
  readonly steps: number;
  /** Steps that are equal in everything, up to the first difference. */
  readonly equalSteps: number;
  /** Steps with prompt tokens. */
  readonly prefillSteps: number;
  readonly preemptions: number;
  readonly finished: number;
  /** Null where all steps are equal and both are at their end. */
  readonly difference: StepDifference | null;
}

export interface StepDifference {
  /** From 0. */
  readonly step: number;
  readonly startNs: number;
  readonly what: string;
  readonly engine: string;
  readonly simulator: string;
}

/** Times of requests that the simulator gives when led through an engine's steps, in ns as in the trace. */
export interface ReplayedTimes {
  readonly firstTokenNs: Float64Array;
  readonly finishNs: Float64Array;
}

/** A step as the engine tells it. */
interface EngineStep {
  readonly preempted: number[];
  readonly admitted: number[];
  readonly chunks: Chunk[];
  readonly finished: number[];
}

/**
 * Leads the simulator's replica through a trace, giving each step the duration that it had in the engine, and compares
 * what the two put into it: start, preempted and admitted requests in their order, chunks of prompts, number of decoding
 * requests and their tokens, free blocks, finished requests. Stops at the first difference, after which durations no longer
 * belong to the simulator's steps.
 *
 * @returns times: null where a step differs
 */
export function compareSteps(
  limits: EngineLimits,
  trace: RecordedTrace,
  log: RecordedSteps,
): { readonly comparison: StepComparison; readonly times: ReplayedTimes | null } {
  const steps = engineSteps(log);
  const firstTokenNs = new Float64Array(trace.arrivalNs.length).fill(Number.NaN);
  const finishNs = firstTokenNs.slice();
  const replica = new WatchedReplica(limits, (request, firstToken) => {
    firstTokenNs[request] = firstToken;
  });
  const { arrivalNs, promptTokens, outputTokens } = trace;
  let next = 0;
  const arrive = (time: number) => {
    replica.arrive(next, promptTokens[next], outputTokens[next], time);
    next++;
  };
  let step = 0;
  const differs = (what: string, engine: unknown, simulator: unknown): StepDifference => ({
    step,
    startNs: log.startNs[step] ?? Number.NaN,
    what,
    engine: textOf(engine),
    simulator: textOf(simulator),
  });

  const runStep = (): StepDifference | null => {
    while (next < arrivalNs.length && arrivalNs[next] <= replica.now) arrive(replica.now);
    if (replica.outstanding === 0) {
      if (next === arrivalNs.length)
        return differs("step", "another one", "none: all requests have finished");
      const time = arrivalNs[next];
      while (arrivalNs[next] === time) arrive(time);
    }
    const startNs = log.startNs[step];
    const durationNs = log.endNs[step] - startNs;
    if (!(durationNs > 0)) return differs("duration", `${durationNs} ns`, "more than 0 ns");
    const own = replica.start(durationNs);
    const theirs = steps[step];
    for (const [what, engine, simulator] of [
      ["start", startNs, own.start],
      ["preempted requests", theirs.preempted, own.preempted],
      ["admitted requests", theirs.admitted, own.admitted],
      ["chunks", theirs.chunks, own.chunks],
      ["prompt tokens", log.prefillTokens[step], own.chunks.reduce((sum, [, tokens]) => sum + tokens, 0)],
      ["decoding requests", log.decodeSequences[step], own.decodeSequences],
      ["tokens of the decoding requests", log.contextTokens[step], own.contextTokens],
      ["free blocks", log.freeBlocks[step], own.freeBlocks],
    ] as const) {
      if (textOf(engine) !== textOf(simulator)) return differs(what, engine, simulator);
    }
    const endNs = log.endNs[step];
    while (next < arrivalNs.length && arrivalNs[next] < endNs) arrive(arrivalNs[next]);
    const finished = replica.end();
    for (const request of finished) finishNs[request] = replica.now;
    if (textOf(theirs.finished) !== textOf(finished)) {
      return differs("finished requests", theirs.finished, finished);
    }
    return null;
  };

  let difference: StepDifference | null = null;
  try {
    for (; step < steps.length; step++) {
      difference = runStep();
      if (difference !== null) break;
    }
    const left = arrivalNs.length - next + replica.outstanding;
    if (difference === null && log.ended === "drained" && left > 0) {
      difference = differs("end", "all requests have finished", `${left} requests are left`);
    }
  } catch (error) {
    if (!(error instanceof ConservationError)) throw error;
    difference = differs("step", "one", error.message);
  }
  const comparison: StepComparison = {
    steps: steps.length,
    equalSteps: step,
    prefillSteps: log.prefillTokens.reduce((count, tokens) => count + (tokens > 0 ? 1 : 0), 0),
    preemptions: steps.reduce((sum, { preempted }) => sum + preempted.length, 0),
    finished: steps.reduce((sum, { finished }) => sum + finished.length, 0),
    difference,
  };
  return { comparison, times: difference === null ? { firstTokenNs, finishNs } : null };
}

/** One line: `step 41 (at 1.2345 s): free blocks: engine 12, simulator 13`. */
export function differenceText({ step, startNs, what, engine, simulator }: StepDifference): string {
  const at = Number.isNaN(startNs) ? "after the last one" : `at ${(startNs * 1e-9).toFixed(6)} s`;
  return `step ${step} (${at}): ${what}: engine ${engine}, simulator ${simulator}`;
}

function engineSteps(log: RecordedSteps): EngineStep[] {
  const steps = Array.from(
    log.startNs,
    (): EngineStep => ({ preempted: [], admitted: [], chunks: [], finished: [] }),
  );
  for (let i = 0; i < log.eventStep.length; i++) {
    const step = steps[log.eventStep[i]];
    const request = log.eventRequest[i];
    switch (log.eventKind[i]) {
      case EVENT.preempted:
        step.preempted.push(request);
        break;
      case EVENT.admitted:
        step.admitted.push(request);
        break;
      case EVENT.chunk:
        step.chunks.push([request, log.eventTokens[i]]);
        break;
      case EVENT.finished:
        step.finished.push(request);
        break;
    }
  }
  // Those that finish with one step have no order among each other.
  for (const { finished } of steps) finished.sort((a, b) => a - b);
  return steps;
}

function textOf(value: unknown): string {
  if (!Array.isArray(value)) return String(value);
  if (value.length === 0) return "none";
  return value.map((entry) => (Array.isArray(entry) ? `${entry[0]} (${entry[1]} tokens)` : entry)).join(", ");
}
