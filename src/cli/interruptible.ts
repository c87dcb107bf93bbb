import { ExitWith } from "./print-error.ts";

/**
 * Runs work whose signal Ctrl-C or SIGTERM aborts. A second one ends the process at once, as it would without us.
 *
 * @param heard is called at the first
 */
export async function heedingInterrupts<T>(
  heard: () => void,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const deaf = () => {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  };
  const interrupt = () => {
    deaf();
    heard();
    stop.abort();
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  try {
    return await work(stop.signal);
  } finally {
    deaf();
  }
}

/**
 * Runs work that Ctrl-C or SIGTERM ends. Then the command says what became of it and leaves with 130.
 *
 * @param left what is said to be left behind, asked once the work has ended
 */
export async function interruptible<T>(
  left: () => string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  let interrupted = false;
  const heard = () => {
    interrupted = true;
  };
  try {
    return await heedingInterrupts(heard, work);
  } catch (error) {
    if (!interrupted) throw error;
    process.stderr.write(`interrupted: ${left()}\n`);
    throw new ExitWith(130);
  }
}
