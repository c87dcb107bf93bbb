import type { Command } from "commander";
import { examples, type FormatOption, print, tableOf, withFormat, writeOut } from "../output.ts";

interface CompareOptions extends FormatOption {
  readonly figure?: string;
}

/** `canopy profile compare`. */
export function addProfileCompareCommand(group: Command): void {
  const compare = group
    .command("compare")
    .description("print two profiles side by side: decode, prefill and power with their ratios")
    .argument("<a>", "id of a shipped profile, or a file")
    .argument("<b>", "what is compared with it")
    .option("--figure <file.svg>", "also write the decode steps of both as a figure")
    .addHelpText(
      "after",
      examples([
        "canopy profile compare a100-80gb.llama-3-8b.bf16.tp1 h100-80gb.llama-3-8b.bf16.tp1",
        "canopy profile compare h100-80gb.llama-3-8b.bf16.tp1 ./mine.json --figure compare.svg",
      ]),
    );
  withFormat(compare).action(async (nameA: string, nameB: string, { format, figure }: CompareOptions) => {
    const { compareProfiles, comparisonTables } = await import("../../profile/compare.ts");
    const { resolveProfile } = await import("../../profile/load.ts");
    const a = (await resolveProfile(nameA)).profile;
    const b = (await resolveProfile(nameB)).profile;
    const compared = compareProfiles(a, b);
    if (figure !== undefined) {
      const { comparisonFigure } = await import("../../report/profile-figures.ts");
      await writeFigure(figure, await comparisonFigure(a, b, compared));
    }
    await print(format, {
      tables: comparisonTables(a, b, compared).map(tableOf),
      json: { schema: "canopy/profile-comparison/1", a: a.id, b: b.id, ...compared },
    });
    if (figure !== undefined && format === "table") await writeOut(`\nfigure: ${figure}\n`);
  });
}

/** Writes an SVG that the user asked for. */
export async function writeFigure(path: string, svg: string): Promise<void> {
  const { writeFileAtomically } = await import("../../files.ts");
  await writeFileAtomically(path, svg);
}
