import { join } from "node:path";
import { sha256OfText, writeFileAtomically } from "../files.ts";
import { collectEnvironment, createManifest } from "../report/manifest.ts";
import { renderCsv } from "../report/render-csv.ts";
import { TABLES_FILE, tablesFileText } from "../report/tables-file.ts";
import { TABLE_FORMATS, writeTables } from "../report/write-tables.ts";
import type { OverheadResult } from "./result.ts";
import { allRowsTable, overheadFigure, overheadTables } from "./tables.ts";

const FIGURE = "decision-time.svg";

export interface OverheadOrigin {
  readonly command: readonly string[];
  readonly startedAt: Date;
  readonly endedAt: Date;
}

/**
 * Writes the tables as text, Markdown, LaTeX and CSV, `rows.csv` with every figure, `overhead.json`, the figure where
 * there are several sizes, `tables.json` for reports, and last `manifest.json`; each file whole or not at all.
 *
 * @returns names of the files
 */
export async function writeOverhead(
  folder: string,
  result: OverheadResult,
  origin: OverheadOrigin,
): Promise<string[]> {
  const files: string[] = [];
  const write = async (name: string, text: string) => {
    await writeFileAtomically(join(folder, name), text);
    files.push(name);
  };
  const tables = overheadTables(result);
  await writeTables(tables, TABLE_FORMATS, write);
  await write("rows.csv", renderCsv(allRowsTable(result)));
  await write("overhead.json", jsonText(result));
  const figure = await overheadFigure(result);
  if (figure !== undefined) await write(FIGURE, figure);
  const shown = figure === undefined ? [] : [{ file: FIGURE, svg: figure }];
  await write(TABLES_FILE, tablesFileText("overhead", "Overhead of the routers", tables, shown));
  const { conditions, states, inSitu } = result;
  const manifest = createManifest(await collectEnvironment(), {
    ...origin,
    experiment: "overhead",
    resolvedSha256: sha256OfText(
      jsonText({ states: states.map(({ endpoints, load }) => [endpoints, load]) }),
    ),
    seeds: [1],
    inputs: [],
    files,
    requestsSimulated: inSitu.reduce((sum, { requests }) => sum + requests, 0),
    state: "complete",
  });
  await write("manifest.json", jsonText({ ...manifest, conditions }));
  return files;
}

function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
