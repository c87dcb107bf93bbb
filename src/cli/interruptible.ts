import { ExitWith } from "./print-error.ts";

/**
 * Runs work that Ctrl-C or SIGTERM ends. Then the command says what became of it and leaves with 130.
 *
 * @param left what is said to be left behind, asked once the work has ended
 */
export async function interruptible<T>(
  left: () => string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  try {
    return await work(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.stderr.write(`interrupted: ${left()}\n`);
    throw new ExitWith(130);
  } finally {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}
