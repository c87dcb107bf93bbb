import { join } from "node:path";
import { sha256OfFile, sha256OfText, writeFileAtomically } from "../../files.ts";
import { svgToPng } from "../figures/png.ts";
import { collectEnvironment, createManifest, type ManifestInput } from "../manifest.ts";
import { renderCsv } from "../render-csv.ts";
import { renderLatex } from "../render-latex.ts";
import { renderMarkdown } from "../render-markdown.ts";
import { TABLES_FILE, tablesFileText } from "../tables-file.ts";
import { LEADERBOARD_SCHEMA_ID, type Leaderboard } from "./leaderboard.ts";
import { leaderboardFigures, leaderboardTables } from "./tables.ts";

export interface LeaderboardOrigin {
  readonly command: readonly string[];
  readonly startedAt: Date;
  readonly endedAt: Date;
}

/**
 * Writes `leaderboard.md|tex|csv|json`, further tables as `leaderboard-2.csv` and so on, the figures as SVG and PNG,
 * `tables.json` for reports, and last `manifest.json`, which names the results by their hashes; each file whole or not at all.
 *
 * @returns names of the files
 */
export async function writeLeaderboard(
  folder: string,
  board: Leaderboard,
  origin: LeaderboardOrigin,
): Promise<string[]> {
  const files: string[] = [];
  const write = async (name: string, data: string | Uint8Array) => {
    await writeFileAtomically(join(folder, name), data);
    files.push(name);
  };
  const tables = leaderboardTables(board);
  await write("leaderboard.md", tables.map(renderMarkdown).join("\n"));
  await write("leaderboard.tex", tables.map((table) => renderLatex(table)).join("\n"));
  for (const [i, table] of tables.entries()) {
    await write(i === 0 ? "leaderboard.csv" : `leaderboard-${i + 1}.csv`, renderCsv(table));
  }
  const json = `${JSON.stringify(leaderboardJson(board), null, 2)}\n`;
  await write("leaderboard.json", json);
  const figures: { file: string; svg: string }[] = [];
  for (const { name, svg } of await leaderboardFigures(board)) {
    figures.push({ file: `figure-${name}.svg`, svg });
    await write(`figure-${name}.svg`, svg);
    await write(`figure-${name}.png`, await svgToPng(svg));
  }
  await write(TABLES_FILE, tablesFileText("leaderboard", `Leaderboard: ${board.base.name}`, tables, figures));
  const results = [...new Set(board.settings.map(({ found }) => found))];
  const inputs: ManifestInput[] = [];
  for (const { folder: from } of results) {
    const name = join(from, "result.json");
    inputs.push({ role: "other", name, sha256: await sha256OfFile(name) });
  }
  const manifest = createManifest(await collectEnvironment(), {
    ...origin,
    experiment: "leaderboard",
    resolvedSha256: sha256OfText(json),
    seeds: board.base.point.seeds,
    inputs,
    files,
    requestsSimulated: 0,
    state: "complete",
  });
  await write("manifest.json", `${JSON.stringify(manifest, null, 2)}\n`);
  return files;
}

/** The leaderboard as plain data, `canopy/leaderboard/1`. */
export function leaderboardJson(board: Leaderboard) {
  const { base, rows, fronts, verdicts, settings, options } = board;
  return {
    schema: LEADERBOARD_SCHEMA_ID,
    base: base.name,
    settings: settings.map(({ name, found, point }) => ({
      name,
      experiment: found.result.experiment,
      inputs: point.inputs,
      seeds: point.seeds,
    })),
    attainment: options.attainment,
    bound: { withinSeconds: options.withinSeconds, metrics: options.bound, reason: options.boundReason },
    rows: rows.map(({ row, ...more }) => ({
      router: row.router,
      id: row.id,
      family: row.about.family,
      group: row.about.group,
      clairvoyant: row.about.clairvoyant,
      runs: row.runs,
      restsOn: row.provenance,
      ...more,
      metrics: row.metrics,
    })),
    fronts,
    verdicts,
  };
}
