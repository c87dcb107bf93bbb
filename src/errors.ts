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

/** The word of `choices` nearest to `given` by edit distance, or that begins so, or undefined when none is near. */
export function nearest(given: string, choices: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(given.length / 3)) + 1;
  for (const choice of choices) {
    const distance = distanceOf(given.toLowerCase(), choice.toLowerCase());
    // As many edits as letters: nothing of the word is left.
    if (distance < bestDistance && distance < Math.max(given.length, choice.length)) {
      best = choice;
      bestDistance = distance;
    }
  }
  return best;
}

/** ` (did you mean "x"?)`; nothing when nothing is near. */
export function nearHint(given: string, choices: Iterable<string>): string {
  const near = nearest(given, choices);
  return near === undefined ? "" : ` (did you mean "${near}"?)`;
}

/** ` (did you mean "x"?)`, or the list, its beginning where it is long, when nothing is near. */
export function suggestion(given: string, choices: readonly string[]): string {
  const hint = nearHint(given, choices);
  if (hint !== "" || choices.length === 0) return hint;
  return ` (expected one of: ${wordList(choices)})`;
}

/** Letters of a list of choices in a message, and of what the user wrote. */
const MOST_LIST = 80;
const MOST_GIVEN = 48;

/** Choices with commas between; of a long list the beginning, and how many there are. */
export function wordList(choices: readonly string[]): string {
  const whole = choices.join(", ");
  if (whole.length <= MOST_LIST) return whole;
  const shown: string[] = [];
  let length = 0;
  for (const choice of choices) {
    length += choice.length + 2;
    if (length > MOST_LIST - 20) break;
    shown.push(choice);
  }
  return `${[...shown, "…"].join(", ")} (${choices.length} in all)`;
}

/** What the user wrote, cut short where it is long. */
export function clipped(text: string, most = MOST_GIVEN): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** Letters to change; of a word that the other begins with as though they were hardly two, the shortest first. */
function distanceOf(given: string, choice: string): number {
  const distance = editDistance(given, choice);
  if (given.length < 3 || !choice.startsWith(given)) return distance;
  return Math.min(distance, 1.5 + (choice.length - given.length) / 1000);
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
