import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterFile } from "./after-file.ts";

/** A new folder among the system's temporary ones, removed after the tests of the file. */
export function temporaryFolder(purpose: string): string {
  const folder = mkdtempSync(join(tmpdir(), `canopy-${purpose}-`));
  afterFile(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
