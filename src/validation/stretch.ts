import type { ClosedLoopOptions, Engine, StepLog } from "../native/engine-addon.ts";
import type { Law } from "../profile/law.ts";
import type { RecordedStretch } from "./records.ts";

/** The kinds of step that serving consists of: decoding by one and by a few, and prompts. All fit the cache at once. */
const LOADS: readonly ClosedLoopOptions[] = [
  { batch: 1, promptTokens: 48, outputTokens: 32, contextInCache: true, seed: 1 },
  { batch: 4, promptTokens: 48, outputTokens: 32, contextInCache: true, seed: 1 },
  { batch: 1, promptTokens: 64, outputTokens: 1, contextInCache: false, seed: 1 },
];
const WARM_UP_SECONDS = 0.1;
const SECONDS = 0.7;

/** Runs each kind of step for a moment on the engine that serves. Rejects with the signal's reason when that aborts. */
export async function runStretch(engine: Engine, signal: AbortSignal): Promise<RecordedStretch> {
  const logs: StepLog[] = [];
  const cancel = () => engine.cancel();
  signal.throwIfAborted();
  signal.addEventListener("abort", cancel);
  try {
    for (const load of LOADS) {
      engine.beginClosedLoop(load);
      await engine.advance({ seconds: WARM_UP_SECONDS });
      signal.throwIfAborted();
      logs.push(await engine.advance({ seconds: SECONDS }));
      signal.throwIfAborted();
    }
  } finally {
    signal.removeEventListener("abort", cancel);
  }
  const join = <T extends Float64Array | Int32Array>(
    make: (length: number) => T,
    of: (log: StepLog) => T,
  ) => {
    const joined = make(logs.reduce((sum, log) => sum + log.startNs.length, 0));
    let at = 0;
    for (const log of logs) {
      joined.set(of(log), at);
      at += of(log).length;
    }
    return joined;
  };
  const floats = (of: (log: StepLog) => Float64Array) => join((length) => new Float64Array(length), of);
  const whole = (of: (log: StepLog) => Int32Array) => join((length) => new Int32Array(length), of);
  return {
    startNs: floats(({ startNs }) => startNs),
    endNs: floats(({ endNs }) => endNs),
    prefillTokens: whole(({ prefillTokens }) => prefillTokens),
    decodeSequences: whole(({ decodeSequences }) => decodeSequences),
    contextTokens: whole(({ contextTokens }) => contextTokens),
  };
}

/** What steps took in all over what a law says of them. Stretches of equal length: each kind of step weighs the same. */
export function slownessOf(law: Law, steps: RecordedStretch): number {
  let recorded = 0;
  let expected = 0;
  for (let i = 0; i < steps.startNs.length; i++) {
    recorded += (steps.endNs[i] - steps.startNs[i]) / 1e9;
    expected += law.seconds(steps.prefillTokens[i], steps.decodeSequences[i], steps.contextTokens[i]);
  }
  return recorded / expected;
}
