import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, test } from "vitest";

const beside = fileURLToPath(new URL("../../shared/data", import.meta.url));

/** Folder of the reference data: CANOPY_DATA, else `../shared/data` beside the repository; undefined without. */
export const dataRoot: string | undefined = process.env["CANOPY_DATA"]
  ? resolve(process.env["CANOPY_DATA"])
  : existsSync(beside)
    ? beside
    : undefined;

/** `describe` and `test` that are skipped, by name, where there is no reference data. */
export const describeWithData = describe.skipIf(dataRoot === undefined);
export const testWithData = test.skipIf(dataRoot === undefined);
