/** A sink that remembers. */
import type { RecordColumns, RecordSink } from "../../src/simulator/options.ts";

type Row = { [K in keyof RecordColumns]: number };

const COLUMN_NAMES: readonly (keyof RecordColumns)[] = [
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
];

export interface RecordedRow extends Row {
  readonly status: "finished" | "rejected" | "unfinished";
  readonly reason: string | null;
}

export interface RecordingSink extends RecordSink {
  /** Requests in the order of their ends. */
  readonly rows: RecordedRow[];
  readonly placements: { readonly id: number; readonly endpoint: number; readonly atSeconds: number }[];
  readonly weightings: {
    readonly requestClass: number;
    readonly weights: number[];
    readonly atSeconds: number;
  }[];
  /** The row of request `id`. */
  row(id: number): RecordedRow;
}

/** A sink that copies everything it is told. */
export function recordingSink(): RecordingSink {
  let columns: RecordColumns;
  const rows: RecordedRow[] = [];
  const byId = new Map<number, RecordedRow>();
  const placements: RecordingSink["placements"] = [];
  const weightings: RecordingSink["weightings"] = [];
  function record(request: number, status: RecordedRow["status"], reason: string | null): void {
    const entries = COLUMN_NAMES.map((name) => [name, columns[name][request]]);
    const row: RecordedRow = { ...(Object.fromEntries(entries) as Row), status, reason };
    if (byId.has(row.id)) throw new Error(`request ${row.id} ended twice`);
    byId.set(row.id, row);
    rows.push(row);
  }
  return {
    rows,
    placements,
    weightings,
    row(id) {
      const row = byId.get(id);
      if (row === undefined) throw new Error(`request ${id} has not ended`);
      return row;
    },
    begin(given) {
      columns = given;
    },
    placed: (request, endpoint, atSeconds) =>
      placements.push({ id: columns.id[request], endpoint, atSeconds }),
    finished: (request) => record(request, "finished", null),
    rejected: (request, reason) => record(request, "rejected", reason),
    unfinished: (request) => record(request, "unfinished", null),
    weights: (requestClass, weights, atSeconds) =>
      weightings.push({ requestClass, weights: Array.from(weights), atSeconds }),
  };
}
