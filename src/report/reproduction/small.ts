/** Reduced versions of committed results, and what they gave. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { UserError } from "../../errors.ts";
import type { ExperimentResult } from "../../experiment/result.ts";
import { readTextFile, writeFileAtomically } from "../../files.ts";
import type { CatalogueItem } from "./catalogue.ts";
import { type ComparedRow, rowsOf } from "./compare-rows.ts";

/** `results/small/PAPER/ITEM.json` */
export interface SmallResult {
  readonly schema: "canopy/small/1";
  readonly item: string;
  /** Overrides that make it small, after those of the result's own command. */
  readonly sets: readonly string[];
  readonly node: string;
  readonly dense: ExperimentResult["provenance"]["dense"] | null;
  readonly rows: readonly ComparedRow[];
}

/** Overrides by item. */
const DECLARED = fileURLToPath(new URL("../../../harness/small.yaml", import.meta.url));

/**
 * Overrides that make an item small: its first seed, its first start where it has several, and what `harness/small.yaml`
 * declares for it.
 */
export async function smallSets({ id, found }: Pick<CatalogueItem, "id" | "found">): Promise<string[]> {
  const { points } = found.result.provenance;
  const starts = new Set(points.map((point) => JSON.stringify(point.starts)));
  const [first] = points;
  const declared = parse(await readTextFile(DECLARED, "reduced versions")) as Record<string, string[]>;
  return [
    `seeds=${JSON.stringify([first.seeds[0]])}`,
    ...(starts.size === 1 && first.starts.length > 1 ? [`starts=${JSON.stringify([first.starts[0]])}`] : []),
    ...(declared[id] ?? []),
  ];
}

export function smallPath(folder: string, id: string): string {
  return join(folder, "small", `${id}.json`);
}

/** @throws UserError CANOPY_REPRODUCE_SMALL where none is committed, or what is there is none */
export async function readSmall(folder: string, id: string): Promise<SmallResult> {
  const path = smallPath(folder, id);
  if (!existsSync(path)) {
    throw new UserError(
      "CANOPY_REPRODUCE_SMALL",
      `${id}: no reduced version is committed; canopy reproduce ${id} --small --update makes it`,
    );
  }
  const text = await readTextFile(path, "reduced version");
  const refuse = (why: string): never => {
    throw new UserError(
      "CANOPY_REPRODUCE_SMALL",
      `${path}: ${why}, expected a reduced version; canopy reproduce ${id} --small --update makes it anew`,
    );
  };
  let small: Partial<SmallResult> | null;
  try {
    small = JSON.parse(text) as Partial<SmallResult> | null;
  } catch {
    return refuse("is no JSON");
  }
  if (small?.schema === "canopy/small/1" && Array.isArray(small.rows)) return small as SmallResult;
  return refuse(`its schema is ${JSON.stringify(small?.schema) ?? "missing"}`);
}

/** Writes a reduced version's figures, a row on a line. */
export async function writeSmall(
  folder: string,
  id: string,
  sets: readonly string[],
  result: ExperimentResult,
): Promise<string> {
  const { node, dense } = result.provenance;
  const head = { schema: "canopy/small/1", item: id, sets, node, dense: dense ?? null };
  const lines = rowsOf(result).map((row) => JSON.stringify(row));
  const path = smallPath(folder, id);
  const text = `${JSON.stringify(head, null, 1).slice(0, -2)},\n "rows": [\n${lines.join(",\n")}\n]}\n`;
  await writeFileAtomically(path, text);
  return path;
}
