/** The folder of a sweep's result: tables, figures, the result and the manifest beside the data. */
import { join } from "node:path";
import { sha256OfFile, writeFileAtomically } from "../files.ts";
import type { MergedSweep } from "../sweep/shards/merge-sweep.ts";
import { planPath, type SweepPlan } from "../sweep/shards/sweep-plan.ts";
import { svgToPng } from "./figures/png.ts";
import { collectEnvironment, createManifest, type ManifestRun, writeManifest } from "./manifest.ts";
import { resultFigures } from "./result-figures.ts";
import { resultTables } from "./result-table.ts";
import type { Table } from "./table.ts";
import { filesOf, removeStale, resultJson } from "./write-result.ts";
import { TABLE_FORMATS, writeTables } from "./write-tables.ts";

/** Rows up to which figures are drawn: beyond, nobody could read them. */
export const MOST_DRAWN = 2000;

/** The tables of a sweep: those that its experiment asks for, with the columns of the points. */
export function sweepTables({ result }: Pick<MergedSweep, "result">, plan: SweepPlan): Table[] {
  const tables = resultTables(result);
  const last = tables.length - 1;
  const { provenance, points } = plan;
  if (provenance.length === points.length || last < 0) return tables;
  const note = `${points.length} points: what the figures rest on is said of the first; the others differ from it in what the first columns show.`;
  return tables.map((table, i) => (i < last ? table : { ...table, notes: [...table.notes, note] }));
}

/**
 * Writes `table.txt|md|tex|csv`, `figure-NAME.svg|png`, `result.json` and last `manifest.json`. All but the manifest's
 * times is the same whenever the same sweep is written.
 *
 * @returns names of all files of the result, those of the merge first
 */
export async function writeSweep(
  folder: string,
  merged: MergedSweep,
  plan: SweepPlan,
  origin: Pick<ManifestRun, "command" | "startedAt" | "endedAt" | "state">,
): Promise<string[]> {
  const stale = await filesOf(folder);
  const files = [...merged.files];
  const write = async (name: string, data: string | Uint8Array) => {
    await writeFileAtomically(join(folder, name), data);
    files.push(name);
  };
  await writeTables(sweepTables(merged, plan), TABLE_FORMATS, write);
  if (merged.result.rows.length <= MOST_DRAWN) {
    for (const { name, svg } of await resultFigures(merged.result)) {
      await write(`figure-${name}.svg`, svg);
      await write(`figure-${name}.png`, await svgToPng(svg));
    }
  }
  await write("result.json", resultJson(merged.result));
  const manifest = createManifest(await collectEnvironment(), {
    ...origin,
    experiment: plan.sweep,
    resolvedSha256: await sha256OfFile(planPath(folder)),
    seeds: [...new Set(plan.points.flatMap(({ runs }) => runs.map(([, seed]) => seed)))],
    inputs: plan.inputs,
    files,
    requestsSimulated: merged.requests,
    ...(plan.dense === undefined ? {} : { dense: plan.dense }),
  });
  await writeManifest(folder, manifest);
  const kept = [...files, "manifest.json"];
  await removeStale(folder, stale, kept);
  return kept;
}
