import type { Command } from "commander";
import { UserError } from "../../errors.ts";
import { wholeNumber } from "../option-values.ts";
import { examples, type FormatOption, withFormat } from "../output.ts";

/** Options of `canopy explain` as commander hands them over. */
export interface ExplainCommandOptions extends FormatOption {
  readonly router?: string;
  readonly seed?: number;
  readonly start?: string;
  readonly point?: string;
  readonly only?: string;
  readonly set: readonly string[];
  readonly trace?: string;
  readonly from?: number;
  readonly to?: number;
  readonly most: number;
}

export function addExplainCommand(program: Command): void {
  const command = program
    .command("explain")
    .description(
      "why a request went where it went, by a second pass over its run; a run as a trace for Perfetto",
    )
    .argument("<run>", "an experiment file, or a folder that canopy run --out has written")
    .argument("[request]", "number of the request from 0, request_id in records", wholeNumber("request", 0))
    .option("--router <label>", "the router, where there are several")
    .option("--seed <n>", "the seed, default the first", wholeNumber("--seed", 0))
    .option("--start <time>", "the start as ISO time or its beginning, default the first")
    .option("--point <point>", "the point as tables name it, where there are several")
    .option("--only <key>", "the run whose key begins so, instead")
    .option(
      "--set <path=value>",
      "override a value of the experiment file (repeatable)",
      (value: string, before: readonly string[]) => [...before, value],
      [],
    )
    .option(
      "--trace <file.json>",
      "write a trace in the Trace Event Format: the request's time, or the run from its beginning",
    )
    .option("--from <seconds>", "beginning of the trace in the run", seconds("--from"))
    .option("--to <seconds>", "end of the trace in the run", seconds("--to"))
    .option(
      "--most <n>",
      "requests of the trace at most: it ends before more come",
      wholeNumber("--most", 1),
      5000,
    )
    .addHelpText(
      "after",
      examples([
        "canopy explain harness/cedar/table-1.yaml 1200 --router cedar",
        "canopy explain results/cedar/cedar-table-1 1200 --router cedar --seed 3 --format json",
        "canopy explain mine.yaml --router round-robin --trace trace.json --from 60 --to 90",
      ]),
    );
  withFormat(command).action(
    async (run: string, request: number | undefined, options: ExplainCommandOptions) => {
      const { explain } = await import("../explain-run.ts");
      await explain(run, request, options);
    },
  );
}

function seconds(option: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && value >= 0 && Number.isFinite(value)) return value;
    throw new UserError(
      "CANOPY_OPTION_VALUE",
      `${option} ${text}: expected seconds from the start of the run`,
    );
  };
}
