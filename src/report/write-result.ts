/** The folder of a result: tables, figures, the result itself and the manifest. */
import { join } from "node:path";
import { hashOfJson } from "../experiment/canonical-json.ts";
import type { ExperimentPlan } from "../experiment/expand.ts";
import type { ExperimentResult } from "../experiment/result.ts";
import { sha256OfFile, writeFileAtomically } from "../files.ts";
import { svgToPng } from "./figures/png.ts";
import {
  collectEnvironment,
  createManifest,
  type ManifestInput,
  type ManifestRun,
  writeManifest,
} from "./manifest.ts";
import { renderCsv } from "./render-csv.ts";
import { renderLatex } from "./render-latex.ts";
import { renderMarkdown } from "./render-markdown.ts";
import { renderTerminal } from "./render-terminal.ts";
import { resultFigures } from "./result-figures.ts";
import { resultTables } from "./result-table.ts";

/** What the manifest says beside what the plan knows. */
export type ResultOrigin = Pick<
  ManifestRun,
  "command" | "startedAt" | "endedAt" | "requestsSimulated" | "state"
>;

/**
 * Writes `table.txt|md|tex|csv`, `result.json`, an SVG and a PNG of each figure, and last `manifest.json`; each file
 * whole or not at all. Further tables of an experiment follow in the same texts, as CSV in `table-2.csv` and so on.
 *
 * @returns names of the files, in the order in which they were written
 */
export async function writeResult(
  folder: string,
  result: ExperimentResult,
  plan: ExperimentPlan,
  origin: ResultOrigin,
): Promise<string[]> {
  const tables = resultTables(result, plan.points[0].point.experiment.outputs.tables);
  const written: string[] = [];
  const write = async (name: string, data: string | Uint8Array) => {
    await writeFileAtomically(join(folder, name), data);
    written.push(name);
  };
  await write(
    "table.txt",
    tables.map((table) => renderTerminal(table, { colours: false, width: 140 })).join("\n"),
  );
  await write("table.md", tables.map((table) => renderMarkdown(table)).join("\n"));
  await write("table.tex", tables.map((table) => renderLatex(table)).join("\n"));
  for (const [i, table] of tables.entries()) {
    await write(i === 0 ? "table.csv" : `table-${i + 1}.csv`, renderCsv(table));
  }
  for (const { name, svg } of await resultFigures(result, plan)) {
    await write(`${name}.svg`, svg);
    await write(`${name}.png`, await svgToPng(svg));
  }
  await write("result.json", `${JSON.stringify(result, null, 2)}\n`);
  const manifest = createManifest(await collectEnvironment(), {
    ...origin,
    experiment: plan.loaded.id,
    resolvedSha256: hashOfJson(plan.points.map(({ key, inputs }) => [key, inputs.experiment])),
    seeds: [...new Set(plan.runs.map(({ seed }) => seed))],
    inputs: await inputsOf(plan),
  });
  await writeManifest(folder, manifest);
  written.push("manifest.json");
  return written;
}

async function inputsOf({ loaded, inputs, points }: ExperimentPlan): Promise<ManifestInput[]> {
  const list: ManifestInput[] = [];
  for (const file of loaded.files) {
    list.push({ role: "experiment", name: file, sha256: await sha256OfFile(file) });
  }
  for (const [key, profile] of Object.entries(inputs.profiles)) {
    list.push({ role: "profile", name: "id" in profile ? profile.id : "law in the experiment", sha256: key });
  }
  for (const [key, { header }] of Object.entries(inputs.series)) {
    list.push({ role: "signal", name: `${header.source} ${header.zone}`, sha256: key });
  }
  for (const { requests } of Object.values(inputs.workloads)) {
    if (requests.sha256 !== undefined)
      list.push({ role: "trace", name: requests.name, sha256: requests.sha256 });
  }
  const routers = points.flatMap((point) => point.routers);
  for (const file of new Set(routers.map((router) => router.file).filter((file) => file !== null))) {
    list.push({ role: "router", name: file, sha256: await sha256OfFile(file) });
  }
  for (const { label, artefacts } of routers) {
    for (const [name, sha256] of Object.entries(artefacts)) {
      list.push({ role: "artefact", name: `${label}: ${name}`, sha256 });
    }
  }
  return list.filter((input, i) => list.findIndex((other) => same(other, input)) === i);
}

function same(a: ManifestInput, b: ManifestInput): boolean {
  return a.role === b.role && a.name === b.name && a.sha256 === b.sha256;
}
