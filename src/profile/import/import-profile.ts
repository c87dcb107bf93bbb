import { UserError } from "../../errors.ts";
import type { Profile } from "../schema.ts";
import { importAiconfigurator } from "./aiconfigurator.ts";
import type { ImportOptions } from "./assemble.ts";
import { importInferenceBench } from "./inference-bench.ts";
import { importMlEnergy } from "./mlenergy.ts";
import { importSplitwise } from "./splitwise.ts";
import { importVidur } from "./vidur.ts";

export type { ImportOptions } from "./assemble.ts";

/** Projects whose published measurements can be imported. */
export type ImportFormat = "vidur" | "splitwise-sim" | "aiconfigurator" | "llm-inference-bench" | "mlenergy";

/**
 * A profile from another project's files.
 *
 * @throws UserError CANOPY_IMPORT_* with file, line and column, and those of reading files
 */
export function importProfile(
  format: ImportFormat,
  paths: readonly string[],
  options: ImportOptions,
): Promise<Profile> {
  switch (format) {
    case "vidur":
      return importVidur(paths, options);
    case "aiconfigurator":
      return importAiconfigurator(paths, options);
    case "llm-inference-bench":
      return importInferenceBench(paths, options);
    case "splitwise-sim":
      return importSplitwise(only(paths), options);
    case "mlenergy":
      return importMlEnergy(only(paths), options);
  }
}

function only(paths: readonly string[]): string {
  if (paths.length === 1) return paths[0];
  throw new UserError("CANOPY_IMPORT_FILES", `${paths.length} files were given: expected one`);
}
