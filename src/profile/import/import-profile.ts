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

const FLAGS: Readonly<Record<keyof ImportOptions, string>> = {
  model: "--model",
  hardware: "--gpu",
  tensorParallel: "--tp",
  engine: "--engine",
  task: "--task",
  precision: "--precision",
  shape: "--model-shape",
  idleWatts: "--idle-watts",
};
/** The options that a format heeds. */
const USED: Readonly<Record<ImportFormat, readonly (keyof ImportOptions)[]>> = {
  vidur: ["hardware", "tensorParallel", "shape"],
  "splitwise-sim": ["model", "hardware", "tensorParallel", "shape", "idleWatts"],
  aiconfigurator: ["hardware", "tensorParallel", "precision", "shape"],
  "llm-inference-bench": ["model", "hardware", "tensorParallel", "engine", "shape", "idleWatts"],
  mlenergy: ["model", "hardware", "tensorParallel", "task", "precision", "shape", "idleWatts"],
};

/**
 * A profile from another project's files.
 *
 * @throws UserError CANOPY_IMPORT_* with file, line and column, CANOPY_OPTION_VALUE for an option that the format does
 *   not heed, and those of reading files
 */
export async function importProfile(
  format: ImportFormat,
  paths: readonly string[],
  options: ImportOptions,
): Promise<Profile> {
  const unused = (Object.keys(options) as (keyof ImportOptions)[]).find(
    (key) => options[key] !== undefined && !USED[format].includes(key),
  );
  if (unused !== undefined) {
    const used = USED[format].map((key) => FLAGS[key]).join(", ");
    throw new UserError(
      "CANOPY_OPTION_VALUE",
      `${FLAGS[unused]} says nothing to the importer ${format}: expected only ${used}`,
    );
  }
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
