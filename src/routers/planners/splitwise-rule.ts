/** Splitwise's mixed-pool rule (Patel et al., ISCA 2024; `scheduler.py` of splitwise-sim). */

export type PhasePool = "prompt" | "token" | "mixed";

/** An instance, or several alike taken as one. Work and memory are in any unit that is the same for all. */
export interface PhaseInstance {
  readonly home: "prompt" | "token";
  pool: PhasePool;
  /** Prompt work that waits. */
  pending: number;
  /** Of sequences in decode, or about to be. */
  memory: number;
  /** A prompt is refused beyond it, unless nothing waits. */
  readonly pendingLimit: number;
  /** A sequence is refused that would reach it. */
  readonly memoryLimit: number;
}

/** What a request adds to each instance, by its place. */
export interface PhaseTask {
  readonly pending: ArrayLike<number>;
  readonly memory: ArrayLike<number>;
}

export interface PhaseChoice {
  readonly prompt: number;
  readonly token: number;
}

/**
 * Chooses the instances of both phases and books the request: prompt work and memory on the first, a sequence's memory
 * on the second (once where both are one). The prompt goes to the least pending of the prompt pool, then of the mixed;
 * the sequence to the least memory of the token pool, then of the mixed. Where all refuse, the best instance of the
 * other pool that does not becomes mixed; where there is none, both phases go to the least pending of all.
 */
export function assignPhases(instances: readonly PhaseInstance[], task: PhaseTask): PhaseChoice {
  const prompt = choosePool(instances, ["prompt", "mixed", "token"], (one, i) =>
    one.pending > 0 && one.pending + task.pending[i] > one.pendingLimit ? undefined : one.pending,
  );
  if (prompt >= 0 && instances[prompt].pool === "token") instances[prompt].pool = "mixed";
  const token = choosePool(instances, ["token", "mixed", "prompt"], (one, i) =>
    one.memory + task.memory[i] >= one.memoryLimit ? undefined : one.memory,
  );
  if (token >= 0 && instances[token].pool === "prompt") instances[token].pool = "mixed";
  const choice = prompt >= 0 && token >= 0 ? { prompt, token } : leastPending(instances);
  instances[choice.prompt].pending += task.pending[choice.prompt];
  instances[choice.prompt].memory += task.memory[choice.prompt];
  if (choice.token !== choice.prompt) instances[choice.token].memory += task.memory[choice.token];
  return choice;
}

/** Takes finished work off an instance; one of the mixed pool that is empty then goes home. */
export function finishPhase(instance: PhaseInstance, pending: number, memory: number): void {
  instance.pending = Math.max(0, instance.pending - pending);
  instance.memory = Math.max(0, instance.memory - memory);
  if (instance.pending === 0 && instance.memory === 0) instance.pool = instance.home;
}

/**
 * Seconds to move a prompt's KV cache from one instance to another.
 *
 * @param bytesPerSecond default 200 GiB/s, which is what the simulator's "200 GB/s" come to
 * @param overlapped the transfer runs beside the prompt phase: a tenth of the time
 */
export function kvTransferSeconds(
  promptTokens: number,
  kvBytesPerToken: number,
  bytesPerSecond = 200 * 2 ** 30,
  overlapped = false,
): number {
  return (promptTokens * kvBytesPerToken) / bytesPerSecond / (overlapped ? 10 : 1);
}

/** Place of the least score in the first pool with any; the first among equals; -1 without. */
function choosePool(
  instances: readonly PhaseInstance[],
  pools: readonly PhasePool[],
  score: (instance: PhaseInstance, place: number) => number | undefined,
): number {
  for (const pool of pools) {
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (const [i, one] of instances.entries()) {
      const value = one.pool === pool ? score(one, i) : undefined;
      if (value === undefined || value >= least) continue;
      best = i;
      least = value;
    }
    if (best >= 0) return best;
  }
  return -1;
}

function leastPending(instances: readonly PhaseInstance[]): PhaseChoice {
  let best = 0;
  for (let i = 1; i < instances.length; i++) if (instances[i].pending < instances[best].pending) best = i;
  return { prompt: best, token: best };
}
