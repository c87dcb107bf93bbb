import type { RecordColumns, RecordSink } from "../../src/simulator/options.ts";

const NAMES = [
  "id",
  "arrivalSeconds",
  "deadlineSeconds",
  "dispatchedSeconds",
  "heldSeconds",
  "startedSeconds",
  "firstTokenSeconds",
  "finishedSeconds",
  "ttftSeconds",
  "e2eSeconds",
  "promptTokens",
  "outputTokens",
  "producedTokens",
  "tier",
  "session",
  "endpoint",
  "preemptions",
  "energyJoules",
  "costUsd",
  "carbonGrams",
  "waterLitres",
  "taskType",
  "tenant",
  "predictedAccuracy",
  "accuracyFloor",
  "feasible",
  "correct",
] as const satisfies readonly (keyof RecordColumns)[];

export type ColumnName = (typeof NAMES)[number];

/** How a request ended; 0 is not at all. */
export const ENDED = { not: 0, finished: 1, rejected: 2, unfinished: 3 } as const;

/** What became of every request, as columns indexed by its number: a recording sink for long runs. */
export class ColumnSink implements RecordSink {
  /** One of {@link ENDED}. */
  readonly ended: Uint8Array;
  readonly reasons = new Map<number, string>();
  readonly #names: readonly ColumnName[];
  readonly #columns: Partial<Record<ColumnName, Float64Array>> = {};
  #table: RecordColumns | undefined;

  /**
   * @param requests number of requests of the run
   * @param names columns to keep; all by default
   */
  constructor(requests: number, names: readonly ColumnName[] = NAMES) {
    this.ended = new Uint8Array(requests);
    this.#names = names;
    for (const name of names) this.#columns[name] = new Float64Array(requests).fill(Number.NaN);
  }

  column(name: ColumnName): Float64Array {
    const column = this.#columns[name];
    if (column === undefined) throw new Error(`the sink does not keep ${name}`);
    return column;
  }

  /** Sum of a column over all requests. */
  sum(name: ColumnName): number {
    return this.column(name).reduce((sum, value) => sum + value, 0);
  }

  /** Names of the columns, with the first request in which they differ: empty when every bit is the same. */
  differences(other: ColumnSink, except: readonly ColumnName[] = []): string[] {
    const found: string[] = [];
    const compare = (name: string, a: ArrayLike<number>, b: ArrayLike<number>) => {
      for (let i = 0; i < Math.max(a.length, b.length); i++) {
        if (Object.is(a[i], b[i])) continue;
        found.push(`${name} of ${i}: ${a[i]} and ${b[i]}`);
        return;
      }
    };
    compare("ended", this.ended, other.ended);
    for (const name of this.#names) {
      if (!except.includes(name)) compare(name, this.column(name), other.column(name));
    }
    return found;
  }

  begin(columns: RecordColumns): void {
    this.#table = columns;
  }

  placed(): void {}

  weights(): void {}

  finished(request: number): void {
    this.#record(request, ENDED.finished);
  }

  rejected(request: number, reason: string): void {
    this.reasons.set(this.#record(request, ENDED.rejected), reason);
  }

  unfinished(request: number): void {
    this.#record(request, ENDED.unfinished);
  }

  #record(request: number, how: number): number {
    const table = this.#table as RecordColumns;
    const id = table.id[request];
    if (this.ended[id] !== ENDED.not) throw new Error(`request ${id} ended twice`);
    this.ended[id] = how;
    for (const name of this.#names) this.column(name)[id] = table[name][request];
    return id;
  }
}
