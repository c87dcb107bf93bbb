import { Journal, type JournalOptions, readJournal } from "./journal.ts";

/**
 * Finished runs of one folder, all of them in memory and in a {@link Journal}; of two lines with one key the later
 * counts.
 *
 * `Result` must survive JSON: no NaN, no typed arrays.
 */
export class RunStore<Result> {
  readonly #journal: Journal;
  readonly #results = new Map<string, Result>();

  /**
   * Opens the journal of a folder, which is made if need be, and locks it against other writers.
   *
   * @throws UserError CANOPY_STORE_LOCKED, CANOPY_STORE_UNUSABLE
   */
  constructor(folder: string, options: JournalOptions = {}) {
    this.#journal = new Journal(folder, options, ({ key, result }) => {
      this.#results.set(key, result as Result);
    });
  }

  get path(): string {
    return this.#journal.path;
  }

  /** Lines of the journal that were not readable and are dropped. */
  get droppedLines(): number {
    return this.#journal.droppedLines;
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
    this.#journal.append(key, JSON.stringify(result));
    this.#results.set(key, result);
  }

  /**
   * Resolves once everything put so far is on the disk.
   *
   * @throws UserError CANOPY_STORE_WRITE when something could not be written, e.g. on a full disk
   */
  flush(): Promise<void> {
    return this.#journal.flush();
  }

  /** Flushes, closes the journal and gives the lock back, whatever happens. */
  close(): Promise<void> {
    return this.#journal.close();
  }
}

/** Keys of the runs that a folder holds; none where it has no journal. Takes no lock. */
export function finishedKeys(folder: string): ReadonlySet<string> {
  const keys = new Set<string>();
  readJournal(folder, ({ key }) => keys.add(key));
  return keys;
}
