import { createHash } from "node:crypto";
import {
  CHUNK_ROWS,
  type Column,
  type ColumnName,
  copyRows,
  presentColumns,
  type RequestColumns,
  sharedColumns,
} from "./columns.ts";
import type { RequestChunk, RequestCursor, Tier, Workload } from "./requests.ts";

/** What was done to the rows on the way in, e.g. `{rowsRead: 19366, droppedEmpty: 12}`; see docs/workloads.md. */
export type TraceNotes = Readonly<Record<string, number>>;

/** All of a trace but its rows. */
export interface TraceHeader {
  readonly name: string;
  readonly tiers: readonly Tier[];
  readonly taskTypes: readonly string[];
  readonly endpointNames: readonly string[];
  readonly notes: TraceNotes;
}

/** A trace as plain data: `postMessage` passes the columns to a worker thread without copying them. */
export interface SharedTrace extends TraceHeader {
  readonly columns: Readonly<Record<string, Column>>;
  readonly sha256: string | undefined;
}

/** Requests held in memory on shared buffers. The columns are not to be written to. */
export class Trace implements Workload {
  readonly name: string;
  readonly tiers: readonly Tier[];
  readonly taskTypes: readonly string[];
  readonly endpointNames: readonly string[];
  readonly notes: TraceNotes;
  readonly columns: RequestColumns;
  readonly requests: number;
  readonly meanPromptTokens: number;
  readonly meanOutputTokens: number;
  #sha256: string | undefined;

  /**
   * @param columns rows in order of arrival, every array of the same length and on a SharedArrayBuffer
   * @throws Error naming the first row that breaks a rule of {@link RequestChunk}
   */
  constructor(header: TraceHeader, columns: RequestColumns) {
    this.name = header.name;
    this.tiers = header.tiers;
    this.taskTypes = header.taskTypes;
    this.endpointNames = header.endpointNames;
    this.notes = header.notes;
    this.columns = columns;
    this.requests = columns.arrivalSeconds.length;
    checkRows(this);
    this.meanPromptTokens = mean(columns.promptTokens);
    this.meanOutputTokens = mean(columns.outputTokens);
  }

  static fromShared(shared: SharedTrace): Trace {
    const trace = new Trace(shared, shared.columns as unknown as RequestColumns);
    trace.#sha256 = shared.sha256;
    return trace;
  }

  toShared(): SharedTrace {
    const columns: Record<string, Column> = {};
    for (const name of presentColumns(this.columns)) columns[name] = this.columns[name] as Column;
    const { name, tiers, taskTypes, endpointNames, notes } = this;
    return { name, tiers, taskTypes, endpointNames, notes, columns, sha256: this.#sha256 };
  }

  /** Hash of the rows, tiers, task types and endpoint names (hexadecimal); the name and notes are left out. */
  get sha256(): string {
    this.#sha256 ??= this.#hash();
    return this.#sha256;
  }

  /** Views of the columns: about `chunkRows` rows each, more where a session would be cut. */
  open(chunkRows: number = CHUNK_ROWS): RequestCursor {
    return new TraceCursor(this.columns, chunkRows);
  }

  #hash(): string {
    const hash = createHash("sha256");
    // Infinity has no JSON form.
    const tiers = this.tiers.map(({ name, sloSeconds, deferrable, deferralSeconds }) => [
      name,
      String(sloSeconds),
      deferrable,
      ...(deferralSeconds === undefined ? [] : [deferralSeconds]),
    ]);
    hash.update(JSON.stringify([this.requests, tiers, this.taskTypes, this.endpointNames]));
    for (const name of presentColumns(this.columns)) {
      const column = this.columns[name] as Column;
      hash.update(`\n${name}\n`);
      hash.update(new Uint8Array(column.buffer, column.byteOffset, column.byteLength));
    }
    return hash.digest("hex");
  }
}

