import { isMistake, type RunFailure } from "../sweep/messages.ts";
import { ExitWith } from "./print-error.ts";

/** A failed run as a command has it. */
interface Failed {
  readonly router: string;
  readonly code: string;
  readonly message: string;
}

/**
 * Where every failed run failed by what the user gave: says so, one line for each router or planner, and leaves with 2.
 * Returns where some failed otherwise.
 *
 * @param runs planned
 */
export function reportMistakes(failed: readonly Failed[], runs: number): void {
  if (failed.length === 0 || !failed.every(isMistake)) return;
  const first = new Map<string, { failure: Pick<RunFailure, "code" | "message">; count: number }>();
  for (const { router, code, message } of failed) {
    const own = first.get(router);
    if (own === undefined) first.set(router, { failure: { code, message }, count: 1 });
    else own.count++;
  }
  for (const { failure, count } of first.values()) {
    const [line] = failure.message.split("\n");
    const rest = count < runs ? "; the others are kept" : "";
    process.stderr.write(`error ${failure.code}: ${line} (${count} of ${runs} runs end so${rest})\n`);
  }
  throw new ExitWith(2);
}
