import type { CellMessage, CellTask } from "./cell-task.ts";
import type { RawInSitu } from "./in-situ.ts";
import type { RawRow } from "./measure-cell.ts";
import { type ChildLimits, runChild, workerFile } from "./run-child.ts";

export interface CellOutcome {
  readonly rows: readonly RawRow[];
  readonly inSitu: RawInSitu | null;
  /** Why it did not come to its end; null where it did. */
  readonly reason: string | null;
}

/** Measures one cell in a process of its own, which is ended after its cap; what it had measured is kept. */
export async function runCell(task: CellTask, limits: ChildLimits): Promise<CellOutcome> {
  const rows: RawRow[] = [];
  const found: { inSitu: RawInSitu | null } = { inSitu: null };
  const hear = (message: CellMessage) => {
    if (message.kind === "row") rows.push(message.row);
    else found.inSitu = message.figures;
  };
  const reason = await runChild(workerFile("cell-worker"), task, limits, hear);
  return { rows, inSitu: found.inSitu, reason };
}
