import type { Trace } from "../trace.ts";
import type { CsvTable } from "./csv.ts";
import {
  NameNumbers,
  type ReadOptions,
  readNotNegative,
  readTokens,
  requireColumn,
  SessionNumbers,
  TraceBuilder,
} from "./trace-builder.ts";

export const BURSTGPT_COLUMNS = ["Timestamp", "Model", "Request tokens", "Response tokens"] as const;

export interface BurstGptOptions extends ReadOptions {
  /** Names in the `Model` column whose requests need a large model, e.g. `GPT-4`; default none. */
  readonly largeModels?: readonly string[];
}

/**
 * BurstGPT (Wang et al. 2024): `Timestamp,[Session ID,Elapsed time,]Model,Request tokens,Response tokens,Total
 * tokens,Log Type`, times in seconds as in the file. Failures have 0 response tokens and are dropped with a
 * count. The log type becomes the task type.
 */
export async function readBurstGpt(table: CsvTable, options: BurstGptOptions): Promise<Trace> {
  const [time, model, prompt, output] = BURSTGPT_COLUMNS.map((name) => requireColumn(table, name));
  const session = table.columns.indexOf("Session ID");
  const logType = table.columns.indexOf("Log Type");
  const builder = new TraceBuilder(table, options, [
    ...(session >= 0 ? (["session"] as const) : []),
    ...(logType >= 0 ? (["taskType"] as const) : []),
  ]);
  const types = new NameNumbers();
  const sessions = new SessionNumbers();
  const large = new Set(options.largeModels ?? []);
  await table.each((row) => {
    builder.rowsRead++;
    const arrivalSeconds = readNotNegative(table, row, time, "a number of seconds");
    const added = builder.add(
      arrivalSeconds,
      readTokens(table, row, prompt),
      readTokens(table, row, output),
      row.line,
    );
    if (added < 0) return;
    const { columns } = builder;
    if (large.size > 0 && large.has(row.text(model))) columns.needsLarge[added] = 1;
    if (columns.session !== undefined)
      columns.session[added] = row.isEmpty(session) ? -1 : sessions.of(row, session);
    if (columns.taskType !== undefined) columns.taskType[added] = types.of(table, row, logType, 256);
  });
  return builder.finish({ taskTypes: types.names });
}
