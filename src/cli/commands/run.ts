import type { Command } from "commander";
import { UserError } from "../../errors.ts";
import { examples, type FormatOption, withFormat } from "../output.ts";

/** Options of `canopy run` as commander hands them over. */
export interface RunCommandOptions extends FormatOption {
  readonly seeds?: number;
  readonly workers?: number;
  readonly set: readonly string[];
  readonly out?: string;
  readonly requestsOut?: string;
  readonly only?: string;
  readonly fresh?: true;
  readonly quiet?: true;
  readonly dryRun?: true;
}

export function addRunCommand(program: Command): void {
  const command = program
    .command("run")
    .description("run experiments and print their tables; what was done before is not done again")
    .argument("<experiment.yaml...>", "experiment files; runs that they share are done once")
    .option("--seeds <n>", "seeds 1 to n in place of the file's", wholeNumber("--seeds", 1))
    .option(
      "--workers <n>",
      "worker threads, default one for each core; 0: none, and an interruption waits for the run under way",
      wholeNumber("--workers", 0),
    )
    .option("--set <path=value>", "override a value, e.g. fleet.0.replicas=8 (repeatable)", gather, [])
    .option("--out <dir>", "write tables, figures, result.json and manifest.json there")
    .option("--requests-out <file>", "write a record of every request, as .csv or .parquet")
    .option("--only <key>", "only the run whose key begins so, as the report of a failed run names it")
    .option("--fresh", "do all runs anew")
    .option("--quiet", "no progress and no remarks on stderr")
    .option("--dry-run", "print the plan of runs and do none")
    .addHelpText(
      "after",
      examples([
        "canopy run harness/cedar/table-1.yaml",
        "canopy run table-1.yaml table-2.yaml --seeds 5 --out results/cedar",
        "canopy run mine.yaml --set fleet.0.replicas=8 --set 'routers=[cedar-heuristic, ./mine.ts]' --format json",
        "canopy run mine.yaml --requests-out requests.parquet",
      ]),
    );
  withFormat(command).action(async (files: string[], options: RunCommandOptions) => {
    const { runExperiments } = await import("../run-experiments.ts");
    await runExperiments(files, options);
  });
}

function wholeNumber(option: string, least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isInteger(value) && value >= least) return value;
    throw new UserError("CANOPY_OPTION_VALUE", `${option} ${text}: expected a whole number from ${least} on`);
  };
}

function gather(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
