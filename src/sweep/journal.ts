import { closeSync, fdatasync, ftruncateSync, mkdirSync, openSync, readSync, write } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { UserError } from "../errors.ts";
import { lockFolder } from "./store-lock.ts";

/** Lines that are written together and made durable by one flush of the disk. */
const COMMIT_INTERVAL_MS = 250;
export const JOURNAL_FILE = "runs.jsonl";
const NEWLINE = 0x0a;
const READ_BYTES = 1 << 20;

const writeBytes = promisify(write);
const syncData = promisify(fdatasync);

export interface JournalOptions {
  /** Forget what is there. */
  readonly fresh?: boolean;
}

/**
 * An append-only journal of finished runs in a folder, one line of JSON `{"key":…,"result":…}` for each. A line is
 * durable at most {@link COMMIT_INTERVAL_MS} after {@link append}, or once {@link flush} has resolved. A line that a
 * crash has cut short is dropped when the journal is opened.
 */
export class Journal {
  readonly path: string;
  /** Lines that were not readable and are dropped. */
  readonly droppedLines: number;
  readonly #file: number;
  readonly #unlock: () => void;
  #pending: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #failure: UserError | undefined;
  #closed = false;

  /**
   * Opens the journal of a folder, which is made if need be, and locks it against other writers.
   *
   * @param found called for each whole line, in order
   * @throws UserError CANOPY_STORE_LOCKED, CANOPY_STORE_UNUSABLE
   */
  constructor(folder: string, options: JournalOptions, found: (entry: JournalEntry) => void) {
    this.path = join(folder, JOURNAL_FILE);
    try {
      mkdirSync(folder, { recursive: true });
      this.#unlock = lockFolder(folder);
    } catch (error) {
      throw error instanceof UserError ? error : unusable(folder, error);
    }
    try {
      this.#file = openSync(this.path, "a+");
      if (options.fresh === true) ftruncateSync(this.#file, 0);
      const { length, dropped } = readLines(this.#file, found);
      this.droppedLines = dropped;
      ftruncateSync(this.#file, length);
    } catch (error) {
      this.#unlock();
      throw unusable(this.path, error);
    }
  }

  /**
   * Appends a result, durable soon.
   *
   * @param result as JSON on one line
   * @throws UserError CANOPY_STORE_WRITE when an earlier one could not be written
   */
  append(key: string, result: string): void {
    if (this.#closed) throw new Error(`${this.path} is closed`);
    if (this.#failure !== undefined) throw this.#failure;
    this.#pending.push(`${lineOf(key, result)}\n`);
    this.#timer ??= setTimeout(() => void this.#commit(), COMMIT_INTERVAL_MS);
  }

  /**
   * Resolves once everything appended so far is on the disk.
   *
   * @throws UserError CANOPY_STORE_WRITE when something could not be written, e.g. on a full disk
   */
  async flush(): Promise<void> {
    await this.#commit();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Drops all lines: what they hold has been kept elsewhere. */
  async clear(): Promise<void> {
    await this.flush();
    ftruncateSync(this.#file, 0);
    await syncData(this.#file);
  }

  /** Flushes, closes the journal and gives the lock back, whatever happens. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await this.flush();
    } finally {
      closeSync(this.#file);
      this.#unlock();
    }
  }

  #commit(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const text = this.#pending.join("");
    this.#pending = [];
    if (text !== "") this.#writing = this.#writing.then(() => this.#append(Buffer.from(text)));
    return this.#writing;
  }

  /** After a failure nothing more is written: a line begun and not ended must stay the last. */
  async #append(bytes: Buffer): Promise<void> {
    if (this.#failure !== undefined) return;
    try {
      let at = 0;
      while (at < bytes.length) {
        at += (await writeBytes(this.#file, bytes, at, bytes.length - at, null)).bytesWritten;
      }
      await syncData(this.#file);
    } catch (cause) {
      const why = (cause as NodeJS.ErrnoException).code ?? String(cause);
      this.#failure = new UserError(
        "CANOPY_STORE_WRITE",
        `${this.path}: a finished run cannot be written (${why}); what was written before is kept`,
        { cause, exitCode: 1 },
      );
    }
  }
}

/** A line of a journal. */
export interface JournalEntry {
  readonly key: string;
  readonly result: unknown;
  /** The result as the text that was appended. */
  readonly text: string;
}

/** Reads the whole lines of a folder's journal in order; none where it has no journal. Takes no lock. */
export function readJournal(folder: string, found: (entry: JournalEntry) => void): void {
  let file: number;
  try {
    file = openSync(join(folder, JOURNAL_FILE), "r");
  } catch {
    return;
  }
  try {
    readLines(file, found);
  } finally {
    closeSync(file);
  }
}

/** @returns bytes up to the end of the last whole line, and how many lines were not readable */
function readLines(
  file: number,
  found: (entry: JournalEntry) => void,
): { readonly length: number; readonly dropped: number } {
  const buffer = Buffer.alloc(READ_BYTES);
  let line: Buffer[] = [];
  let length = 0;
  let dropped = 0;
  for (let position = 0; ; ) {
    const count = readSync(file, buffer, 0, READ_BYTES, position);
    if (count === 0) break;
    let from = 0;
    for (let end = buffer.indexOf(NEWLINE); end >= 0 && end < count; end = buffer.indexOf(NEWLINE, from)) {
      line.push(buffer.subarray(from, end));
      const entry = parseLine(Buffer.concat(line));
      if (entry === undefined) dropped++;
      else found(entry);
      line = [];
      from = end + 1;
      length = position + from;
    }
    line.push(Buffer.from(buffer.subarray(from, count)));
    position += count;
  }
  return { length, dropped: dropped + (line.some((piece) => piece.length > 0) ? 1 : 0) };
}

function parseLine(bytes: Buffer): JournalEntry | undefined {
  try {
    const line = bytes.toString("utf8");
    const { key, result } = JSON.parse(line) as { key?: unknown; result?: unknown };
    if (typeof key !== "string" || result === undefined) return undefined;
    const before = lineOf(key, "").length - 1;
    return { key, result, text: line.slice(before, -1) };
  } catch {
    return undefined;
  }
}

/** A line without its end. */
function lineOf(key: string, result: string): string {
  return `{"key":${JSON.stringify(key)},"result":${result}}`;
}

function unusable(path: string, cause: unknown): UserError {
  const why = (cause as NodeJS.ErrnoException).code ?? String(cause);
  return new UserError(
    "CANOPY_STORE_UNUSABLE",
    `${path}: results cannot be kept there (${why}); name another folder with --out`,
    { cause },
  );
}
