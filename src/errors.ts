/**
 * Errors that are the user's to mend. Everything else that is thrown is a defect of Canopy.
 *
 * The command line prints `message` on one line and leaves with `exitCode`; no stack is shown.
 */
export class UserError extends Error {
  /** Stable, documented word for the kind of error, e.g. `CANOPY_PROFILE_MEMORY` (docs/reference/errors.md). */
  readonly code: string;
  readonly exitCode: number;

  /**
   * @param code stable error code
   * @param message what is wrong, where, what was expected, and the nearest valid choice
   */
  constructor(code: string, message: string, options: { cause?: unknown; exitCode?: number } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "UserError";
    this.code = code;
    this.exitCode = options.exitCode ?? 2;
  }
}

/** A run that ended in a state that a correct simulator cannot reach, e.g. a lost request. */
export class ConservationError extends Error {
  readonly code = "CANOPY_CONSERVATION";
  constructor(message: string) {
    super(message);
    this.name = "ConservationError";
  }
}

/** The word of `choices` nearest to `given` by edit distance, or undefined when none is near. */
export function nearest(given: string, choices: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(given.length / 3)) + 1;
  for (const choice of choices) {
    const distance = editDistance(given.toLowerCase(), choice.toLowerCase());
    if (distance < bestDistance) {
      best = choice;
      bestDistance = distance;
    }
  }
  return best;
}

/** ` (did you mean "x"?)`, or the whole list when nothing is near and the list is short. */
export function suggestion(given: string, choices: readonly string[]): string {
  const near = nearest(given, choices);
  if (near !== undefined) return ` (did you mean "${near}"?)`;
  if (choices.length === 0) return "";
  const shown = choices.length > 12 ? [...choices.slice(0, 12), "…"] : choices;
  return ` (expected one of: ${shown.join(", ")})`;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}
