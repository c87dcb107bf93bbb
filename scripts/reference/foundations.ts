/** The page that says of every committed result what its rows rest on. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ExperimentResult } from "../../src/experiment/result.ts";
import { table, WRITTEN } from "./markdown.ts";

const RESULTS = fileURLToPath(new URL("../../results/", import.meta.url));

/** docs/reference/foundations.md, from the results as they are committed. */
export function foundationsPage(): string {
  const rows = committedResults().map(({ path, result }) => [
    `[${path}](../../results/${path})`,
    countsOf(result.rows.map(({ provenance }) => provenance))
      .map(([word, count]) => `![rests on ${word}](../badges/${word}.svg) ${count}`)
      .join(" "),
    countsOf(result.provenance.points.flatMap(({ profiles }) => profiles.map(({ provenance }) => provenance)))
      .map(([word]) => word)
      .join(", "),
    countsOf(signalsOf(result))
      .map(([word]) => word)
      .join(", "),
    result.calibrated.length === 0 ? "" : [...new Set(result.calibrated.map(({ by }) => by))].join(", "),
  ]);
  return `${[
    WRITTEN,
    "# What the committed results rest on",
    "Rows of each result by the weakest word of what they were computed from: a row that reads one modelled number is modelled. The words are those of [profiles.md](../profiles.md#provenance), strongest first: measured, published, derived, extrapolated, modelled, synthetic. Every table and the report say the same of their rows; [limits.md](../limits.md) says what follows from it. Fitted quantities never count as agreement with a paper.",
    table(["result", "rows", "profiles", "carbon intensity", "fitted by"], rows),
  ].join("\n\n")}\n`;
}

function committedResults(): { path: string; result: ExperimentResult }[] {
  return readdirSync(RESULTS, { withFileTypes: true })
    .filter((family) => family.isDirectory() && family.name !== "small")
    .flatMap((family) => readdirSync(join(RESULTS, family.name)).map((name) => `${family.name}/${name}`))
    .sort()
    .flatMap((path) => {
      const result = resultIn(join(RESULTS, path));
      return result === undefined ? [] : [{ path, result }];
    });
}

/** The result of `canopy run --out` in a folder; undefined for folders of other kinds. */
function resultIn(folder: string): ExperimentResult | undefined {
  try {
    const value = JSON.parse(readFileSync(join(folder, "result.json"), "utf8")) as ExperimentResult;
    return value.schema === "canopy/result/1" ? value : undefined;
  } catch {
    return undefined;
  }
}

function signalsOf({ provenance }: ExperimentResult): string[] {
  return provenance.points.flatMap(({ carbon }) =>
    Object.values(carbon).map(({ provenance: word }) => String(word)),
  );
}

/** How often each word stands in a list, most often first. */
function countsOf(words: readonly string[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
}
