/** `canopy report`: from folders of results to one file of HTML. */
import { dirname } from "node:path";
import { writeFileAtomically } from "../../files.ts";
import { buildReportData } from "./build-data.ts";
import { findReported } from "./find-results.ts";
import { reportPage } from "./page.ts";

export interface WrittenReport {
  readonly file: string;
  readonly bytes: number;
  readonly results: number;
  readonly rows: number;
  readonly runs: number;
  /** Folders with tables of other commands. */
  readonly sheets: number;
  /** What was left out, in sentences. */
  readonly omitted: readonly string[];
}

/**
 * Writes the report of all results, and tables of other commands, at or below the places; the same bytes for the same results.
 *
 * @throws UserError as `findReported`
 */
export async function writeReport(places: readonly string[], file: string): Promise<WrittenReport> {
  const { results, tables } = await findReported(places);
  const data = buildReportData(results, dirname(file), tables);
  const page = reportPage(data);
  await writeFileAtomically(file, page);
  return {
    file,
    bytes: Buffer.byteLength(page),
    results: data.results.length,
    rows: data.rows.result.length,
    runs: data.rows.done.reduce((sum, done) => sum + done, 0),
    sheets: data.sheets.length,
    omitted: data.omitted,
  };
}
