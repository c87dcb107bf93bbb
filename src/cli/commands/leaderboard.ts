import type { Command } from "commander";
import { UserError } from "../../errors.ts";
import { examples, type FormatOption, withFormat } from "../output.ts";

/** Options of `canopy leaderboard` as commander hands them over. */
export interface LeaderboardCommandOptions extends FormatOption {
  readonly attainment: number;
  readonly within: number;
  readonly overhead?: string;
  readonly out?: string;
  readonly bound: boolean;
}

export function addLeaderboardCommand(program: Command): void {
  const command = program
    .command("leaderboard")
    .description(
      "one table of routers from finished results: raw, at equal attainment, fronts of the families, who wins when, a lower bound",
    )
    .argument("<base>", "the result whose rows the table has: a folder that canopy run --out has written")
    .argument("[others...]", "results that change something of it, or folders of such results")
    .option(
      "--attainment <share>",
      "share of requests within their objective at which routers are compared",
      numberFrom("--attainment", "a share above 0 and below 1", (value) => value > 0 && value < 1),
      0.95,
    )
    .option(
      "--within <seconds>",
      "the bound is of runs in which every request ends this long after its arrival and the hold it may have",
      numberFrom("--within", "a number above 0", (value) => value > 0),
      3600,
    )
    .option("--no-bound", "no lower bound: it needs the experiment file and its data")
    .option("--overhead <dir>", "decision times from what canopy overhead --out has written")
    .option("--out <dir>", "write leaderboard.md, .tex, .csv, .json and figures there")
    .addHelpText(
      "after",
      examples([
        "canopy leaderboard results/cross/cross-base results/cross/cross-load --overhead results/overhead --out board",
        "canopy leaderboard results/mine --no-bound --format markdown",
      ]),
    );
  withFormat(command).action(async (base: string, others: string[], options: LeaderboardCommandOptions) => {
    const { runLeaderboard } = await import("../run-leaderboard.ts");
    await runLeaderboard(base, others, options);
  });
}

function numberFrom(option: string, expected: string, fits: (value: number) => boolean) {
  return (text: string): number => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (fits(value) && Number.isFinite(value)) return value;
    throw new UserError("CANOPY_OPTION_VALUE", `${option} ${text}: expected ${expected}`);
  };
}
