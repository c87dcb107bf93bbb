import type { Command } from "commander";
import { UserError } from "../../errors.ts";
import { examples, type FormatOption, print, withFormat } from "../output.ts";

interface CompareCommandOptions extends FormatOption {
  readonly routers?: readonly [string, string];
  readonly metric: readonly string[];
  readonly all?: true;
}

export function addCompareCommand(program: Command): void {
  const command = program
    .command("compare")
    .description(
      "compare two results, or two routers of one: differences with intervals, effect sizes, a word",
    )
    .argument("<a>", "folder that canopy run --out has written, or its result.json")
    .argument("[b]", "the other one; without it --routers names two of the first")
    .option("--routers <a,b>", "router of the first result and of the second", twoNames)
    .option(
      "--metric <name>",
      "only this metric (repeatable); default: the columns of the tables",
      gather,
      [],
    )
    .option("--all", "every metric that both have")
    .addHelpText(
      "after",
      examples([
        "canopy compare results/cedar/cedar-reading-a results/cedar/cedar-reading-b",
        "canopy compare results/cedar/cedar-table-1 --routers round-robin,cedar",
        "canopy compare before after --metric carbon_g_per_request --format json",
      ]),
    );
  withFormat(command).action(async (a: string, b: string | undefined, options: CompareCommandOptions) => {
    const { format, routers, metric, all } = options;
    if (b === undefined && routers === undefined) {
      throw new UserError(
        "CANOPY_USAGE",
        `compare ${a} with what? Name a second result, or two routers of this one by --routers a,b`,
      );
    }
    const { findResult } = await import("../../report/html/find-results.ts");
    const { compareResults } = await import("../../report/comparison/compare-results.ts");
    const { comparisonTables } = await import("../../report/comparison/comparison-table.ts");
    const first = await findResult(a);
    const second = b === undefined ? first : await findResult(b);
    const rows = compareResults(first.result, second.result, {
      metrics: metric,
      all: all === true,
      ...(routers === undefined ? {} : { routers }),
    });
    const sides = [first, second].map(({ folder, result }) => ({ folder, experiment: result.experiment }));
    await print(format, {
      tables: comparisonTables(rows, sides),
      json: { schema: "canopy/comparison/1", a: sides[0], b: sides[1], rows },
    });
  });
}

function twoNames(text: string): readonly [string, string] {
  const [a, b, ...more] = text.split(",").map((name) => name.trim());
  if (a && b && more.length === 0) return [a, b];
  throw new UserError(
    "CANOPY_OPTION_VALUE",
    `--routers ${text}: expected two labels, as in --routers cedar,round-robin`,
  );
}

function gather(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