/** All rows of a workload as a trace. A trace is returned as it is. */
export function materialize(workload: Workload): Trace {
  if (workload instanceof Trace) return workload;
  const cursor = workload.open();
  const first = cursor.next();
  const columns = sharedColumns(first === undefined ? [] : presentColumns(first), workload.requests);
  let rows = 0;
  for (let chunk = first; chunk !== undefined; chunk = cursor.next()) {
    if (rows + chunk.count > workload.requests) break;
    copyRows(chunk, 0, columns, rows, chunk.count);
    rows += chunk.count;
  }
  if (rows !== workload.requests || cursor.next() !== undefined) {
    throw new Error(`workload "${workload.name}" announced ${workload.requests} requests and gave others`);
  }
  const { name, tiers, taskTypes, endpointNames } = workload;
  return new Trace({ name, tiers, taskTypes, endpointNames, notes: {} }, columns);
}

class TraceCursor implements RequestCursor {
  readonly #columns: RequestColumns;
  readonly #names: readonly ColumnName[];
  readonly #rows: number;
  readonly #chunk: RequestChunk;
  #at = 0;

  constructor(columns: RequestColumns, rows: number) {
    this.#columns = columns;
    this.#names = presentColumns(columns);
    this.#rows = rows;
    this.#chunk = { count: 0, ...columns };
  }

  next(): RequestChunk | undefined {
    const arrivals = this.#columns.arrivalSeconds;
    const start = this.#at;
    if (start >= arrivals.length) return undefined;
    let end = Math.min(start + this.#rows, arrivals.length);
    while (end < arrivals.length && Number.isNaN(arrivals[end])) end++;
    this.#at = end;
    const chunk = this.#chunk as unknown as Record<string, unknown>;
    for (const name of this.#names) chunk[name] = (this.#columns[name] as Column).subarray(start, end);
    this.#chunk.count = end - start;
    return this.#chunk;
  }
}

function checkRows(trace: Trace): void {
  const { columns, tiers, taskTypes, endpointNames, requests, name } = trace;
  const fail = (row: number, what: string): never => {
    throw new Error(`trace "${name}", row ${row}: ${what}`);
  };
  for (const column of presentColumns(columns)) {
    if ((columns[column] as Column).length !== requests) fail(0, `column ${column} has another length`);
  }
  let last = 0;
  for (let i = 0; i < requests; i++) {
    const arrival = columns.arrivalSeconds[i];
    if (Number.isNaN(arrival)) {
      if (i === 0) fail(i, "a dependent step has no step before it");
    } else {
      if (!(arrival >= last)) fail(i, `arrives at ${arrival} s, before the row above (${last} s)`);
      last = arrival;
    }
    if (columns.promptTokens[i] < 1) fail(i, `has ${columns.promptTokens[i]} prompt tokens`);
    if (columns.outputTokens[i] < 1) fail(i, `has ${columns.outputTokens[i]} output tokens`);
    if (columns.tier[i] >= tiers.length) fail(i, `has tier ${columns.tier[i]} of ${tiers.length}`);
  }
  const { taskType, endpoint, session, thinkSeconds } = columns;
  for (let i = 0; taskType !== undefined && i < requests; i++)
    if (taskType[i] >= taskTypes.length) fail(i, `has task type ${taskType[i]} of ${taskTypes.length}`);
  for (let i = 0; endpoint !== undefined && i < requests; i++)
    if (endpoint[i] < -1 || endpoint[i] >= endpointNames.length)
      fail(i, `has endpoint ${endpoint[i]} of ${endpointNames.length}`);
  for (let i = 1; i < requests; i++) {
    if (!Number.isNaN(columns.arrivalSeconds[i])) continue;
    if (session === undefined || thinkSeconds === undefined)
      fail(i, "is a dependent step without session and think");
    else if (session[i] !== session[i - 1]) fail(i, "depends on a step of another session");
    else if (!(thinkSeconds[i] >= 0)) fail(i, `has a think time of ${thinkSeconds[i]} s`);
  }
}

function mean(values: Int32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return values.length === 0 ? 0 : sum / values.length;
}
