/** Two clocks, in milliseconds. */

/** Calls that take this long are timed by the processor's clock, which others on the machine do not stretch. */
export const LONG_MILLISECONDS = 0.1;

export type Clock = "wall" | "processor";

/**
 * Time that this process has had on processors, all threads of it, to a microsecond. Reading it takes microseconds: for
 * batches and long calls.
 */
export function processorMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

export function readerOf(clock: Clock): () => number {
  return clock === "wall" ? () => performance.now() : processorMilliseconds;
}
