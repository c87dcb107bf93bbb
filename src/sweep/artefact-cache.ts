/** Artefacts of trainings, kept in a folder: `KEY/NAME` and, written last, `KEY/manifest.json` with their hashes. */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../errors.ts";
import { shareBytes } from "../experiment/execute-training.ts";
import type { TrainedArtefacts } from "../experiment/run-spec.ts";

const MANIFEST = "manifest.json";

/** What a training has left, on shared memory; undefined where it is not there whole. */
export function readTrained(
  folder: string,
  key: string,
  names: readonly string[],
): TrainedArtefacts | undefined {
  try {
    const hashes = JSON.parse(readFileSync(join(folder, key, MANIFEST), "utf8")) as Record<string, string>;
    const trained: Record<string, Uint8Array> = {};
    for (const [i, name] of names.entries()) {
      const bytes = readFileSync(join(folder, key, fileOf(i)));
      if (hashes[name] !== sha256(bytes)) return undefined;
      trained[name] = shareBytes(bytes);
    }
    return trained;
  } catch {
    // Missing, cut short or not JSON: it is trained again.
    return undefined;
  }
}

/**
 * Keeps what a training has left, in the order of the names; a reader sees all of it or nothing.
 *
 * @throws UserError CANOPY_STORE_WRITE
 */
export function writeTrained(folder: string, key: string, trained: TrainedArtefacts): void {
  try {
    mkdirSync(folder, { recursive: true });
    const draft = mkdtempSync(join(folder, "draft-"));
    const hashes: Record<string, string> = {};
    for (const [i, [name, bytes]] of Object.entries(trained).entries()) {
      writeFileSync(join(draft, fileOf(i)), bytes);
      hashes[name] = sha256(bytes);
    }
    writeFileSync(join(draft, MANIFEST), JSON.stringify(hashes));
    rmSync(join(folder, key), { recursive: true, force: true });
    renameSync(draft, join(folder, key));
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new UserError(
      "CANOPY_STORE_WRITE",
      `${join(folder, key)}: what was trained cannot be written (${why})`,
      {
        cause,
        exitCode: 1,
      },
    );
  }
}

/** By place: a router may call its artefacts what it likes. */
function fileOf(index: number): string {
  return `artefact-${index}`;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
