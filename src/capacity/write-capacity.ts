import { join } from "node:path";
import { sha256OfText, writeFileAtomically } from "../files.ts";
import { svgToPng } from "../report/figures/png.ts";
import { collectEnvironment, createManifest, type ManifestRun, writeManifest } from "../report/manifest.ts";
import { renderCsv } from "../report/render-csv.ts";
import { TABLES_FILE, tablesFileText } from "../report/tables-file.ts";
import { inputsOf } from "../report/write-result.ts";
import { TABLE_FORMATS, writeTables } from "../report/write-tables.ts";
import type { CapacityPlan } from "./find-capacity.ts";
import type { CapacityResult } from "./result.ts";
import { capacityFigures, capacityTable, searchesTable } from "./tables.ts";

export type CapacityOrigin = Pick<
  ManifestRun,
  "command" | "startedAt" | "endedAt" | "requestsSimulated" | "state" | "trainings"
>;

/**
 * Writes `table.txt|md|tex|csv`, `rows.csv` with every search, `capacity.json`, the figures as SVG and PNG,
 * `tables.json` for reports, and last `manifest.json`; each file whole or not at all.
 *
 * @returns names of the files
 */
export async function writeCapacity(
  folder: string,
  result: CapacityResult,
  { plan, question }: CapacityPlan,
  origin: CapacityOrigin,
): Promise<string[]> {
  const files: string[] = [];
  const write = async (name: string, data: string | Uint8Array) => {
    await writeFileAtomically(join(folder, name), data);
    files.push(name);
  };
  const table = capacityTable(result);
  await writeTables([table], TABLE_FORMATS, write);
  await write("rows.csv", renderCsv(searchesTable(result)));
  await write("capacity.json", `${JSON.stringify(result, null, 2)}\n`);
  const figures: { file: string; svg: string }[] = [];
  for (const { name, svg } of await capacityFigures(result)) {
    figures.push({ file: `figure-${name}.svg`, svg });
    await write(`figure-${name}.svg`, svg);
    await write(`figure-${name}.png`, await svgToPng(svg));
  }
  await write(TABLES_FILE, tablesFileText("capacity", `Capacity: ${result.experiment}`, [table], figures));
  const inputs = plan.points.map(({ key }) => key);
  const manifest = createManifest(await collectEnvironment(), {
    ...origin,
    experiment: plan.loaded.id,
    resolvedSha256: sha256OfText(JSON.stringify({ question, inputs })),
    seeds: [...new Set(plan.runs.map(({ seed }) => seed))],
    inputs: await inputsOf(plan),
    ...(plan.dense === undefined ? {} : { dense: plan.dense }),
    files,
  });
  await writeManifest(folder, manifest);
  return [...files, "manifest.json"];
}
