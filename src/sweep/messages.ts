/** What the host and its workers say to each other. All of it survives structured cloning. */

/** Why a run did not give a result. */
export interface RunFailure {
  /** Stable word: the error's own code, else CANOPY_RUN_FAILED (it threw) or CANOPY_WORKER_LOST. */
  readonly code: string;
  readonly message: string;
  /** For reports of defects; null where the worker went without one. */
  readonly stack: string | null;
}

/** Codes of failures by what the user gave and only a run shows: they are of the input, and the command leaves with 2. */
const MISTAKES: ReadonlySet<string> = new Set(["CANOPY_PLAN_ROW", "CANOPY_PLAN_SHAPE"]);

export function isMistake({ code }: Pick<RunFailure, "code">): boolean {
  return MISTAKES.has(code);
}

/** A task as it ended. */
export type Outcome<Result> =
  | { readonly state: "done"; readonly result: Result }
  | { readonly state: "failed"; readonly failure: RunFailure };

/** An error as a failure of the run that threw it. */
export function failureOf(error: unknown): RunFailure {
  if (!(error instanceof Error)) {
    return { code: "CANOPY_RUN_FAILED", message: String(error), stack: null };
  }
  const code = (error as { code?: unknown }).code;
  return {
    code: typeof code === "string" && code.startsWith("CANOPY_") ? code : "CANOPY_RUN_FAILED",
    message: error.message,
    stack: error.stack ?? null,
  };
}
