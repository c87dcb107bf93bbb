import type { CellMessage, CellTask } from "./cell-task.ts";
import type { RawInSitu } from "./in-situ.ts";
import type { RawRow } from "./measure-cell.ts";
import { runThread, workerFile } from "./run-thread.ts";

export interface CellOutcome {
  readonly rows: readonly RawRow[];
  readonly inSitu: RawInSitu | null;
  /** Why it did not come to its end; null where it did. */
  readonly reason: string | null;
}

/** Measures one cell in a thread of its own, which is ended after `capSeconds`; what it had measured is kept. */
export async function runCell(task: CellTask, capSeconds: number, signal: AbortSignal): Promise<CellOutcome> {
  const rows: RawRow[] = [];
  const found: { inSitu: RawInSitu | null } = { inSitu: null };
  const hear = (message: CellMessage) => {
    if (message.kind === "row") rows.push(message.row);
    else found.inSitu = message.figures;
  };
  const reason = await runThread(workerFile("cell-worker"), task, { capSeconds, signal }, hear);
  return { rows, inSitu: found.inSitu, reason };
}
