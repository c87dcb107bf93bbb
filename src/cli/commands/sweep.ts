import type { Command } from "commander";
import { UserError } from "../../errors.ts";
import { wholeNumber } from "../option-values.ts";
import { examples, type FormatOption, withFormat } from "../output.ts";

/** Options of `canopy sweep` and its steps as commander hands them over. */
export interface SweepCommandOptions extends FormatOption {
  readonly engine?: "local" | "slurm";
  readonly dryRun?: true;
  readonly seeds?: number;
  readonly workers?: number;
  readonly set: readonly string[];
  readonly out?: string;
  readonly shards?: number;
  readonly only?: string;
  readonly fresh?: true;
  readonly wait?: true;
  readonly quiet?: true;
}

export interface MissingCommandOptions extends FormatOption {
  readonly out?: string;
  readonly array?: true;
  readonly unended?: true;
}

export function addSweepCommands(program: Command): void {
  addSweep(program);
  addPlan(program);
  addShard(program);
  addMissing(program);
  addMerge(program);
}

const OUT = "--out <dir>";
const OUT_TEXT = "folder of the sweep, default .canopy/sweeps/ID";

function addSweep(program: Command): void {
  const command = program
    .command("sweep")
    .description("vary an experiment over grids, ranges and samples; what was done before is not done again")
    .argument("<sweep.yaml>", "sweep file: a base experiment and what is varied")
    .option("--engine <word>", "local: this machine; slurm: array jobs", parseEngine, "local")
    .option("--dry-run", "print how many runs there are and how long they will take, and keep none")
    .option("--wait", "slurm: stay until the jobs have ended, then print as the local engine does")
    .option("--only <key>", "only the run whose key begins so, as the report of a failed run names it")
    .option("--fresh", "do all runs anew");
  withFormat(withPlanOptions(withWorkers(command)))
    .addHelpText(
      "after",
      examples([
        "canopy sweep rates.yaml --dry-run",
        "canopy sweep rates.yaml --out results/rates",
        "canopy sweep rates.yaml --engine slurm --shards 64 --out results/rates",
        "canopy sweep rates.yaml --format csv > rates.csv",
      ]),
    )
    .action(async (file: string, options: SweepCommandOptions) => {
      const { sweep } = await import("../run-sweeps.ts");
      await sweep(file, options);
    });
}

function addPlan(program: Command): void {
  const command = program
    .command("sweep-plan")
    .description(
      "first step of a sweep: check every point, list the runs, write the plan that the shards share",
    )
    .argument("<sweep.yaml>", "sweep file");
  withFormat(withPlanOptions(command))
    .addHelpText("after", examples(["canopy sweep-plan rates.yaml --shards 64 --out results/rates"]))
    .action(async (file: string, options: SweepCommandOptions) => {
      const { planOnly } = await import("../run-sweeps.ts");
      await planOnly(file, options);
    });
}

function addShard(program: Command): void {
  const command = program
    .command("sweep-shard")
    .description("second step: do the runs of one shard that are not done, as often as need be")
    .argument("<sweep>", "folder of the sweep, or its file")
    .argument(
      "[k/n]",
      "the shard, 0 to n - 1; default: of a Slurm array or a Kubernetes Indexed Job the task's own",
    );
  withPlanOptions(withWorkers(command))
    .addHelpText(
      "after",
      examples(["canopy sweep-shard results/rates 3/64", "canopy sweep-shard rates.yaml 0/2"]),
    )
    .action(async (sweep: string, shard: string | undefined, options: SweepCommandOptions) => {
      const { shardOnly } = await import("../run-sweeps.ts");
      await shardOnly(sweep, shard, options);
    });
}

function addMissing(program: Command): void {
  const command = program
    .command("sweep-missing")
    .description("third step: list the shards that have runs to do")
    .argument("<sweep>", "folder of the sweep, or its file")
    .option(OUT, OUT_TEXT)
    .option("--array", "as numbers for sbatch --array, e.g. 2,7,11-13; nothing where all is done")
    .option("--unended", "without shards all of whose missing runs failed");
  withFormat(command)
    .addHelpText(
      "after",
      examples(["canopy sweep-missing results/rates", "canopy sweep-missing results/rates --array"]),
    )
    .action(async (sweep: string, options: MissingCommandOptions) => {
      const { missingOnly } = await import("../run-sweeps.ts");
      await missingOnly(sweep, options);
    });
}

function addMerge(program: Command): void {
  const command = program
    .command("sweep-merge")
    .description("last step: merge what the shards have finished into tables and data")
    .argument("<sweep>", "folder of the sweep, or its file")
    .option(OUT, OUT_TEXT)
    .option("--quiet", "no remarks on stderr");
  withFormat(command)
    .addHelpText(
      "after",
      examples(["canopy sweep-merge results/rates", "canopy sweep-merge results/rates --format markdown"]),
    )
    .action(async (sweep: string, options: SweepCommandOptions) => {
      const { mergeOnly } = await import("../run-sweeps.ts");
      await mergeOnly(sweep, options);
    });
}

function withPlanOptions(command: Command): Command {
  return command
    .option("--shards <n>", "pieces, default the file's", wholeNumber("--shards", 1, 100_000))
    .option("--seeds <n>", "seeds 1 to n in place of the experiment's", wholeNumber("--seeds", 1))
    .option("--set <path=value>", "override a value, e.g. fleet.0.replicas=8 (repeatable)", gather, [])
    .option(OUT, OUT_TEXT)
    .option("--quiet", "no progress and no remarks on stderr");
}

function withWorkers(command: Command): Command {
  return command.option(
    "--workers <n>",
    "worker threads, default one for each core; 0: none, and an interruption waits for the run under way",
    wholeNumber("--workers", 0),
  );
}

function parseEngine(text: string): "local" | "slurm" {
  if (text === "local" || text === "slurm") return text;
  throw new UserError("CANOPY_OPTION_VALUE", `--engine ${text}: expected local or slurm`);
}

function gather(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
