/** Values of options, from their texts. Each throws UserError CANOPY_OPTION_VALUE with the option and what it expects. */
import { UserError } from "../errors.ts";

/** A parser of whole numbers from `least` to `most`. */
export function wholeNumber(option: string, least: number, most = 1e9): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    const range = most < 1e9 ? `from ${least} to ${most}` : `from ${least} on`;
    throw new UserError("CANOPY_OPTION_VALUE", `${option} ${text}: expected a whole number ${range}`);
  };
}

/** A profile to write: only names in .json are taken for files where a profile is asked for. */
export function jsonName(text: string): string {
  if (text.endsWith(".json") && !/(^|[/\\])\.json$/.test(text)) return text;
  throw new UserError("CANOPY_OPTION_VALUE", `--out ${text}: expected a name that ends in .json`);
}
