import type { Command } from "commander";
import { UserError } from "../../errors.ts";
import { examples, type FormatOption, print, withFormat } from "../output.ts";

interface CompareCommandOptions extends FormatOption {
  readonly routers?: readonly [string, string];
  readonly point: readonly string[];
  readonly metric: readonly string[];
  readonly all?: true;
}

export function addCompareCommand(program: Command): void {
  const command = program
    .command("compare")
    .description(
      "compare two results, or two routers or points of one: differences with intervals, effect sizes, a word",
    )
    .argument("<a>", "folder that canopy run --out has written, or its result.json")
    .argument("[b]", "the other one; without it --routers or two --point are of the first")
    .option("--routers <a,b>", "router of the first result and of the second", twoNames)
    .option(
      "--point <point>",
      "only this point, as tables name it; given twice: of the first result and of the second",
      gather,
      [],
    )
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
        "canopy compare results/caps/caps-serial --routers rr,caps",
        "canopy compare results/cedar/cedar-average-vs-marginal --point average --point marginal",
        "canopy compare before after --metric carbon_g_per_request --format json",
      ]),
    );
  withFormat(command).action(async (a: string, b: string | undefined, options: CompareCommandOptions) => {
    const { format, routers, point: points, metric, all } = options;
    if (b === undefined && routers === undefined && points.length < 2) {
      throw new UserError(
        "CANOPY_USAGE",
        `compare ${a} with what? Name a second result, or of this one two routers by --routers a,b or two points by --point a --point b`,
      );
    }
    if (points.length > 2) {
      throw new UserError(
        "CANOPY_USAGE",
        `--point ${points[2]}: a third point, expected one of each result at most`,
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
      points,
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
