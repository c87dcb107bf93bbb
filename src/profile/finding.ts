/** One thing wrong (`error`: the profile is refused) or odd (`warning`) in a profile file. */
export interface Finding {
  readonly level: "error" | "warning";
  readonly code: string;
  /** JSON path, e.g. `decode.iterationMs[3][2]`. */
  readonly path: string;
  /** One line: what was found and what was expected. */
  readonly message: string;
}
