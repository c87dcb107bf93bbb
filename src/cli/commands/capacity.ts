import type { Command } from "commander";
import { UserError } from "../../errors.ts";
import { wholeNumber } from "../option-values.ts";
import { examples, type FormatOption, withFormat } from "../output.ts";

/** Options of `canopy capacity` as commander hands them over. */
export interface CapacityCommandOptions extends FormatOption {
  readonly level: readonly number[];
  readonly tolerance: number;
  readonly least: number;
  readonly most: number;
  readonly tier?: string;
  readonly seeds?: number;
  readonly workers?: number;
  readonly set: readonly string[];
  readonly out?: string;
  readonly fresh?: true;
  readonly quiet?: true;
  readonly dryRun?: true;
}

export function addCapacityCommand(program: Command): void {
  const command = program
    .command("capacity")
    .description("the highest arrival rate at which each router attains 90, 95 and 99 % of the objectives")
    .argument("<experiment.yaml>", "an experiment with routers; its own rate is where the search begins")
    .option("--level <share,share>", "shares of attainment", parseLevels, [0.9, 0.95, 0.99])
    .option(
      "--tolerance <share>",
      "how near the lowest rate that misses has to be to the one given",
      between("--tolerance", 0.0001, 1),
      0.02,
    )
    .option(
      "--least <factor>",
      "lowest rate tried, of the experiment's own",
      between("--least", 1e-6, 1),
      2 ** -10,
    )
    .option("--most <factor>", "highest rate tried, of the experiment's own", between("--most", 1, 1e6), 64)
    .option("--tier <name>", "attainment of the requests of this tier alone")
    .option("--seeds <n>", "seeds 1 to n in place of the file's", wholeNumber("--seeds", 1))
    .option(
      "--workers <n>",
      "worker threads, default one for each core; 0: none, and an interruption waits for the run under way",
      wholeNumber("--workers", 0),
    )
    .option(
      "--set <path=value>",
      "override a value, e.g. fleet.0.replicas=8 (repeatable)",
      (value: string, before: readonly string[]) => [...before, value],
      [],
    )
    .option("--out <dir>", "write tables, rows.csv, capacity.json, figures and manifest.json there")
    .option("--fresh", "do all runs anew")
    .option("--quiet", "no progress and no remarks on stderr")
    .option("--dry-run", "print how many runs it takes at most and do none")
    .addHelpText(
      "after",
      examples([
        "canopy capacity harness/cedar/table-1.yaml --dry-run",
        "canopy capacity mine.yaml --level 0.99 --tolerance 0.01 --seeds 5 --out results/capacity",
        "canopy capacity mine.yaml --tier HIGH --set 'routers=[round-robin, ./mine.ts]' --format json",
      ]),
    );
  withFormat(command).action(async (file: string, options: CapacityCommandOptions) => {
    const { findCapacities } = await import("../find-capacities.ts");
    await findCapacities(file, options);
  });
}

/** Distinct shares in rising order. */
function parseLevels(text: string): readonly number[] {
  const levels = text.split(",").map((word) => (word.trim() === "" ? Number.NaN : Number(word)));
  if (levels.every((level) => level > 0 && level < 1)) return [...new Set(levels)].sort((a, b) => a - b);
  // Whoever writes 95 means percent.
  const arePercent = levels.every((level) => level > 0 && level < 100 && level !== 1);
  const shares = levels.map((level) => (level < 1 ? level : Number((level / 100).toPrecision(12))));
  throw new UserError(
    "CANOPY_OPTION_VALUE",
    `--level ${text}: expected shares above 0 and below 1, with commas between${arePercent ? ` (did you mean "${shares.join(",")}"?)` : ""}`,
  );
}

function between(option: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && value >= least && value <= most) return value;
    throw new UserError(
      "CANOPY_OPTION_VALUE",
      `${option} ${text}: expected a number from ${least} to ${most}`,
    );
  };
}
