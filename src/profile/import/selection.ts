import { suggestion, UserError } from "../../errors.ts";
import type { SourceRow } from "./source-table.ts";

/** A column that tells configurations apart, the option that chooses among its words, and the word given. */
export interface Choice {
  readonly column: string;
  readonly option: string;
  readonly wanted: string | undefined;
}

/**
 * The rows of one configuration. A column with several words among them needs its option.
 *
 * @throws UserError CANOPY_IMPORT_CHOICE naming the words that there are
 */
export function rowsOfConfiguration(
  path: string,
  rows: readonly SourceRow[],
  choices: readonly Choice[],
): readonly SourceRow[] {
  let chosen = rows;
  for (const { column, option, wanted } of choices) {
    const words = [...new Set(chosen.map((row) => row.text(column)))].sort();
    if (wanted === undefined && words.length === 1) continue;
    const rest = chosen.filter((row) => row.text(column) === wanted);
    if (rest.length === 0) {
      const problem =
        wanted === undefined
          ? `several values of "${column}": choose one of ${words.join(", ")} with ${option}`
          : `no rows with ${column} "${wanted}" among those chosen so far${suggestion(wanted, words)}`;
      throw new UserError("CANOPY_IMPORT_CHOICE", `${path}: ${problem}`);
    }
    chosen = rest;
  }
  return chosen;
}
