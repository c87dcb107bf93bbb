import type { Command } from "commander";
import { wholeNumber } from "../option-values.ts";
import { examples, type FormatOption, withFormat } from "../output.ts";

/** Options of `canopy reproduce` as commander hands them over. */
export interface ReproduceCommandOptions extends FormatOption {
  readonly list?: true;
  readonly small?: true;
  readonly update?: true;
  readonly results?: string;
  readonly workers?: number;
  readonly quiet?: true;
}

export function addReproduceCommand(program: Command): void {
  const command = program
    .command("reproduce")
    .description("make committed results again and compare every figure; a drift leaves with 1")
    .argument("[item...]", "names of committed results, e.g. cedar/table-1, or all")
    .option("--list", "list the committed results with their sizes and run none")
    .option("--small", "the reduced versions: first seed, first start, and what harness/small.yaml declares")
    .option("--update", "with --small: keep what they give now as what is expected")
    .option("--results <dir>", "folder of the committed results, default that of the clone")
    .option(
      "--workers <n>",
      "worker threads, default one for each core; 0: none, and an interruption waits for the run under way",
      wholeNumber("--workers", 0),
    )
    .option("--quiet", "no progress on stderr")
    .addHelpText(
      "after",
      examples([
        "canopy reproduce --list",
        "canopy reproduce cedar/table-1",
        "canopy reproduce all --small",
        "canopy reproduce cedar/table-1 --small --update",
      ]),
    );
  withFormat(command).action(async (ids: string[], options: ReproduceCommandOptions) => {
    const { reproduceItems } = await import("../reproduce-items.ts");
    await reproduceItems(ids, options);
  });
}
