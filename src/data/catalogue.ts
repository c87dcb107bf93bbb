/** Looking up public data sets, and telling whether a file that a user has is the one meant. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { suggestion, UserError } from "../errors.ts";
import { type DataFile, type DataSet, dataSets } from "./data-sets.ts";

export function listDataSets(): readonly DataSet[] {
  return dataSets;
}

/** @throws UserError CANOPY_DATA_SET for an unknown id, with the nearest one */
export function dataSet(id: string): DataSet {
  const found = dataSets.find((candidate) => candidate.id === id);
  if (found !== undefined) return found;
  const ids = dataSets.map((candidate) => candidate.id);
  throw new UserError("CANOPY_DATA_SET", `no data set "${id}"${suggestion(id, ids)}`);
}

export interface FileCheck {
  /**
   * `ok`: the publisher's bytes. `differs`: another file, or another revision. `unknown-hash`: it looks right, but
   * the publisher's bytes are not known.
   */
  readonly state: "ok" | "differs" | "unknown-hash";
  /** What the state rests on. */
  readonly reason: string;
  readonly sha256: string;
  readonly bytes: number;
  /** Rows of a `.csv` without its header, lines of a `.jsonl`; null for other files. */
  readonly rows: number | null;
  /** The listed file it was compared with. */
  readonly file: string;
}

/**
 * Compares a file with the data set's: by its bytes where their hash is known, else by its first line and rows.
 *
 * @throws UserError CANOPY_DATA_SET, CANOPY_FILE_MISSING, CANOPY_FILE_UNREADABLE
 */
export async function checkDataFile(id: string, path: string): Promise<FileCheck> {
  const { files } = dataSet(id);
  const { sha256, bytes, lines, firstLine } = await scan(path);
  const same = files.find((file) => file.sha256 === sha256);
  const listed = same ?? files.find((file) => matches(file.name, basename(path))) ?? files[0];
  const extension = /\.(csv|jsonl)$/i.exec(path)?.[1].toLowerCase();
  const rows = extension === undefined ? null : extension === "csv" ? Math.max(0, lines - 1) : lines;
  const found = { sha256, bytes, rows, file: listed.name };
  if (same !== undefined) return { state: "ok", reason: "the publisher's bytes", ...found };
  const difference = differenceFrom(listed, firstLine, rows);
  if (difference !== undefined) return { state: "differs", reason: difference, ...found };
  return { state: "unknown-hash", reason: listed.hashNote ?? "", ...found };
}

function differenceFrom(file: DataFile, firstLine: string, rows: number | null): string | undefined {
  if (file.sha256 !== null) return `its bytes are not those of ${file.name} (sha256 ${file.sha256})`;
  if (file.firstLine !== null && !firstLine.startsWith(file.firstLine)) {
    return `it begins with "${firstLine.slice(0, 60)}"; expected "${file.firstLine}…"`;
  }
  if (file.rows !== null && rows !== null && rows !== file.rows) {
    return `it has ${rows} rows; expected ${file.rows}`;
  }
  return undefined;
}

/** Whether a name fits one of the list, in which `<…>` stands for any text. */
function matches(listed: string, name: string): boolean {
  const literal = listed.split(/<[^>]*>/).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${literal.join(".+")}$`, "i").test(name);
}

interface Scan {
  readonly sha256: string;
  readonly bytes: number;
  /** Lines that hold anything. */
  readonly lines: number;
  readonly firstLine: string;
}

/** One pass over the file, whatever its size. */
async function scan(path: string): Promise<Scan> {
  const hash = createHash("sha256");
  let bytes = 0;
  let lines = 0;
  let open = false;
  let head = "";
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
      if (head.length < 1024) head += chunk.toString("utf8", 0, 1024);
      for (const byte of chunk) {
        if (byte === 10) {
          if (open) lines++;
          open = false;
        } else if (byte !== 13) open = true;
      }
    }
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    throw new UserError(
      missing ? "CANOPY_FILE_MISSING" : "CANOPY_FILE_UNREADABLE",
      `data file ${path}: ${missing ? "no such file" : (cause as Error).message}`,
      { cause },
    );
  }
  const firstLine = head.replace(/^\uFEFF/, "").split(/\r?\n/, 1)[0];
  return { sha256: hash.digest("hex"), bytes, lines: lines + (open ? 1 : 0), firstLine };
}
