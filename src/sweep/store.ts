import { closeSync, fdatasync, ftruncateSync, mkdirSync, openSync, readSync, write } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { UserError } from "../errors.ts";
import { lockFolder } from "./store-lock.ts";

/** Results that are written together and made durable by one flush of the disk. */
const COMMIT_INTERVAL_MS = 250;
const JOURNAL = "runs.jsonl";
const NEWLINE = 0x0a;
const READ_BYTES = 1 << 20;

const writeBytes = promisify(write);
const syncData = promisify(fdatasync);

export interface StoreOptions {
  /** Forget what is there. */
  readonly fresh?: boolean;
}

/**
 * Finished runs of one folder: an append-only journal, one line of JSON `{"key":…,"result":…}` for each. A line is
 * durable at most {@link COMMIT_INTERVAL_MS} after {@link put}, or once {@link flush} has resolved. A line that a
 * crash has cut short is dropped when the journal is opened; of two lines with one key the later counts.
 *
 * `Result` must survive JSON: no NaN, no typed arrays.
 */
export class RunStore<Result> {
  readonly path: string;
  /** Lines of the journal that were not readable and are dropped. */
  readonly droppedLines: number;
  readonly #results: Map<string, Result>;
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
   * @throws UserError CANOPY_STORE_LOCKED, CANOPY_STORE_UNUSABLE
   */
  constructor(folder: string, options: StoreOptions = {}) {
    this.path = join(folder, JOURNAL);
    try {
      mkdirSync(folder, { recursive: true });
      this.#unlock = lockFolder(folder);
    } catch (error) {
      throw error instanceof UserError ? error : unusable(folder, error);
    }
    try {
      this.#file = openSync(this.path, "a+");
      if (options.fresh === true) ftruncateSync(this.#file, 0);
      const { results, length, dropped } = readJournal<Result>(this.#file);
      this.#results = results;
      this.droppedLines = dropped;
      ftruncateSync(this.#file, length);
    } catch (error) {
      this.#unlock();
      throw unusable(this.path, error);
    }
  }

  get size(): number {
    return this.#results.size;
  }

  get(key: string): Result | undefined {
    return this.#results.get(key);
  }

  /**
   * Keeps a result: readable at once, durable soon.
   *
   * @throws UserError CANOPY_STORE_WRITE when an earlier one could not be written
   */
  put(key: string, result: Result): void {
    if (this.#closed) throw new Error(`${this.path} is closed`);
    if (this.#failure !== undefined) throw this.#failure;
    this.#results.set(key, result);
    this.#pending.push(`${JSON.stringify({ key, result })}\n`);
    this.#timer ??= setTimeout(() => void this.#commit(), COMMIT_INTERVAL_MS);
  }

  /**
   * Resolves once everything put so far is on the disk.
   *
   * @throws UserError CANOPY_STORE_WRITE when something could not be written, e.g. on a full disk
   */
  async flush(): Promise<void> {
    await this.#commit();
    if (this.#failure !== undefined) throw this.#failure;
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

/** Keys of the runs that a folder holds; none where it has no journal. Takes no lock. */
export function finishedKeys(folder: string): ReadonlySet<string> {
  let file: number;
  try {
    file = openSync(join(folder, JOURNAL), "r");
  } catch {
    return new Set();
  }
  try {
    return new Set(readJournal(file).results.keys());
  } finally {
    closeSync(file);
  }
}

interface Journal<Result> {
  readonly results: Map<string, Result>;
  /** Bytes up to the end of the last whole line. */
  readonly length: number;
  readonly dropped: number;
}

function readJournal<Result>(file: number): Journal<Result> {
  const results = new Map<string, Result>();
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
      const entry = parseLine<Result>(Buffer.concat(line));
      if (entry === undefined) dropped++;
      else results.set(entry.key, entry.result);
      line = [];
      from = end + 1;
      length = position + from;
    }
    line.push(Buffer.from(buffer.subarray(from, count)));
    position += count;
  }
  return { results, length, dropped: dropped + (line.some((piece) => piece.length > 0) ? 1 : 0) };
}

function parseLine<Result>(bytes: Buffer): { key: string; result: Result } | undefined {
  try {
    const entry = JSON.parse(bytes.toString("utf8")) as { key?: unknown; result?: Result };
    return typeof entry.key === "string" && "result" in entry
      ? (entry as { key: string; result: Result })
      : undefined;
  } catch {
    return undefined;
  }
}

function unusable(path: string, cause: unknown): UserError {
  const why = (cause as NodeJS.ErrnoException).code ?? String(cause);
  return new UserError(
    "CANOPY_STORE_UNUSABLE",
    `${path}: results cannot be kept there (${why}); name another folder with --out`,
    { cause },
  );
}
